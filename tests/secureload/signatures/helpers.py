"""A publisher's repository, an operator's trust root, and the question between them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import yaml

from secureload.flow import Attestation, FileClaim, Listing, Snapshot, Source, StoredFile
from secureload.signatures import TrustRoots, attest, bind
from secureload.signatures.gitobjects import object_id, parse_tree
from tests.servers.keys import PRINCIPAL, OpenPGPKey, SSHKey
from tests.servers.repos import PublishedRepo, lfs_pointer

FILES = {"config.json": b"{}\n", "sub/vocab.txt": b"a\nb\n", "pytorch_model.bin": b"weights" * 99}


class Case:
    """One repository at a time, in one temporary folder."""

    def __init__(self, folder: Path, name: str = "org/name") -> None:
        self.folder = folder
        self.repo = PublishedRepo(folder / "served", name)
        self.keys: list[dict[str, object]] = []
        self.count = 0

    def trust(
        self,
        key: OpenPGPKey | SSHKey,
        *,
        repos: list[str] | None = None,
        options: str = "",
        revocations: bytes | None = None,
        principal: str = PRINCIPAL,
    ) -> None:
        """Add a key to the operator's trust root."""
        number = len(self.keys)
        entry: dict[str, object] = {"file": f"{number}.key"}
        if isinstance(key, OpenPGPKey):
            entry["kind"] = "openpgp"
            (self.folder / f"{number}.key").write_text(key.public)
        else:
            entry |= {"kind": "ssh", "principal": principal}
            (self.folder / f"{number}.key").write_text(key.allowed_signers(options=options))
        if repos is not None:
            entry["repos"] = repos
        if revocations is not None:
            entry["revocations"] = f"{number}.revoked"
            (self.folder / f"{number}.revoked").write_bytes(revocations)
        self.keys.append(entry)

    @property
    def roots(self) -> TrustRoots:
        if not self.keys:
            return TrustRoots()
        document = {
            "apiVersion": "secureload/v1",
            "kind": "TrustRoot",
            "metadata": {"name": "publishers"},
            "spec": {"keys": self.keys},
        }
        path = self.folder / "roots.yaml"
        path.write_text(yaml.safe_dump(document))
        return TrustRoots.load([path])

    def listing(self, commit: str, *, revision: str | None = None) -> Listing:
        """What an honest server lists for a commit."""
        source = Source(kind="hub", location=self.repo.name, revision=revision)
        return Listing(source=source, commit=commit, claims=tuple(self._claims(commit)))

    def _claims(self, commit: str) -> list[FileClaim]:
        tree = self.repo.git("rev-parse", f"{commit}^{{tree}}")
        claims = []
        pending = [("", tree)]
        while pending:
            prefix, oid = pending.pop()
            for entry in parse_tree(self.repo.read(oid))[0]:
                path = f"{prefix}{entry.name}"
                if entry.is_tree:
                    pending.append((f"{path}/", entry.oid))
                    continue
                try:
                    data = self.repo.read(entry.oid)
                except RuntimeError:
                    data = b""  # a submodule's commit is not here
                claims.append(_claim(path, entry.oid, data))
        return sorted(claims, key=lambda claim: claim.path)

    def attest(
        self,
        commit: str,
        *,
        revision: str | None = None,
        listing: Listing | None = None,
        now: datetime | None = None,
    ) -> Attestation:
        """Ask who signed a commit."""
        self.count += 1
        return attest(
            listing or self.listing(commit, revision=revision),
            self.repo.remote,
            self.roots,
            self.folder / f"work-{self.count}",
            now=None if now is None else lambda: now,
        )

    def bind(
        self, commit: str, attestation: Attestation, files: Mapping[str, bytes]
    ) -> Attestation:
        """Carry an attestation on to these bytes."""
        stored = tuple(
            StoredFile(
                path=path,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                git_oid=object_id("blob", data),
            )
            for path, data in files.items()
        )
        snapshot = Snapshot(listing=self.listing(commit), root=self.folder, files=stored)
        return bind(attestation, snapshot)


def _claim(path: str, oid: str, data: bytes) -> FileClaim:
    if not data.startswith(b"version https://git-lfs"):
        return FileClaim(path=path, size=len(data), git_oid=oid)
    rows = dict(row.split(" ", 1) for row in data.decode().splitlines())
    digest = rows["oid"].removeprefix("sha256:")
    return FileClaim(path=path, size=int(rows["size"]), git_oid=oid, sha256=digest)


def changed(listing: Listing, path: str, /, **changes: object) -> Listing:
    """The listing of a server that lies about one file."""
    claims = tuple(
        replace(claim, **changes) if claim.path == path else claim  # type: ignore[arg-type]
        for claim in listing.claims
    )
    return replace(listing, claims=claims)


def pointed(data: bytes) -> str:
    """The blob id of the LFS pointer for these bytes."""
    return object_id("blob", lfs_pointer(data))
