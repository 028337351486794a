"""Signatures over a folder, through `secureload verify`: the real tool's, and wrong ones."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from tests.builders import model_signatures as made
from tests.builders.sigstore import Sigstore
from tests.secureload.signatures.models import FILES, SignedModel


def by_tool(
    model: SignedModel,
    curve: str = "p256",
    *,
    ignored: tuple[str, ...] = (),
    shards: int | None = None,
    algorithm: str = "sha256",
    target: Path | None = None,
) -> None:
    """Sign with the model-signing tool's library, and trust its key."""
    from model_signing import hashing, signing

    private = made.key("publisher", curve)
    (model.trust.parent / "private.pem").write_bytes(made.private_pem(private))
    config = hashing.Config()
    if shards:
        config.use_shard_serialization(hashing_algorithm=algorithm, shard_size=shards)
    else:
        config.use_file_serialization(hashing_algorithm=algorithm)
    config.set_ignored_paths(paths=[*ignored, model.signature.name])
    signing.Config().use_elliptic_key_signer(
        private_key=model.trust.parent / "private.pem"
    ).set_hashing_config(config).sign(target or model.folder, model.signature)
    model.trusts("publisher.pem", made.public_pem(private))


def tool_verifies(model: SignedModel) -> bool:
    """Whether the tool's own library verifies what lies there."""
    from model_signing import verifying

    key = model.trust.parent / "publisher.pem"
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=key).verify(
            model.folder, model.signature
        )
    except (ValueError, KeyError, OSError):
        return False
    return True


# -- what the tool signs -------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["p256", "p384", "p521"])
def test_the_tools_key_signature_is_verified(model: SignedModel, curve: str) -> None:
    by_tool(model, curve)

    said = model.verify()

    assert said["status"] == "verified"
    assert said["signer"]["kind"] == "model-signing"
    linked = {link["subject"] for link in said["chain"] if link["kind"] == "bytes"}
    assert linked == set(FILES)


@pytest.mark.parametrize("shards", [None, 1_000])
@pytest.mark.parametrize("algorithm", ["sha256", "blake2", "blake3"])
def test_every_serialization_of_the_tool_is_read(
    model: SignedModel, shards: int | None, algorithm: str
) -> None:
    by_tool(model, shards=shards, algorithm=algorithm)
    assert model.status() == "verified"

    (model.folder / "weights.bin").write_bytes(b"w" * 4_999 + b"x")

    assert model.status() == "broken-chain"


def test_the_tools_certificate_signature_is_verified(model: SignedModel) -> None:
    from model_signing import signing

    root_key, between_key, leaf_key = (made.key(name, "p384") for name in ("root", "int", "leaf"))
    root = made.certificate("root", root_key, ca=True)
    between = made.certificate("between", between_key, (root, root_key), ca=True)
    leaf = made.certificate("leaf", leaf_key, (between, between_key))
    parts = {"leaf.pem": made.pem(leaf), "between.pem": made.pem(between)}
    made.write(model.trust.parent, {**parts, "leaf.key": made.private_pem(leaf_key)})
    signing.Config().use_certificate_signer(
        private_key=model.trust.parent / "leaf.key",
        signing_certificate=model.trust.parent / "leaf.pem",
        certificate_chain=[model.trust.parent / "between.pem"],
    ).sign(model.folder, model.signature)
    model.trusts("root.pem", made.pem(root))

    said = model.verify()

    assert said["status"] == "verified"
    assert said["signer"]["name"] == "CN=leaf"


def test_a_model_that_is_one_file_is_signed_by_its_name_or_without(
    model: SignedModel, tmp_path: Path
) -> None:
    one = tmp_path / "weights.bin"
    one.write_bytes(b"weights")
    model.signature = tmp_path / "weights.bin.sig"
    by_tool(model, target=one)  # the tool calls the only file `.`
    assert model.verify("--signature", model.signature, model=one)["status"] == "verified"
    model.sign(made.over({"weights.bin": b"weights"}))
    assert model.verify("--signature", model.signature, model=one)["status"] == "verified"

    renamed = one.rename(tmp_path / "other.bin")

    assert model.verify("--signature", model.signature, model=renamed)["code"] == 1


@pytest.mark.parametrize("name", ["model.sig", "any.sig", "model.sigstore.json", "claims.jsonl"])
def test_the_signature_is_found_beside_the_files(signed: SignedModel, name: str) -> None:
    signed.signature.rename(signed.folder / name)
    assert signed.status() == "verified"


def test_the_signature_may_lie_elsewhere(signed: SignedModel, tmp_path: Path) -> None:
    elsewhere = Path(shutil.move(signed.signature, tmp_path / "elsewhere"))
    assert signed.status() == "unsigned"
    assert signed.status("--signature", elsewhere) == "verified"


def test_a_signature_named_by_the_caller_is_no_part_of_the_model(signed: SignedModel) -> None:
    odd = signed.signature.rename(signed.folder / "bundle.json")
    assert signed.status("--signature", odd) == "verified"


# -- what is left out ----------------------------------------------------------------------


def test_what_the_signer_left_out_is_named_and_nothing_else_may_be_there(
    model: SignedModel,
) -> None:
    made.write(model.folder, {"ignore-me": b"x", "cache/a": b"y", ".gitattributes": b"z"})
    by_tool(model, ignored=("ignore-me", "cache"))

    said = model.verify()

    assert said["status"] == "verified"
    assert said["unsigned"] == [".gitattributes", "cache/a", "ignore-me"]
    made.write(model.folder, {"sub/ignore-me": b"x"})
    assert model.status() == "broken-chain"


def test_the_caller_may_leave_out_more(signed: SignedModel) -> None:
    made.write(signed.folder, {"notes/a.txt": b"x"})
    assert signed.status() == "broken-chain"
    assert signed.status("--ignore-path", "notes") == "verified"
    assert signed.status("--ignore-path", signed.folder / "notes") == "verified"
    assert signed.status("--ignore-unsigned-files") == "verified"


@pytest.mark.parametrize("change", ["tamper", "delete"])
def test_leaving_out_unsigned_files_leaves_out_no_signed_one(
    signed: SignedModel, change: str
) -> None:
    if change == "tamper":
        (signed.folder / "weights.bin").write_bytes(b"W" * 5_000)
    else:
        (signed.folder / "weights.bin").unlink()
    options = ("--ignore-unsigned-files", "--ignore-path", "weights.bin")
    assert signed.status(*options) == "broken-chain"


@pytest.mark.parametrize("entry", [".", "", "/", "../model", "/etc", "*", "sub/*", "wei"])
def test_an_odd_entry_leaves_out_nothing(model: SignedModel, entry: str) -> None:
    model.trusts("publisher.pem", made.public_pem(made.key()))
    model.sign(made.over({"config.json": FILES["config.json"]}, ignored=[entry]))
    assert model.status() == "broken-chain"


def test_a_link_is_refused_unless_the_signer_followed_links(model: SignedModel) -> None:
    model.trusts("publisher.pem", made.public_pem(made.key()))
    (model.folder / "linked.bin").symlink_to("weights.bin")
    model.sign()
    assert model.status() == "broken-chain"
    model.sign(made.over(model.files, serialization={"allow_symlinks": True}))
    assert model.status() == "verified"


# -- signatures of earlier releases --------------------------------------------------------


@pytest.mark.parametrize("material", ["hint", "raw", "neither"])
@pytest.mark.parametrize("keyid", ["", None, "absent"])
def test_keys_are_named_as_every_release_did(
    model: SignedModel, material: str, keyid: str | None
) -> None:
    public = made.public_pem(made.key())
    model.trusts("publisher.pem", public)
    named: dict[str, Any] = {
        "hint": {"hint": hashlib.sha256(public).hexdigest()},
        "raw": {"rawBytes": base64.b64encode(public).decode(), "keyDetails": "PKIX_ECDSA"},
        "neither": {},
    }
    bundle = made.bundle(made.over(FILES), made.key(), material={"publicKey": named[material]})
    signature = bundle["dsseEnvelope"]["signatures"][0]
    signature |= {"keyid": keyid}
    if keyid == "absent":
        del signature["keyid"]
    model.signature.write_text(json.dumps(bundle))
    assert model.status() == "verified"


@pytest.mark.parametrize("curve", ["p256", "p384"])
def test_a_certificate_signature_of_release_0_2_is_verified(model: SignedModel, curve: str) -> None:
    private = made.key("old", curve)
    own = made.certificate("old", private)
    said = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": name,
                "digest": {"sha256": hashlib.sha256(data).hexdigest()},
                "annotations": {"actual_hash_algorithm": "file-sha256"},
            }
            for name, data in FILES.items()
        ],
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "Unused"},
    }
    payload = json.dumps(said, indent=2).encode()
    signature = made.sign(private, made.pae_before_v1(payload), hashes.SHA256())
    material = made.chain(own)
    del material["tlogEntries"]
    bundle = made.bundle(payload, private, material=material, signature=signature)
    model.signature.write_text(json.dumps(bundle))
    model.trusts("own.pem", made.pem(own))
    assert model.status() == "verified"
    (model.folder / "extra.bin").write_bytes(b"x")
    assert model.status() == "broken-chain"


# -- certificates --------------------------------------------------------------------------


def signed_by_chain(model: SignedModel, **which: Any) -> None:
    """Sign by a leaf below an intermediate below a trusted root, each as told."""
    root_key, between_key, leaf_key = (made.key(name) for name in ("root", "int", "leaf"))
    root = made.certificate("root", root_key, ca=True, **which.get("root", {}))
    issuer = (root, root_key)
    between = made.certificate("between", between_key, issuer, ca=True, **which.get("between", {}))
    leaf = made.certificate("leaf", leaf_key, (between, between_key), **which.get("leaf", {}))
    model.sign(private=leaf_key, material=made.chain(leaf, between))
    model.trusts("root.pem", made.pem(root))


_PAST, _FUTURE = {"days": (-900, -30)}, {"days": (300, 900)}


@pytest.mark.parametrize(
    ("which", "status"),
    [
        ({}, "verified"),
        ({"leaf": _PAST}, "expired-key"),
        ({"leaf": _FUTURE}, "expired-key"),
        ({"between": _PAST}, "expired-key"),
        ({"between": _FUTURE}, "expired-key"),
        ({"root": _PAST}, "expired-key"),
        ({"between": _PAST, "leaf": _PAST}, "expired-key"),
        ({"root": _PAST, "between": _PAST, "leaf": _PAST}, "expired-key"),
        ({"leaf": {"signs_code": False}}, "key-not-allowed"),
    ],
    ids=str,
)
def test_every_certificate_of_the_chain_counts_today(
    model: SignedModel, which: dict[str, Any], status: str
) -> None:
    signed_by_chain(model, **which)
    assert model.status() == status


def test_a_certificate_signs_by_itself_when_the_trust_root_holds_it(model: SignedModel) -> None:
    own = made.certificate("own", made.key("own"))
    model.sign(private=made.key("own"), material=made.chain(own))
    model.trusts("own.pem", made.pem(own))
    assert model.status() == "verified"


def test_a_certificate_of_another_authority_is_unknown(model: SignedModel) -> None:
    signed_by_chain(model)
    other = made.certificate("root", made.key("other"), ca=True)
    (model.trust.parent / "root.pem").write_bytes(made.pem(other))
    assert model.status() == "unknown-key"


def test_a_leaf_may_not_issue_certificates(model: SignedModel) -> None:
    root = made.certificate("root", made.key("root"), ca=True)
    leaf = made.certificate("leaf", made.key("leaf"), (root, made.key("root")))
    below = made.certificate("below", made.key("below"), (leaf, made.key("leaf")))
    model.sign(private=made.key("below"), material=made.chain(below, leaf))
    model.trusts("root.pem", made.pem(root))
    assert model.status() == "unknown-key"


# -- each wrong for its own reason ---------------------------------------------------------


@pytest.mark.parametrize("trusted", ["certificate", "sigstore", "nobody"])
def test_a_key_signature_counts_only_where_a_key_is_trusted(
    model: SignedModel, trusted: str
) -> None:
    model.sign()
    if trusted == "certificate":
        # The same key, in a certificate: it was not that which signed.
        model.trusts("own.pem", made.pem(made.certificate("own", made.key())))
    elif trusted == "sigstore":
        who = {"identity": made.IDENTITY, "issuer": made.ISSUER}
        model.trusts("trusted_root.json", Sigstore().trusted_root(), **who)
    assert model.status() == "unknown-key"


@pytest.mark.parametrize("signed_with", ["certificate", "sigstore"])
def test_other_signatures_do_not_count_where_a_key_is_trusted(
    model: SignedModel, signed_with: str
) -> None:
    model.trusts("publisher.pem", made.public_pem(made.key()))
    if signed_with == "certificate":
        model.sign(material=made.chain(made.certificate("own", made.key())))
    else:
        model.signature.write_text(json.dumps(Sigstore().bundle(made.over(FILES))))
    assert model.status() == "unknown-key"


def test_a_key_speaks_for_its_repositories_alone(model: SignedModel) -> None:
    model.sign()
    model.trusts("publisher.pem", made.public_pem(made.key()), repos=["org/*"])
    assert model.status() == "key-not-allowed"
    model.trusts("publisher.pem", made.public_pem(made.key()), repos=["*"])
    assert model.status() == "verified"


def test_another_keys_signature_under_the_publishers_hint_is_bad(model: SignedModel) -> None:
    model.trusts("publisher.pem", made.public_pem(made.key()))
    hint = hashlib.sha256(made.public_pem(made.key())).hexdigest()
    model.sign(private=made.key("mallory"), material={"publicKey": {"hint": hint}})
    assert model.status() == "bad-signature"
    model.sign(private=made.key("mallory"))
    assert model.status() == "unknown-key"


def _without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda bundle: bundle.pop(key)


def _signatures(count: int) -> Callable[[dict[str, Any]], object]:
    def change(bundle: dict[str, Any]) -> None:
        bundle["dsseEnvelope"]["signatures"] *= count

    return change


def _flipped(bundle: dict[str, Any]) -> None:
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    changed = payload.replace(b"weights.bin", b"Weights.bin")
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()


@pytest.mark.parametrize(
    "change",
    [
        _without("mediaType"),
        _without("verificationMaterial"),
        _without("dsseEnvelope"),
        lambda bundle: bundle.update(mediaType="application/json"),
        lambda bundle: bundle.update(
            mediaType="application/vnd.dev.sigstore.bundle+json;version=0.1"
        ),
        lambda bundle: bundle["dsseEnvelope"].update(payloadType="application/octet-stream"),
        lambda bundle: bundle["dsseEnvelope"].update(payload="not base64!"),
        lambda bundle: bundle["verificationMaterial"].update(made.chain()),
        _signatures(0),
        _signatures(2),
        _flipped,
    ],
)
def test_a_bundle_that_is_not_as_specified_is_bad(
    signed: SignedModel, change: Callable[[dict[str, Any]], object]
) -> None:
    bundle = json.loads(signed.signature.read_text())
    change(bundle)
    signed.signature.write_text(json.dumps(bundle))
    assert signed.status("--signature", signed.signature) == "bad-signature"


@pytest.mark.parametrize("content", [b"", b"{", b'{"garbage": true}', b"\xff\xfe", b"[]", b"null"])
def test_what_is_no_bundle_is_bad(signed: SignedModel, content: bytes) -> None:
    signed.signature.write_bytes(content)
    assert signed.status() == "bad-signature"
    whole = json.dumps(made.bundle(made.over(FILES), made.key())).encode()
    signed.signature.write_bytes(whole[:100])
    assert signed.status() == "bad-signature"


def test_a_key_that_is_there_twice_is_ambiguous_and_bad(signed: SignedModel) -> None:
    text = signed.signature.read_text()
    signed.signature.write_text(text.replace("{", '{"mediaType": "application/json", ', 1))
    assert signed.status() == "bad-signature"


def _resources() -> list[dict[str, str]]:
    return [made.resource(name, FILES[name]) for name in sorted(FILES)]


@pytest.mark.parametrize(
    "said",
    [
        {**made.over(FILES), "_type": "https://in-toto.io/Statement/v0.1"},
        {**made.over(FILES), "predicateType": "https://example.com/other/v1.0"},
        {**made.over(FILES), "subject": []},
        {**made.over(FILES), "subject": made.over(FILES)["subject"] * 2},
        {**made.over(FILES), "predicate": {}},
        made.statement([]),
        {**made.over(FILES), "predicate": {"resources": _resources()}},
        made.over(FILES, subject=[{"name": "model", "digest": {"sha256": "0" * 64}}]),
        made.over(FILES, serialization={"method": "tensors"}),
        made.over(FILES, serialization={"hash_type": "md5"}),
        made.over(FILES, serialization={"hash_type": "blake3"}),
        made.over(FILES, serialization={"allow_symlinks": "no"}),
        made.over(FILES, serialization={"method": "shards", "shard_size": 0}),
        made.over(FILES, serialization={"method": "shards", "shard_size": True}),
        made.over(FILES, serialization={"method": "shards", "shard_size": float("inf")}),
        made.over(FILES, serialization={"method": "shards"}),
        made.statement([*_resources(), made.resource("config.json", b"other")]),
        made.statement([*_resources(), made.resource("./config.json", b"other")]),
        made.statement([*_resources(), made.resource("../outside", b"other")]),
        made.statement([*_resources(), made.resource("/etc/passwd", b"other")]),
    ],
)
def test_a_signed_statement_that_is_not_as_specified_is_refused(
    signed: SignedModel, said: dict[str, Any]
) -> None:
    signed.sign(said)
    assert signed.status() == "broken-chain"


@pytest.mark.parametrize("cut", [(0, 900), (100, 1_000), (0, 1_001), (0, 2_000)])
def test_shards_that_leave_a_gap_are_refused(signed: SignedModel, cut: tuple[int, int]) -> None:
    data = FILES["weights.bin"]
    start, end = cut
    shards = [(start, end), *((at, at + 1_000) for at in range(1_000, 5_000, 1_000))]
    resources = [
        made.resource(f"weights.bin:{start}:{end}", data[start:end]) for start, end in shards
    ]
    resources += [
        made.resource(f"{name}:0:{len(FILES[name])}", FILES[name])
        for name in ("config.json", "sub/adapter.bin")
    ]
    how = {"method": "shards", "shard_size": 1_000}
    signed.sign(made.statement(resources, serialization=how))
    assert signed.status() == "broken-chain"


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: None,
        lambda folder: (folder / "weights.bin").write_bytes(b"v" * 5_000),
        lambda folder: (folder / "weights.bin").unlink(),
        lambda folder: (folder / "weights.bin").rename(folder / "Weights.bin"),
        lambda folder: (folder / "sub" / "adapter.bin").rename(folder / "adapter.bin"),
        lambda folder: (folder / "extra").write_bytes(b""),
        lambda folder: made.write(folder, {".git/hooks": b"x"}),
        lambda folder: made.write(folder, {"sub/.gitattributes": b"x"}),
        lambda folder: made.write(folder, {"ignored": b"x", "sub/x": b""}),
    ],
)
def test_we_and_the_tool_agree(model: SignedModel, change: Callable[[Path], object]) -> None:
    by_tool(model, ignored=("ignored",))
    change(model.folder)
    assert (model.status() == "verified") == tool_verifies(model)
