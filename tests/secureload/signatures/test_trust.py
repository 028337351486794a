from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from secureload.errors import PolicyError
from secureload.signatures import TrustRoots
from secureload.signatures.trust import matches
from tests.builders import model_signatures as made
from tests.secureload.signatures.helpers import Case
from tests.servers import keys

HEAD = "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\nspec:\n  keys:\n"


def load(folder: Path, entry: str) -> TrustRoots:
    path = folder / "root.yaml"
    path.write_text(f"{HEAD}  - {entry}\n")
    return TrustRoots.load([path])


def test_a_trust_root_is_read_with_the_files_beside_it(tmp_path: Path) -> None:
    alice, carol = keys.openpgp("alice"), keys.ssh("carol")
    (tmp_path / "publisher.asc").write_text(alice.public)
    (tmp_path / "allowed_signers").write_text(carol.allowed_signers())
    (tmp_path / "publisher.pem").write_bytes(made.public_pem(made.key()))
    path = tmp_path / "root.yaml"
    path.write_text(
        HEAD
        + '  - {kind: openpgp, file: publisher.asc, repos: ["org/*"]}\n'
        + "  - {kind: ssh, file: allowed_signers, principal: publisher@example.org}\n"
        + '  - {kind: model-signing, file: publisher.pem, repos: ["*"]}\n'
    )

    roots = TrustRoots.load([path])

    assert [key.kind for key in roots.keys] == ["openpgp", "ssh", "model-signing"]
    assert list(roots.of("openpgp")[0].fingerprints) == [alice.fingerprint]
    assert [key.speaks_for("org/a") for key in roots.keys] == [True, True, True]
    assert [key.speaks_for("other/a") for key in roots.keys] == [False, True, True]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{kind: openpgp, file: missing.asc}", "cannot read"),
        ("{kind: openpgp, file: garbage}", "garbage"),
        ("{kind: openpgp, file: empty}", "holds no OpenPGP public key"),
        ("{kind: openpgp, file: good.asc, repo: [a]}", "did you mean `repos`?"),
        ("{kind: openpgp, file: good.asc, revocations: good.asc}", "no revocation certificate"),
        ("{kind: openpgp, file: good.asc, principal: x}", "unknown key"),
        ("{kind: openpgp}", "`spec.keys[0].file` is missing"),
        ("{kind: gpg, file: good.asc}", "root.yaml:6"),
        ("{kind: ssh, file: garbage}", "`spec.keys[0].principal` is missing"),
        ("{kind: ssh, file: garbage, principal: 'a*'}", "principal"),
        ("{kind: ssh, file: empty, principal: a}", "no allowed signer"),
        ("{kind: model-signing, file: garbage}", "holds no public key in PEM"),
        ("{kind: model-signing, file: private.pem}", "holds a private key"),
        ("{kind: model-signing, file: k1.pem}", "on none of the curves"),
        ("{kind: model-signing, file: k1.pem, identity: a}", "only with the method `sigstore`"),
        ("{kind: model-signing, file: garbage, method: certificate}", "garbage"),
        (
            "{kind: model-signing, file: k1.pem, method: sigstore, identity: a, issuer: b}",
            "in JSON",
        ),
        ("{kind: model-signing, file: garbage, method: sigstore}", "needs `identity`"),
    ],
)
def test_a_mistake_is_a_policy_error(tmp_path: Path, entry: str, said: str) -> None:
    (tmp_path / "good.asc").write_text(keys.openpgp("alice").public)
    (tmp_path / "garbage").write_text("garbage")
    (tmp_path / "private.pem").write_bytes(made.private_pem(made.key()))
    (tmp_path / "k1.pem").write_bytes(made.public_pem(ec.generate_private_key(ec.SECP256K1())))
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "empty").write_bytes(b"")

    with pytest.raises(PolicyError) as refused:
        load(tmp_path, entry)

    assert said in refused.value.message
    assert "root.yaml" in refused.value.message


@pytest.mark.parametrize(
    ("repository", "pattern", "expected"),
    [
        ("org/name", "org/*", True),
        ("org/name", "org/name", True),
        ("org/name", "*", True),
        ("/models/here", "*", True),
        ("org/name", "**", True),
        ("https://git.example/a/b", "https://git.example/**", True),
        ("org/name", "org/n*e", True),
        ("org/name", "org", False),
        ("org/name", "org/*/x", False),
        ("xorg/name", "org/*", False),
        ("org/name\n", "org/name", False),
        ("orgxname", "org.name", False),
        ("org/[a]", "org/[a]", True),
    ],
)
def test_patterns(repository: str, pattern: str, expected: bool) -> None:
    assert matches(repository, pattern) is expected


def test_no_trust_root_is_an_empty_one(tmp_path: Path) -> None:
    assert TrustRoots.load([]).keys == () == Case(tmp_path).roots.keys
