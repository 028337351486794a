"""What the model-signing tool signs by sigstore, verified offline; and what is changed in it."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.builders import model_signatures as made
from tests.builders.sigstore import OTHERS, Sigstore
from tests.secureload.signatures.models import FILES, SignedModel
from tests.servers.sigstore import LocalSigstore

LOGS = [(1, False), (1, True), (2, True)]
"""Versions of the transparency log, without and with an authority that stamps the time."""


@pytest.fixture(scope="module")
def running() -> Iterator[LocalSigstore]:
    with LocalSigstore() as server:
        yield server


@pytest.fixture
def services(running: LocalSigstore) -> LocalSigstore:
    """Sigstore's services, which tell the true time, and whose log is as long for every test."""
    running.sigstore.issued_at = running.sigstore.logged_at = None
    del running.sigstore.leaves[OTHERS:]
    return running


def by_tool(
    model: SignedModel,
    services: LocalSigstore,
    *,
    version: int = 1,
    stamps: bool = False,
    identity: str = made.IDENTITY,
) -> dict[str, Any]:
    """Sign with the model-signing tool's library; trust the publisher. The bundle it wrote."""
    from model_signing import hashing, signing

    config = services.trust_config(version=version, stamps=stamps)
    (model.trust.parent / "client.json").write_bytes(config)
    hashed = hashing.Config().use_file_serialization()
    hashed.set_ignored_paths(paths=[model.signature.name])
    signing.Config().use_sigstore_signer(
        identity_token=services.token(identity), trust_config=model.trust.parent / "client.json"
    ).set_hashing_config(hashed).sign(model.folder, model.signature)
    trusts(model, config, services)
    bundle: dict[str, Any] = json.loads(model.signature.read_text())
    return bundle


def trusts(model: SignedModel, config: bytes, services: LocalSigstore) -> None:
    who = {"identity": made.IDENTITY, "issuer": services.issuer.url}
    model.trusts("trusted_root.json", config, method="sigstore", **who)


def tool_verifies(model: SignedModel, services: LocalSigstore) -> bool:
    """Whether the tool's own library verifies what lies there, from the same trusted root."""
    from model_signing import verifying

    verifier = verifying.Config().use_sigstore_verifier(
        identity=made.IDENTITY,
        oidc_issuer=services.issuer.url,
        trust_config=model.trust.parent / "client.json",
    )
    try:
        verifier.verify(model.folder, model.signature)
    except Exception:  # every accident is a no, sigstore's own classes of errors among them
        return False
    return True


# -- what the tool signs -------------------------------------------------------------------


@pytest.mark.parametrize(("version", "stamps"), LOGS)
def test_the_tools_sigstore_signature_is_verified_offline(
    model: SignedModel,
    services: LocalSigstore,
    monkeypatch: pytest.MonkeyPatch,
    version: int,
    stamps: bool,
) -> None:
    bundle = by_tool(model, services, version=version, stamps=stamps)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("network"))

    said = model.verify()

    assert said["status"] == "verified"
    assert said["signer"]["name"] == made.IDENTITY
    assert {one["subject"] for one in said["chain"] if one["kind"] == "bytes"} == set(FILES)
    assert len(_entry(bundle)["inclusionProof"]["hashes"]) > 1
    asked = ("--identity", made.IDENTITY, "--issuer", services.issuer.url)
    assert model.status(*asked) == "verified"
    assert model.status("--identity", "other@example.org") == "key-not-allowed"


@pytest.mark.parametrize(("version", "stamps"), LOGS)
@pytest.mark.parametrize("change", ["tampered", "missing", "extra", "renamed"])
def test_a_folder_other_than_the_one_signed_is_refused(
    model: SignedModel, services: LocalSigstore, version: int, stamps: bool, change: str
) -> None:
    by_tool(model, services, version=version, stamps=stamps)
    weights = model.folder / "weights.bin"
    if change == "tampered":
        weights.write_bytes(b"W" + weights.read_bytes()[1:])
    elif change == "missing":
        weights.unlink()
    elif change == "extra":
        (model.folder / "extra.bin").write_bytes(b"x")
    else:
        weights.rename(model.folder / "model.bin")

    assert model.status() == "broken-chain"
    assert not tool_verifies(model, services)


@pytest.mark.parametrize("identity", ["ci@example.org", "https://ci.example.org/org/model@main"])
def test_somebody_else_is_unknown(
    model: SignedModel, services: LocalSigstore, identity: str
) -> None:
    by_tool(model, services, identity=identity)
    said = model.verify()
    assert (said["status"], said["signer"]["name"]) == ("unknown-key", identity)
    assert not tool_verifies(model, services)


def test_the_same_name_at_another_issuer_is_unknown(
    model: SignedModel, services: LocalSigstore
) -> None:
    bundle = services.sigstore.bundle(made.over(FILES), issuer="https://other.example.org")
    model.signature.write_text(json.dumps(bundle))
    trusts(model, services.sigstore.trusted_root(), services)
    assert model.status() == "unknown-key"


def test_another_sigstore_is_unknown(model: SignedModel, services: LocalSigstore) -> None:
    bundle = Sigstore().bundle(made.over(FILES), issuer=services.issuer.url)
    model.signature.write_text(json.dumps(bundle))
    trusts(model, services.sigstore.trusted_root(), services)
    assert model.status() == "unknown-key"


# -- when it was signed --------------------------------------------------------------------


@pytest.mark.parametrize(("version", "stamps"), LOGS)
@pytest.mark.parametrize("minutes", [-60, 60])
def test_a_certificate_counts_within_its_time_alone(
    model: SignedModel, services: LocalSigstore, version: int, stamps: bool, minutes: int
) -> None:
    now = datetime.now(UTC)
    # The tool itself signs with no certificate that has expired: the log is an hour late.
    services.sigstore.logged_at = now + timedelta(minutes=minutes)
    if version == 2:  # whose time is the stamp's, and that is now
        services.sigstore.issued_at = now + timedelta(minutes=abs(minutes))
    by_tool(model, services, version=version, stamps=stamps)

    said = model.verify()

    assert said["status"] == "bad-signature"
    assert "time" in said["detail"]
    assert not tool_verifies(model, services)


@pytest.mark.parametrize(
    ("version", "stamps", "without"),
    [(1, False, "inclusionPromise"), (2, True, "timestampVerificationData")],
)
def test_without_a_time_that_somebody_vouches_for_nothing_counts(
    model: SignedModel, services: LocalSigstore, version: int, stamps: bool, without: str
) -> None:
    bundle = by_tool(model, services, version=version, stamps=stamps)
    held = _entry(bundle) if without == "inclusionPromise" else bundle["verificationMaterial"]
    del held[without]
    model.signature.write_text(json.dumps(bundle))
    assert model.status() == "bad-signature"
    assert not tool_verifies(model, services)


def test_another_signatures_stamp_is_no_time(model: SignedModel, services: LocalSigstore) -> None:
    other = by_tool(model, services, version=2, stamps=True)
    bundle = by_tool(model, services, version=2, stamps=True)
    stamp = other["verificationMaterial"]["timestampVerificationData"]
    bundle["verificationMaterial"]["timestampVerificationData"] = stamp
    model.signature.write_text(json.dumps(bundle))
    assert model.status() == "bad-signature"


# -- what is changed in it -----------------------------------------------------------------


def _entry(bundle: dict[str, Any]) -> dict[str, Any]:
    (entry,) = bundle["verificationMaterial"]["tlogEntries"]
    found: dict[str, Any] = entry
    return found


def _flipped(text: str) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[-1] ^= 1
    return base64.b64encode(raw).decode()


def _proof(**changes: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def change(bundle: dict[str, Any]) -> None:
        proof = _entry(bundle)["inclusionProof"]
        for name, made_of in changes.items():
            proof[name] = made_of(proof[name])

    return change


def _checkpoint(bundle: dict[str, Any]) -> None:
    held = _entry(bundle)["inclusionProof"]["checkpoint"]
    text, signature = held["envelope"].rstrip("\n").rsplit(" ", 1)
    held["envelope"] = f"{text} {_flipped(signature)}\n"


def _later(bundle: dict[str, Any]) -> None:
    entry = _entry(bundle)
    entry["integratedTime"] = str(int(entry["integratedTime"]) + 1)


def _promise(bundle: dict[str, Any]) -> None:
    held = _entry(bundle)["inclusionPromise"]
    held["signedEntryTimestamp"] = _flipped(held["signedEntryTimestamp"])


def _payload(bundle: dict[str, Any]) -> None:
    envelope = bundle["dsseEnvelope"]
    said = base64.b64decode(envelope["payload"]).replace(b"weights.bin", b"Weights.bin")
    envelope["payload"] = base64.b64encode(said).decode()


def _signature(bundle: dict[str, Any]) -> None:
    (held,) = bundle["dsseEnvelope"]["signatures"]
    held["sig"] = _flipped(held["sig"])


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "root of the proof": _proof(rootHash=_flipped),
    "hash of the proof": _proof(hashes=lambda found: [_flipped(found[0]), *found[1:]]),
    "shorter proof": _proof(hashes=lambda found: found[:-1]),
    "no proof": _proof(hashes=lambda found: []),
    "other place in the log": _proof(logIndex=lambda found: "0"),
    "other size of the log": _proof(treeSize=lambda found: str(2 * int(found))),
    "signature of the checkpoint": _checkpoint,
    "payload": _payload,
    "signature": _signature,
}
CHANGES_OF_VERSION_1 = {"time in the log": _later, "promise of the log": _promise}


@pytest.mark.parametrize(
    ("version", "stamps", "name"),
    [
        *((*log, name) for log in LOGS[1:] for name in CHANGES),
        *((*LOGS[0], name) for name in CHANGES_OF_VERSION_1),
    ],
)
def test_a_bundle_with_one_part_changed_is_bad(
    model: SignedModel, services: LocalSigstore, version: int, stamps: bool, name: str
) -> None:
    bundle = by_tool(model, services, version=version, stamps=stamps)
    before = copy.deepcopy(bundle)
    {**CHANGES, **CHANGES_OF_VERSION_1}[name](bundle)
    assert bundle != before
    model.signature.write_text(json.dumps(bundle))

    assert model.status() == "bad-signature"
    assert not tool_verifies(model, services)


@pytest.mark.parametrize("part", ["tlogEntries", "certificate"])
@pytest.mark.parametrize(("version", "stamps"), LOGS)
def test_a_part_of_another_bundle_does_not_fit(
    model: SignedModel, services: LocalSigstore, version: int, stamps: bool, part: str
) -> None:
    other = by_tool(model, services, version=version, stamps=stamps, identity="ci@example.org")
    (model.folder / "config.json").write_bytes(b"{ }\n")
    bundle = by_tool(model, services, version=version, stamps=stamps)
    bundle["verificationMaterial"][part] = other["verificationMaterial"][part]
    model.signature.write_text(json.dumps(bundle))

    # A certificate of somebody else makes it that person's, whose signature it is not.
    assert model.status() == "bad-signature"
    assert not tool_verifies(model, services)


def test_a_certificate_that_no_log_saw_is_bad(model: SignedModel) -> None:
    sigstore = Sigstore()
    root = sigstore.trusted_root()
    sigstore.ct_key = ec.generate_private_key(ec.SECP256R1())
    model.signature.write_text(json.dumps(sigstore.bundle(made.over(FILES))))
    model.trusts("trusted_root.json", root, identity=made.IDENTITY, issuer=made.ISSUER)
    assert model.status() == "bad-signature"


def test_a_root_without_the_log_verifies_nothing(
    model: SignedModel, services: LocalSigstore, tmp_path: Path
) -> None:
    by_tool(model, services)
    trusted = services.sigstore.trusted()
    trusted["tlogs"] = Sigstore().trusted()["tlogs"]
    (tmp_path / "trusted_root.json").write_text(json.dumps(trusted))
    assert model.status() == "bad-signature"
