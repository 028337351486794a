"""A commit that its publisher signed for one repository, served as another's."""

from __future__ import annotations

from pathlib import Path

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


def test_a_signed_commit_counts_only_where_its_key_speaks(tmp_path: Path) -> None:
    published = Case(tmp_path / "a", "org/published")
    commit = published.repo.commit(FILES, sign=keys.openpgp("alice"))
    copied = Case(tmp_path / "b", "victim/popular")
    copied.repo.git("fetch", "-q", str(published.repo.git_dir), f"{commit}:refs/heads/main")
    for case in (published, copied):
        case.trust(keys.openpgp("alice"), repos=["org/*"])

    assert published.attest(commit).status is SignatureStatus.VERIFIED
    assert copied.attest(commit).status is SignatureStatus.KEY_NOT_ALLOWED


def test_the_key_of_one_repository_does_not_sign_for_its_neighbour(tmp_path: Path) -> None:
    case = Case(tmp_path, "victim/popular")
    case.trust(keys.openpgp("alice"), repos=["victim/*"])
    case.trust(keys.openpgp("mallory"), repos=["mallory/*"])

    commit = case.repo.commit(FILES, sign=keys.openpgp("mallory"))

    assert case.attest(commit).status is SignatureStatus.KEY_NOT_ALLOWED
