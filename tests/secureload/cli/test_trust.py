"""`secureload trust`: keys go in with their fingerprints shown, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from secureload.settings import Settings
from secureload.signatures import TrustRoots
from tests.builders import model_signatures as made
from tests.builders.sigstore import Sigstore
from tests.secureload.cli.shell import Shell
from tests.servers.keys import openpgp, ssh


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "trust" / "publishers.yaml"


def test_keys_of_every_kind_are_added_and_listed(shell: Shell, tmp_path: Path, root: Path) -> None:
    (tmp_path / "alice.asc").write_text(openpgp("alice").public)
    (tmp_path / "carol.pub").write_text(ssh("carol").public)
    (tmp_path / "key.pem").write_bytes(made.public_pem(made.key()))
    (tmp_path / "ca.pem").write_bytes(made.pem(made.certificate("ca", made.key("ca"), ca=True)))
    (tmp_path / "trusted_root.json").write_bytes(Sigstore().trusted_root())
    to = ("--root", root, "--repo", "org/*")
    said = shell("trust", "add", tmp_path / "alice.asc", *to)
    assert said.code == 0
    assert openpgp("alice").fingerprint in said.out
    said = shell("trust", "add", tmp_path / "carol.pub", *to, "--principal", "carol@example.org")
    assert ssh("carol").fingerprint in said.out
    assert shell("trust", "add", tmp_path / "key.pem", *to).code == 0
    assert "CN=ca" in shell("trust", "add", tmp_path / "ca.pem", *to).out
    who = ("--identity", "ci@example.org", "--issuer", "https://issuer.example")
    assert shell("trust", "add", tmp_path / "trusted_root.json", *to, *who).code == 0

    keys = TrustRoots.load([root]).keys

    kinds = ["openpgp", "ssh", "model-signing", "model-signing", "model-signing"]
    assert [key.kind for key in keys] == kinds
    assert {key.repos for key in keys} == {("org/*",)}
    listed = shell("trust", "list", "--trust-root", root, "--format", "json").json["keys"]
    assert [key["kind"] for key in listed] == kinds
    shown = shell("trust", "show", root).out
    assert all(one in shown for one in (openpgp("alice").fingerprint, ssh("carol").fingerprint))


def test_an_added_ssh_key_verifies(shell: Shell, tmp_path: Path, root: Path) -> None:
    (tmp_path / "carol.pub").write_text(ssh("carol").public)
    shell(
        "trust", "add", tmp_path / "carol.pub", "--root", root, "--principal", "carol@example.org"
    )
    from secureload.signatures.ssh import check

    payload = b"payload"
    signature = ssh("carol").sign(payload).encode()
    judged = check(payload, signature, TrustRoots.load([root]), "org/any", None)
    assert judged.status.value == "verified"


def test_without_a_root_the_key_counts_everywhere_on_this_machine(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(made.public_pem(made.key()))
    assert shell("trust", "add", tmp_path / "key.pem").code == 0
    assert (Settings.from_environment().home / "trust" / "publishers.yaml").is_file()
    assert len(shell("trust", "list", "--format", "json").json["keys"]) == 1


def test_what_was_there_stays_with_its_comments(shell: Shell, tmp_path: Path, root: Path) -> None:
    root.parent.mkdir()
    (root.parent / "alice.asc").write_text(openpgp("alice").public)
    before = (
        "# Reviewed in May.\napiVersion: secureload/v1\nkind: TrustRoot\n"
        "metadata: {name: ours}\nspec:\n  keys:\n  - kind: openpgp  # Alice\n    file: alice.asc\n"
    )
    root.write_text(before)
    (tmp_path / "key.pem").write_bytes(made.public_pem(made.key()))
    assert shell("trust", "add", tmp_path / "key.pem", "--root", root).code == 0
    assert root.read_text().startswith(before)
    assert len(yaml.safe_load(root.read_text())["spec"]["keys"]) == 2


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (b"nothing", [], "no key that signs models"),
        (b"", [], "no key that signs models"),
        (b"\x00" * 99, [], "no key that signs models"),
        (made.private_pem(made.key()), [], "secret key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", [], "secret key"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\n", [], "secret key"),
        (b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", [], "no public key"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFh not-a-key", [], "principal"),
    ],
)
def test_what_is_no_key_is_not_added(
    shell: Shell, tmp_path: Path, root: Path, content: bytes, options: list[str], said: str
) -> None:
    (tmp_path / "key").write_bytes(content)
    answer = shell("trust", "add", tmp_path / "key", "--root", root, *options)
    assert answer.code == 2
    assert said in answer.err
    assert not root.exists()


def test_another_file_of_that_name_is_not_overwritten(
    shell: Shell, tmp_path: Path, root: Path
) -> None:
    (tmp_path / "key.pem").write_bytes(made.public_pem(made.key()))
    shell("trust", "add", tmp_path / "key.pem", "--root", root)
    before = root.read_bytes()
    (tmp_path / "key.pem").write_bytes(made.public_pem(made.key("other")))
    answer = shell("trust", "add", tmp_path / "key.pem", "--root", root)
    assert answer.code == 2
    assert "another file" in answer.err
    assert root.read_bytes() == before


def test_a_key_file_is_shown_without_being_added(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "alice.asc").write_text(openpgp("alice").public)
    assert openpgp("alice").fingerprint in shell("trust", "show", tmp_path / "alice.asc").out
    assert shell("trust", "list", "--format", "json").json["keys"] == []
