"""Artifacts and decisions for the cache's tests: small, complete, made without any stage."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from scanner import Confidence, FileResult, Finding, Report, Severity, Status, Where
from secureload import flow
from secureload.flow import (
    AdmissionKey,
    Approval,
    Artifact,
    ArtifactFile,
    Attestation,
    Conversion,
    Decided,
    Decision,
    FileClaim,
    Link,
    Listing,
    PolicyId,
    Reason,
    SignatureStatus,
    Signer,
    Snapshot,
    Source,
    StoredFile,
    TensorProof,
    Verdict,
)

RULESET = "rules-1"
POLICY = PolicyId(name="default", digest="sha256:" + "1" * 64)


def weights(fill: int = 7, count: int = 64) -> bytes:
    """A safetensors file with one tensor of bytes."""
    entry = {"w": {"dtype": "U8", "shape": [count], "data_offsets": [0, count]}}
    header = json.dumps(entry).encode()
    return struct.pack("<Q", len(header)) + header + bytes([fill]) * count


FILES = {
    "config.json": b'{"model_type": "bert"}',
    "model.safetensors": weights(),
    "sub/tokenizer.json": b"{}",
}


def stored(path: str, data: bytes) -> StoredFile:
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    sha256 = hashlib.sha256(data).hexdigest()
    return StoredFile(path=path, size=len(data), sha256=sha256, git_oid=git.hexdigest())


def write(root: Path, files: Mapping[str, bytes]) -> None:
    for path, data in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def decided(
    root: Path,
    files: Mapping[str, bytes] = FILES,
    *,
    source: Source | None = None,
    commit: str = "c" * 40,
    decision: Decision = Decision.ALLOW,
    policy: PolicyId = POLICY,
) -> Decided:
    """What the stages up to the decision would give for these files."""
    source = source or Source(kind="hub", location="org/model", revision="main")
    claims = tuple(FileClaim(path=path, size=len(data)) for path, data in sorted(files.items()))
    listing = Listing(source=source, commit=commit, claims=claims)
    stored_files = tuple(stored(path, data) for path, data in sorted(files.items()))
    snapshot = Snapshot(listing=listing, root=root, files=stored_files)
    finding = Finding(
        rule="note",
        severity=Severity.INFO,
        confidence=Confidence.HIGH,
        message="worth knowing",
        where=Where(offset=3),
        evidence=MappingProxyType({"count": 2}),
    )
    results = tuple(
        FileResult(
            path=file.path,
            format="any",
            size=file.size,
            sha256=file.sha256,
            status=Status.EXAMINED,
            findings=(finding,) if file.path == "config.json" else (),
        )
        for file in stored_files
    )
    reason = Reason(rule="identity", message="unsigned", subject="org/model", setting="x: deny")
    denied = decision is not Decision.ALLOW
    verdict = Verdict(
        decision=decision,
        subject=str(source),
        commit=commit,
        policy=policy,
        ruleset=RULESET,
        reasons=(reason,) if denied else (),
        warnings=() if denied else (reason,),
    )
    attestation = Attestation(
        status=SignatureStatus.VERIFIED,
        signer=Signer(kind="openpgp", fingerprint="F" * 40, name="Publisher"),
        chain=(Link(kind="commit", subject=commit, digest=commit, ok=True),),
    )
    approval = None
    if not denied:
        approval = Approval(verdict, snapshot.digest, seal=flow._SEAL)
    return Decided(
        listing=listing,
        attestation=attestation,
        snapshot=snapshot,
        report=Report(files=results, ruleset=RULESET),
        verdict=verdict,
        approval=approval,
    )


def artifact(made: Decided, root: Path, files: Mapping[str, bytes] = FILES) -> Artifact:
    """The files written to `root`, as a converter would leave them."""
    assert made.snapshot is not None
    write(root, files)
    proof = TensorProof(name="w", dtype="U8", shape=(64,), sha256="a" * 64, source="x.bin:w+0")
    return Artifact(
        snapshot=made.snapshot,
        root=root,
        files=tuple(
            ArtifactFile(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            for path, data in sorted(files.items())
        ),
        conversions=(
            Conversion(
                converter="torch-zip/1",
                inputs=("x.bin",),
                outputs=("model.safetensors",),
                tensors=(proof,),
                notes=("one note",),
            ),
        ),
    )


def key(made: Decided, selection: str = "model\0\0") -> AdmissionKey:
    source = made.listing.source
    return AdmissionKey(
        kind=source.kind,
        repository=source.repository,
        commit=made.listing.commit,
        selection=selection,
        policy=made.verdict.policy.digest,
        ruleset=RULESET,
        converter="1",
    )
