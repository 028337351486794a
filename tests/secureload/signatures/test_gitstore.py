from __future__ import annotations

import os
from pathlib import Path

import pytest

from secureload.errors import SourceError, ToolError
from secureload.flow import GitRemote
from secureload.signatures.gitobjects import MalformedObjectError
from secureload.signatures.gitstore import AbsentCommitError, GitStore, NoGitHereError
from tests.servers.repos import PublishedRepo

FILES = {"config.json": b"{}", "sub/a.txt": b"a", "pytorch_model.bin": b"weights"}


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    return PublishedRepo(tmp_path, "org/name")


def test_commit_and_trees_come_without_blobs(repo: PublishedRepo, tmp_path: Path) -> None:
    commit = repo.commit(FILES)
    store = GitStore(tmp_path / "work", repo.remote, commit)

    store.fetch()

    (content,) = store.read("commit", [commit])
    assert content == repo.read(commit)
    blob = repo.git("rev-parse", f"{commit}:config.json")
    with pytest.raises(ToolError):
        store.read("blob", [blob])  # not here, and not fetched on the way either


@pytest.mark.parametrize("setting", ["uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"])
def test_a_server_that_can_do_less_is_asked_for_less(
    repo: PublishedRepo, tmp_path: Path, setting: str
) -> None:
    old = repo.commit(FILES)
    repo.commit({**FILES, "more": b"x"})
    repo.git("config", setting, "false")
    store = GitStore(tmp_path / "work", repo.remote, old)

    store.fetch()

    assert store.read("commit", [old]) == [repo.read(old)]


def test_no_hook_and_no_configuration_of_the_user_is_read(
    repo: PublishedRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit(FILES)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "file:///nowhere/"]\n insteadOf = file://\n[core]\n hooksPath = {home}\n'
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'url.file:///nowhere/.insteadof=file://'")
    monkeypatch.setenv("GIT_DIR", "/nowhere")

    GitStore(tmp_path / "work", repo.remote, commit).fetch()


def test_nothing_there_is_told_from_a_commit_that_is_missing(
    repo: PublishedRepo, tmp_path: Path
) -> None:
    repo.commit(FILES)
    with pytest.raises(AbsentCommitError):
        GitStore(tmp_path / "a", repo.remote, "1" * 40).fetch()
    with pytest.raises(NoGitHereError):
        GitStore(tmp_path / "b", GitRemote(url=f"file://{tmp_path}/none"), "1" * 40).fetch()


def test_a_network_that_fails_is_tried_again_and_then_an_error(tmp_path: Path) -> None:
    waits: list[float] = []
    remote = GitRemote(url="http://127.0.0.1:1/org/name")

    with pytest.raises(SourceError) as failed:
        GitStore(tmp_path / "a", remote, "1" * 40, pause=waits.append).fetch()

    assert not isinstance(failed.value, NoGitHereError)
    assert len(waits) == 2
    assert failed.value.hint


def test_a_missing_git_is_an_error_with_a_hint(
    repo: PublishedRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repo.commit(FILES)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ToolError, match="git is not installed"):
        GitStore(tmp_path / "a", repo.remote, commit).fetch()


def test_secret_headers_are_on_no_command_line(tmp_path: Path) -> None:
    remote = GitRemote(url="https://hub.example/x", headers=("Authorization: Bearer secret",))
    environment = GitStore(tmp_path, remote, "1" * 40)._environment("https")

    assert "Authorization: Bearer secret" in environment.values()
    assert "secret" not in repr(remote)
    followed = [v for k, v in environment.items() if environment.get(k) == "http.followRedirects"]
    assert followed
    assert os.environ.get("GIT_DIR") is None


def test_an_object_of_another_kind_or_id_is_malformed(repo: PublishedRepo, tmp_path: Path) -> None:
    commit = repo.commit(FILES)
    store = GitStore(tmp_path / "work", repo.remote, commit)
    store.fetch()

    with pytest.raises(MalformedObjectError, match="is commit"):
        store.read("tree", [commit])
    with pytest.raises(MalformedObjectError, match="another id"):
        store.check_collisions("commit", [("1" * 40, repo.read(commit))])


def test_the_other_hash_of_git_works_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "wide.git"
    folder.mkdir()
    wide = PublishedRepo.__new__(PublishedRepo)
    wide.git_dir, wide.lfs_dir, wide.name = folder, tmp_path / "lfs", "wide"
    wide.lfs_dir.mkdir()
    wide.git("init", "-q", "--bare", "--template=", "--object-format=sha256")
    wide.git("config", "uploadpack.allowFilter", "true")
    commit = wide.commit(FILES)
    store = GitStore(tmp_path / "work", wide.remote, commit)

    store.fetch()

    assert len(commit) == 64
    assert store.read("commit", [commit]) == [wide.read(commit)]
