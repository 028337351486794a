"""A merged tag's signature, taken for the commit's own."""

from __future__ import annotations

from pathlib import Path

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


def test_the_signature_of_a_merged_tag_signs_only_that_tag(tmp_path: Path) -> None:
    case = Case(tmp_path)
    alice = keys.openpgp("alice")
    case.trust(alice)
    merged = case.repo.commit(FILES, sign=alice)
    tag = case.repo.read(case.repo.tag("v1", merged, sign=alice)).decode()

    commit = case.repo.commit(
        {**FILES, "evil.txt": b"x"}, headers=[("mergetag", tag)], parents=[merged]
    )

    assert case.attest(commit).status is SignatureStatus.UNSIGNED


def test_a_header_that_looks_like_one_inside_another_is_not_one(tmp_path: Path) -> None:
    case = Case(tmp_path)
    alice = keys.openpgp("alice")
    case.trust(alice)
    inner = f"first line\ngpgsig {alice.sign(b'anything')}"

    commit = case.repo.commit(FILES, headers=[("note", inner)])

    assert case.attest(commit).status is SignatureStatus.UNSIGNED


def test_a_signature_in_the_message_is_text(tmp_path: Path) -> None:
    case = Case(tmp_path)
    alice = keys.openpgp("alice")
    case.trust(alice)
    armor = alice.sign(b"anything").replace("\n", "\n ")

    commit = case.repo.commit(FILES, message=f"gpgsig {armor}")

    assert case.attest(commit).status is SignatureStatus.UNSIGNED
