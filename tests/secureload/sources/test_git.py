"""A git URL resolves to one commit; LFS objects are found; git is kept on a short leash."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from secureload import sources
from secureload.errors import NotFoundError, OfflineError, SecureloadError, SourceError, ToolError
from secureload.flow import Listing
from secureload.sources import Context, git, parse
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

WEIGHTS = b"weights" * 5_000
FILES = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS, "a/é.json": b"[]"}


@pytest.fixture(autouse=True)
def commit(repo: PublishedRepo) -> str:
    return repo.commit(FILES)


@pytest.fixture(params=["file", "http"])
def url(request: pytest.FixtureRequest, hub: LocalHub, repo: PublishedRepo) -> str:
    if request.param == "file":
        for stored in repo.lfs_dir.iterdir():
            name = stored.name
            place = repo.git_dir / "lfs" / "objects" / name[:2] / name[2:4] / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(stored.read_bytes())
        return f"git+file://{repo.git_dir}"
    return f"git+{hub.url}/org/model"


def resolve(url: str, ctx: Context) -> Listing:
    return sources.resolve(parse(url), ctx)


def read(listing: Listing, path: str, ctx: Context) -> bytes:
    (claim,) = (claim for claim in listing.claims if claim.path == path)
    with sources.open_stream(listing, claim, ctx) as (chunks, start):
        assert start == 0
        return b"".join(chunks)


def test_a_repository_is_pinned_listed_and_read(url: str, ctx: Context, commit: str) -> None:
    listing = resolve(url, ctx)
    assert listing.commit == commit
    assert {claim.path: claim.size for claim in listing.claims} == {
        path: len(data) for path, data in FILES.items()
    }
    assert {path: read(listing, path, ctx) for path in FILES} == FILES


def test_branch_tag_and_commit_all_resolve(
    url: str, ctx: Context, repo: PublishedRepo, commit: str
) -> None:
    repo.tag("v1", commit)
    repo.tag("v2", commit, message="annotated")
    later = repo.commit({"config.json": b"[]"}, branch="next/try")
    found = {resolve(f"{url}@{name}", ctx).commit for name in ("main", "v1", "v2", commit)}
    assert found == {commit}
    assert resolve(f"{url}@next/try", ctx).commit == later


def test_a_branch_that_moves_leaves_the_listing_alone(
    url: str, ctx: Context, repo: PublishedRepo
) -> None:
    listing = resolve(url, ctx)
    repo.commit({"config.json": b"[]"})
    git.forget()
    assert read(listing, "config.json", ctx) == b"{}"


@pytest.mark.parametrize("name", ["absent", "0" * 40, "abc1234"])
def test_an_unknown_revision_is_not_found(url: str, ctx: Context, name: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(f"{url}@{name}", ctx)
    assert caught.value.hint


def test_an_unknown_repository_is_not_found(ctx: Context, hub: LocalHub, tmp_path: Path) -> None:
    for url in (f"git+{hub.url}/org/absent", f"git+file://{tmp_path}/absent"):
        with pytest.raises(NotFoundError):
            resolve(url, ctx)


def test_offline_reads_only_this_machine(url: str, ctx: Context, commit: str) -> None:
    offline = dataclasses.replace(ctx, offline=True)
    if url.startswith("git+file:"):
        assert resolve(url, offline).commit == commit
    else:
        with pytest.raises(OfflineError):
            resolve(url, offline)


@pytest.mark.parametrize(("mode", "what"), [("120000", "symbolic link"), ("160000", "submodule")])
def test_links_and_submodules_are_refused(
    url: str, ctx: Context, repo: PublishedRepo, mode: str, what: str
) -> None:
    if mode == "120000":
        repo.commit({"config.json": b"/etc/passwd"}, modes={"config.json": mode})
    else:
        tip = repo.tip() or ""
        tree = repo.git("mktree", stdin=f"160000 commit {tip}\tsub\n".encode())
        repo.commit(tree=tree)
    with pytest.raises(SourceError, match=what):
        resolve(url, ctx)


@pytest.mark.parametrize("name", ["../x", "a/../../x", ".git/config"])
def test_a_tree_with_a_climbing_name_is_refused(
    url: str, ctx: Context, repo: PublishedRepo, name: str
) -> None:
    blob = bytes.fromhex(repo.write("blob", b"{}"))
    tree = repo.write("tree", b"100644 " + name.encode() + b"\0" + blob)
    repo.commit(tree=tree)
    with pytest.raises(SecureloadError):
        resolve(url, ctx)


def test_an_lfs_object_that_is_missing_says_what_to_do(
    url: str, ctx: Context, repo: PublishedRepo
) -> None:
    listing = resolve(url, ctx)
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    for place in (*repo.git_dir.rglob(digest), repo.lfs_object(digest)):
        place.unlink()
    with pytest.raises(SourceError, match="Git LFS") as caught:
        read(listing, "pytorch_model.bin", ctx)
    assert "lfs" in caught.value.hint


def test_an_lfs_object_over_http_resumes(ctx: Context, hub: LocalHub) -> None:
    listing = resolve(f"git+{hub.url}/org/model", ctx)
    (claim,) = (claim for claim in listing.claims if claim.path == "pytorch_model.bin")
    with sources.open_stream(listing, claim, ctx, 100) as (chunks, start):
        assert (b"".join(chunks), start) == (WEIGHTS[100:], 100)


@pytest.mark.parametrize(
    "answer", [b"[]", b"{}", b'{"objects": []}', b'{"objects": [{"oid": 1}]}', b"null", b"{"]
)
def test_an_lfs_answer_that_makes_no_sense_is_an_error(
    ctx: Context, hub: LocalHub, answer: bytes
) -> None:
    listing = resolve(f"git+{hub.url}/org/model", ctx)
    hub.misbehave("body", "*/objects/batch", body=answer)
    with pytest.raises(SourceError):
        read(listing, "pytorch_model.bin", ctx)


def test_the_users_token_stays_at_home(
    ctx: Context, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    listing = resolve(f"git+{hub.url}/org/model", dataclasses.replace(ctx, token="hf_secret"))
    read(listing, "pytorch_model.bin", ctx)
    assert not any("Authorization" in seen.headers for seen in hub.requests)


def test_git_configuration_of_the_user_is_not_read(
    url: str, ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text('[url "file:///absent/"]\n\tinsteadOf = "file:///"\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "url.file:///absent/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "file:///")
    assert resolve(url, ctx).claims


def test_temporary_repositories_are_removed(
    url: str, ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repo: PublishedRepo
) -> None:
    git.forget()
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    for number in range(git.REPOSITORIES + 2):
        repo.commit({"config.json": b"%d" % number})
        resolve(url, ctx)
        with pytest.raises(NotFoundError):
            resolve(f"{url}@absent", ctx)
    assert len(list(place.iterdir())) == git.REPOSITORIES
    git.forget()
    assert list(place.iterdir()) == []


def test_a_machine_without_git_is_told_so(
    url: str, ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/absent")
    with pytest.raises(ToolError, match="not installed"):
        resolve(url, ctx)
