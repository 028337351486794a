"""The table of cases, each with the real gpg, ssh-keygen and git."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from secureload.errors import OfflineError, SourceError
from secureload.flow import FileClaim, GitRemote, Link, SignatureStatus
from secureload.signatures import TrustRoots, attest, gpg, verification_json
from tests.secureload.signatures.helpers import FILES, Case, changed
from tests.servers import keys

PLATFORM = "C8A817860F8BA646BF0612916A528E38E0733467"
Status = SignatureStatus
Signing = Callable[[bytes], str]


def good(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return keys.openpgp("alice").sign


def good_in_text_mode(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return lambda payload: keys.openpgp("alice").sign(payload, "--textmode")


def subkey(case: Case) -> Signing:
    case.trust(keys.openpgp("sub", subkey=True))
    return keys.openpgp("sub", subkey=True).sign


def not_for_this_repo(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"), repos=["other/*"])
    return keys.openpgp("alice").sign


def unknown_key(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return keys.openpgp("mallory").sign


def no_trust_root(case: Case) -> Signing:
    return keys.openpgp("alice").sign


def over_something_else(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return lambda payload: keys.openpgp("alice").sign(payload + b"x")


def expired_key(case: Case) -> Signing:
    case.trust(keys.openpgp("past", expired=True))
    return keys.openpgp("past", expired=True).sign


def revoked_key(case: Case) -> Signing:
    case.trust(keys.openpgp("gone", revoked=True))
    return keys.openpgp("gone", revoked=True).sign


def expired_signature(case: Case) -> Signing:
    case.trust(keys.openpgp("old", old=True))
    return keys.openpgp("old", old=True).sign_expiring


def sha1_digest(case: Case) -> Signing:
    case.trust(keys.openpgp("rsa", algorithm="rsa2048"))
    return keys.openpgp("rsa", algorithm="rsa2048").sign_sha1


def two_signatures(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    case.trust(keys.openpgp("bob"))
    alice, bob = keys.openpgp("alice"), keys.openpgp("bob")
    return lambda payload: keys.together(alice.sign(payload + b"x"), bob.sign(payload))


def same_signature_twice(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return lambda payload: keys.together(*[keys.openpgp("alice").sign(payload)] * 2)


def armor_of_nonsense(case: Case) -> Signing:
    case.trust(keys.openpgp("alice"))
    return lambda _: keys.armor(b"nonsense")


def unheard_of_kind(case: Case) -> Signing:
    return lambda _: "-----BEGIN SIGNED MESSAGE-----\nabc\n-----END SIGNED MESSAGE-----\n"


def platform(case: Case) -> Signing:
    rsa = keys.openpgp("rsa", algorithm="rsa2048")
    case.trust(keys.openpgp("alice"))
    return lambda payload: keys.renamed_issuer(rsa.sign(payload), rsa, PLATFORM)


def ssh_good(case: Case) -> Signing:
    case.trust(keys.ssh("carol"))
    return keys.ssh("carol").sign


def ssh_unknown(case: Case) -> Signing:
    case.trust(keys.ssh("carol"))
    return keys.ssh("mallory").sign


def ssh_over_something_else(case: Case) -> Signing:
    case.trust(keys.ssh("carol"))
    return lambda payload: keys.ssh("carol").sign(payload + b"x")


def ssh_made_for_files(case: Case) -> Signing:
    case.trust(keys.ssh("carol"))
    return lambda payload: keys.ssh("carol").sign(payload, namespace="file")


def ssh_revoked(case: Case) -> Signing:
    case.trust(keys.ssh("carol"), revocations=keys.ssh("carol").revocation_list())
    return keys.ssh("carol").sign


def ssh_not_for_this_repo(case: Case) -> Signing:
    case.trust(keys.ssh("carol"), repos=["other/*"])
    return keys.ssh("carol").sign


def ssh_expired(case: Case) -> Signing:
    case.trust(keys.ssh("carol"), options='valid-before="20200101"')
    return keys.ssh("carol").sign


CASES = [
    (good, Status.VERIFIED, True),
    (good_in_text_mode, Status.VERIFIED, True),
    (subkey, Status.VERIFIED, True),
    (not_for_this_repo, Status.KEY_NOT_ALLOWED, None),
    (unknown_key, Status.UNKNOWN_KEY, False),
    (no_trust_root, Status.UNKNOWN_KEY, False),
    (over_something_else, Status.BAD_SIGNATURE, False),
    (expired_key, Status.EXPIRED_KEY, False),
    (revoked_key, Status.REVOKED_KEY, False),
    (expired_signature, Status.EXPIRED_SIGNATURE, False),
    (sha1_digest, Status.WEAK_DIGEST, None),
    (two_signatures, Status.BAD_SIGNATURE, False),
    (same_signature_twice, Status.BAD_SIGNATURE, False),
    (armor_of_nonsense, Status.BAD_SIGNATURE, False),
    (unheard_of_kind, Status.BAD_SIGNATURE, False),
    (platform, Status.PLATFORM_ATTESTED, False),
    (ssh_good, Status.VERIFIED, True),
    (ssh_unknown, Status.UNKNOWN_KEY, False),
    (ssh_over_something_else, Status.BAD_SIGNATURE, False),
    (ssh_made_for_files, Status.BAD_SIGNATURE, False),
    (ssh_revoked, Status.REVOKED_KEY, False),
    (ssh_not_for_this_repo, Status.KEY_NOT_ALLOWED, None),
    (ssh_expired, Status.EXPIRED_KEY, None),
]


@pytest.mark.parametrize(
    ("signing", "status", "git_agrees"), CASES, ids=lambda x: getattr(x, "__name__", "")
)
def test_each_case_has_its_own_answer(
    case: Case, signing: Callable[[Case], Signing], status: Status, git_agrees: bool | None
) -> None:
    """`git_agrees`: what `git verify-commit` answers too; None where it does not decide."""
    commit = case.repo.commit(FILES, sign=signing(case))

    attestation = case.attest(commit)

    assert attestation.status is status, attestation.detail
    assert attestation.detail
    assert set(attestation.blobs or ()) == set(FILES)
    if git_agrees is not None:
        assert git_verifies(case, commit) is git_agrees


def git_verifies(case: Case, commit: str) -> bool:
    """Ask `git verify-commit`, with the same keys."""
    with tempfile.TemporaryDirectory(prefix="slv", dir="/tmp") as home:
        allowed = Path(home) / "allowed"
        revoked = Path(home) / "revoked"
        settings = ["-c", f"gpg.ssh.allowedSignersFile={allowed}"]
        for key in case.roots.keys:
            if key.kind == "openpgp":
                subprocess.run(
                    ["gpg", "--homedir", home, "--batch", "--quiet", "--import"],
                    input=key.material, check=True, capture_output=True,
                )  # fmt: skip
            else:
                allowed.write_bytes(key.material)
                if key.revocations:
                    revoked.write_bytes(key.revocations)
                    settings += ["-c", f"gpg.ssh.revocationFile={revoked}"]
        done = subprocess.run(
            ["git", *settings, "verify-commit", commit],
            cwd=case.repo.git_dir,
            env={**os.environ, "GNUPGHOME": home},
            capture_output=True,
            check=False,
        )
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
    return done.returncode == 0


def test_an_unsigned_commit_is_unsigned_and_its_tree_still_counts(case: Case) -> None:
    case.trust(keys.openpgp("alice"))

    attestation = case.attest(case.repo.commit(FILES))

    assert attestation.status is Status.UNSIGNED
    assert set(attestation.blobs or ()) == set(FILES)


def test_the_signer_is_the_primary_key_with_its_name(case: Case) -> None:
    key = keys.openpgp("sub", subkey=True)
    case.trust(key)

    signer = case.attest(case.repo.commit(FILES, sign=key)).signer

    assert signer is not None
    assert signer.fingerprint == key.fingerprint != key.signing
    assert signer.name == "sub <sub@example.org>"


def test_the_chain_runs_from_the_signature_to_the_bytes(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))

    bound = case.bind(commit, case.attest(commit), FILES)

    assert bound.status is Status.VERIFIED
    assert all(link.ok for link in bound.chain)
    kinds = [link.kind for link in bound.chain]
    assert kinds[:4] == ["signature", "commit", "tree", "tree"]
    assert sorted(kinds[4:]) == sorted(["blob", "bytes", "blob", "bytes", "lfs-pointer", "bytes"])


@pytest.mark.parametrize("path", list(FILES))
def test_other_bytes_break_the_chain(case: Case, path: str) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    flipped = bytes([FILES[path][0] ^ 1]) + FILES[path][1:]

    bound = case.bind(commit, case.attest(commit), {**FILES, path: flipped})

    assert bound.status is Status.BROKEN_CHAIN
    assert path in bound.detail
    assert [link.subject for link in bound.chain if not link.ok] == [path]


def test_a_file_outside_the_commit_breaks_the_chain(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))

    bound = case.bind(commit, case.attest(commit), {"extra.bin": b"x"})

    assert bound.status is Status.BROKEN_CHAIN


@pytest.mark.parametrize(
    "changes",
    [{"git_oid": "0" * 40}, {"git_oid": None, "sha256": "0" * 64}, {"path": "other.bin"}],
)
def test_a_listing_that_differs_from_the_tree_breaks_the_chain(
    case: Case, changes: dict[str, object]
) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    listing = changed(case.listing(commit), "pytorch_model.bin", **changes)

    attestation = case.attest(commit, listing=listing)

    assert attestation.status is Status.BROKEN_CHAIN
    assert "pytorch_model.bin" in attestation.detail


@pytest.mark.parametrize("hidden", [True, False])
def test_a_listing_with_too_few_or_too_many_files_breaks_the_chain(
    case: Case, hidden: bool
) -> None:
    commit = case.repo.commit(FILES)
    listing = case.listing(commit)
    extra = FileClaim(path="zzz.bin", size=1)
    claims = listing.claims[1:] if hidden else (*listing.claims, extra)

    attestation = case.attest(commit, listing=replace(listing, claims=claims))

    assert attestation.status is Status.BROKEN_CHAIN


def test_a_commit_that_the_repository_lacks_breaks_the_chain(case: Case) -> None:
    commit = case.repo.commit(FILES)
    listing = replace(case.listing(commit), commit="1" * 40)

    attestation = case.attest("1" * 40, listing=listing)

    assert attestation.status is Status.BROKEN_CHAIN
    assert "has no commit" in attestation.detail


def test_expiry_is_judged_by_the_clock_given(case: Case) -> None:
    key = keys.openpgp("past", expired=True)
    case.trust(key)
    commit = case.repo.commit(FILES, sign=key)

    then = case.attest(commit, now=datetime(2020, 6, 1, tzinfo=UTC))
    later = case.attest(commit, now=datetime(2021, 6, 1, tzinfo=UTC))

    assert (then.status, later.status) == (Status.VERIFIED, Status.EXPIRED_KEY)


def test_the_clock_given_decides_for_ssh_as_well(case: Case) -> None:
    case.trust(keys.ssh("carol"), options='valid-before="20200101"')
    commit = case.repo.commit(FILES, sign=keys.ssh("carol"))

    assert case.attest(commit, now=datetime(2019, 6, 1, tzinfo=UTC)).status is Status.VERIFIED


def test_the_platforms_key_in_a_trust_root_is_still_no_publisher(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = keys.openpgp("alice")
    monkeypatch.setattr(gpg, "PLATFORM_KEYS", {key.fingerprint: "hub.example"})
    case.trust(key)

    attestation = case.attest(case.repo.commit(FILES, sign=key))

    assert attestation.status is Status.PLATFORM_ATTESTED
    assert "itself" in attestation.detail


def test_a_revocation_certificate_beside_the_key_counts(case: Case) -> None:
    key = keys.openpgp("withdrawn", revoked=True)
    signed = case.repo.commit(FILES, sign=key)
    case.trust(keys.openpgp("alice"))
    case.trust(key)
    case.trust(key)  # listed twice, as two operators might

    assert case.attest(signed).status is Status.REVOKED_KEY


@pytest.mark.parametrize("kind", ["openpgp", "ssh"])
def test_a_signed_tag_vouches_for_its_unsigned_commit(case: Case, kind: str) -> None:
    key = keys.openpgp("alice") if kind == "openpgp" else keys.ssh("carol")
    case.trust(key)
    commit = case.repo.commit(FILES)
    case.repo.tag("v1", commit, sign=key)

    attestation = case.attest(commit, revision="v1")

    assert attestation.status is Status.VERIFIED, attestation.detail
    assert attestation.chain[0].subject.startswith("tag v1")
    assert case.attest(commit, revision="main").status is Status.UNSIGNED
    assert case.attest(commit, revision=commit).status is Status.UNSIGNED


def test_a_wrong_signature_on_the_tag_spoils_a_signed_commit(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))

    class Over:
        fingerprint = ""

        def sign(self, payload: bytes) -> str:
            return keys.openpgp("alice").sign(payload + b"x")

    case.repo.tag("v1", commit, sign=Over())

    assert case.attest(commit, revision="v1").status is Status.BAD_SIGNATURE


def test_a_tag_made_under_another_name_breaks_the_chain(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES)
    case.repo.tag("v2", commit, sign=keys.openpgp("alice"), title="v1")

    assert case.attest(commit, revision="v2").status is Status.BROKEN_CHAIN


def test_a_tag_that_moved_meanwhile_vouches_for_nothing(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES)
    later = case.repo.commit({**FILES, "more.txt": b"x"})
    case.repo.tag("v1", later, sign=keys.openpgp("alice"))

    assert case.attest(commit, revision="v1").status is Status.UNSIGNED


@pytest.mark.parametrize("message", [None, "an annotated tag without a signature"])
def test_an_unsigned_tag_changes_nothing(case: Case, message: str | None) -> None:
    commit = case.repo.commit(FILES)
    case.repo.tag("v1", commit, message=message)

    assert case.attest(commit, revision="v1").status is Status.UNSIGNED


def test_a_local_folder_is_unsigned(case: Case) -> None:
    listing = case.listing(case.repo.commit(FILES))

    attestation = attest(listing, None, TrustRoots(), case.folder / "work")

    assert (attestation.status, attestation.blobs) == (Status.UNSIGNED, None)


def test_an_address_without_git_is_unsigned_and_says_so(case: Case) -> None:
    listing = case.listing(case.repo.commit(FILES))
    remote = GitRemote(url=f"file://{case.folder}/nothing")

    attestation = attest(listing, remote, TrustRoots(), case.folder / "work")

    assert (attestation.status, attestation.blobs) == (Status.UNSIGNED, None)
    assert "no git repository" in attestation.detail


def test_no_network_is_an_error_and_not_a_verdict(case: Case) -> None:
    listing = case.listing(case.repo.commit(FILES))

    with pytest.raises(OfflineError):
        attest(
            listing, GitRemote(url="https://hub.example/org/name"), TrustRoots(),
            case.folder / "work", offline=True,
        )  # fmt: skip
    with pytest.raises(SourceError):
        attest(
            listing, GitRemote(url="ext::sh -c touch% pwned"), TrustRoots(), case.folder / "work"
        )


def test_the_json_has_its_schema(case: Case) -> None:
    case.trust(keys.openpgp("alice"))
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))
    shown = verification_json(case.listing(commit), case.attest(commit))
    link = {
        "type": "object",
        "required": list(Link.__slots__),
        "properties": {"ok": {"type": "boolean"}},
    }
    schema = {
        "type": "object",
        "required": ["schema", "status", "signer", "chain"],
        "properties": {
            "schema": {"const": "secureload.verification/1"},
            "status": {"enum": [status.value for status in SignatureStatus]},
            "signer": {"type": ["object", "null"], "required": ["kind", "fingerprint", "name"]},
            "chain": {"type": "array", "minItems": 4, "items": link},
        },
    }
    jsonschema.validate(shown, schema)
