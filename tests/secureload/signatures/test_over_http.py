"""The same questions over git's smart HTTP, with a server that may misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.errors import AccessError, SourceError
from secureload.flow import Attestation, GitRemote, SignatureStatus
from secureload.signatures import attest
from secureload.signatures.gitstore import GitStore
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys
from tests.servers.hub import LocalHub


@pytest.fixture
def hub(case: Case) -> Iterator[LocalHub]:
    case.trust(keys.openpgp("alice"))
    with LocalHub(root=case.folder / "served") as hub:
        yield hub


def ask(case: Case, hub: LocalHub, *headers: str, revision: str | None = None) -> Attestation:
    commit = case.repo.tip()
    assert commit is not None
    remote = GitRemote(url=f"{hub.url}/{case.repo.name}", headers=headers)
    listing = case.listing(commit, revision=revision)
    return attest(listing, remote, case.roots, case.folder / "http-work")


def test_a_signed_commit_is_verified(case: Case, hub: LocalHub) -> None:
    commit = case.repo.commit(FILES, sign=keys.openpgp("alice"))

    attestation = ask(case, hub)

    assert attestation.status is SignatureStatus.VERIFIED, attestation.detail
    assert case.bind(commit, attestation, FILES).status is SignatureStatus.VERIFIED
    assert hub.count("*/resolve/*") == 0


def test_a_signed_tag_is_verified(case: Case, hub: LocalHub) -> None:
    commit = case.repo.commit(FILES)
    case.repo.tag("v1", commit, sign=keys.openpgp("alice"))

    assert ask(case, hub, revision="v1").status is SignatureStatus.VERIFIED


def test_a_server_error_that_passes_is_survived(
    case: Case, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.repo.commit(FILES, sign=keys.openpgp("alice"))
    monkeypatch.setattr(GitStore.__init__, "__kwdefaults__", {"pause": lambda _: None})
    hub.misbehave("status", "*/info/refs", times=1, code=503)

    assert ask(case, hub).status is SignatureStatus.VERIFIED


def test_a_server_error_that_stays_is_an_error(
    case: Case, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.repo.commit(FILES, sign=keys.openpgp("alice"))
    monkeypatch.setattr(GitStore.__init__, "__kwdefaults__", {"pause": lambda _: None})
    hub.misbehave("status", "*/info/refs", code=503)

    with pytest.raises(SourceError):
        ask(case, hub)


def test_an_endpoint_without_git_is_unsigned(case: Case, hub: LocalHub) -> None:
    case.repo.commit(FILES, sign=keys.openpgp("alice"))
    hub.misbehave("status", "*/info/refs", code=404)

    attestation = ask(case, hub)

    assert (attestation.status, attestation.blobs) == (SignatureStatus.UNSIGNED, None)
    assert attestation.detail


def test_a_private_repository_opens_to_its_token_only(case: Case, hub: LocalHub) -> None:
    case.repo.commit(FILES, sign=keys.openpgp("alice"))
    hub.require(case.repo.name, "hf_secret")

    with pytest.raises(AccessError) as refused:
        ask(case, hub)
    assert "hf_secret" not in str(refused.value)
    with pytest.raises(AccessError) as refused:
        ask(case, hub, "Authorization: Bearer hf_wrong")
    assert "hf_wrong" not in str(refused.value)
    attestation = ask(case, hub, "Authorization: Bearer hf_secret")
    assert attestation.status is SignatureStatus.VERIFIED


def test_a_token_does_not_follow_a_redirect(case: Case, hub: LocalHub, tmp_path: Path) -> None:
    case.repo.commit(FILES, sign=keys.openpgp("alice"))
    with LocalHub(root=tmp_path / "elsewhere") as elsewhere:
        target = f"{elsewhere.url}/{case.repo.name}/info/refs?service=git-upload-pack"
        hub.misbehave("redirect", "*/info/refs", to=target)

        with pytest.raises(SourceError):
            ask(case, hub, "Authorization: Bearer hf_secret")

        assert elsewhere.requests == []
