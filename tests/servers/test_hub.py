"""The local Hub is a Hub: unmodified clients work against it, and see what went wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

FIXTURES = Path(__file__).parent.parent / "fixtures"
WEIGHTS = bytes(range(256)) * 5_000
FILES = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS, "1_Pooling/config.json": b'{"a": 1}'}


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    repo = PublishedRepo(tmp_path / "hub", "org/model")
    repo.commit(FILES)
    return repo


@pytest.fixture
def hub(tmp_path: Path, repo: PublishedRepo) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        yield hub


def test_model_info_names_the_commit_and_the_files(hub: LocalHub, repo: PublishedRepo) -> None:
    info = HfApi(endpoint=hub.url).model_info("org/model", files_metadata=True)
    assert info.sha == repo.tip()
    weights = next(s for s in info.siblings or [] if s.rfilename == "pytorch_model.bin")
    assert weights.size == len(WEIGHTS)
    assert weights.lfs is not None


@pytest.mark.parametrize("repo_type", ["dataset", "space"])
def test_each_type_of_repository_has_a_place_of_its_own(
    hub: LocalHub, tmp_path: Path, repo_type: str
) -> None:
    repo = PublishedRepo(hub.root, f"{repo_type}s/org/model")
    commit = repo.commit({"data/train.parquet": WEIGHTS, "README.md": b"# Rows"})
    api = HfApi(endpoint=hub.url)
    info = api.repo_info("org/model", repo_type=repo_type)
    assert (info.id, info.sha) == ("org/model", commit)
    assert type(info).__name__ == f"{repo_type.capitalize()}Info"
    options = {"repo_type": repo_type, "endpoint": hub.url, "cache_dir": tmp_path / "cache"}
    folder = Path(snapshot_download("org/model", **options))
    assert (folder / "data" / "train.parquet").read_bytes() == WEIGHTS
    files = HfFileSystem(endpoint=hub.url, skip_instance_cache=True)
    assert files.ls(f"{repo_type}s/org/model/data", detail=False) == [
        f"{repo_type}s/org/model/data/train.parquet"
    ]
    assert commit.encode() in subprocess.run(
        ["git", "ls-remote", f"{hub.url}/{repo_type}s/org/model"], capture_output=True, check=True
    ).stdout  # fmt: skip
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("datasets/absent")


@pytest.mark.parametrize("page", [1, 2, 1_000])
def test_the_tree_is_listed_whole_whatever_the_page(hub: LocalHub, page: int) -> None:
    hub.page = page
    listed = HfApi(endpoint=hub.url).list_repo_tree("org/model", recursive=True)
    assert {entry.path for entry in listed} == {*FILES, "1_Pooling"}


def test_one_folder_is_listed_without_its_subfolders(hub: LocalHub) -> None:
    top = HfApi(endpoint=hub.url).list_repo_tree("org/model")
    assert {entry.path for entry in top} == {"config.json", "pytorch_model.bin", "1_Pooling"}


def test_paths_refs_and_commits(hub: LocalHub, repo: PublishedRepo) -> None:
    api = HfApi(endpoint=hub.url)
    repo.tag("v1", repo.tip() or "")
    (info,) = api.get_paths_info("org/model", ["pytorch_model.bin"])
    assert info.path == "pytorch_model.bin"
    assert [branch.name for branch in api.list_repo_refs("org/model").branches] == ["main"]
    assert [commit.commit_id for commit in api.list_repo_commits("org/model")] == [repo.tip()]
    assert api.model_info("org/model", revision="v1").sha == repo.tip()


@pytest.mark.parametrize("cdn", [False, True])
def test_downloads_give_the_bytes(hub: LocalHub, tmp_path: Path, cdn: bool) -> None:
    hub.cdn = cdn
    folder = snapshot_download("org/model", endpoint=hub.url, cache_dir=tmp_path / "cache")
    assert {name: (Path(folder) / name).read_bytes() for name in FILES} == FILES


def test_the_file_system_reads_ranges(hub: LocalHub) -> None:
    with HfFileSystem(endpoint=hub.url).open("org/model/pytorch_model.bin", "rb") as file:
        file.seek(1_000)
        assert file.read(300) == WEIGHTS[1_000:1_300]


def test_git_clones_over_smart_http(hub: LocalHub, repo: PublishedRepo, tmp_path: Path) -> None:
    clone = tmp_path / "clone.git"
    subprocess.run(
        ["git", "clone", "-q", "--bare", "--filter=blob:none", f"{hub.url}/org/model", str(clone)],
        check=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull},
    )
    head = subprocess.check_output(["git", "-C", str(clone), "rev-parse", "HEAD"], text=True)
    assert head.strip() == repo.tip()


def test_missing_things_have_their_own_errors(hub: LocalHub, tmp_path: Path) -> None:
    where = {"endpoint": hub.url, "cache_dir": tmp_path / "cache"}
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("org/absent", "config.json", **where)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("org/model", "config.json", revision="absent", **where)
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("org/model", "absent.json", **where)


def test_a_private_model_opens_to_its_token_alone(hub: LocalHub) -> None:
    hub.require("org/model", "hf_right")
    for token in ("hf_wrong", False):
        with pytest.raises(RepositoryNotFoundError):
            HfApi(endpoint=hub.url).model_info("org/model", token=token)
    assert HfApi(endpoint=hub.url).model_info("org/model", token="hf_right").private


def test_a_gated_model_shows_itself_and_keeps_its_files(hub: LocalHub, tmp_path: Path) -> None:
    hub.require("org/model", "hf_right", gated=True)
    where = {"endpoint": hub.url, "cache_dir": tmp_path / "cache"}
    assert HfApi(endpoint=hub.url).model_info("org/model").gated == "manual"
    with pytest.raises(GatedRepoError):
        hf_hub_download("org/model", "config.json", **where)
    assert hf_hub_download("org/model", "config.json", token="hf_right", **where)


def test_misbehaviour_ends_when_its_times_are_used_up(hub: LocalHub) -> None:
    hub.misbehave("status", "/api/models/*", code=403, times=1)
    api = HfApi(endpoint=hub.url)
    with pytest.raises(HfHubHTTPError):
        api.model_info("org/model")
    assert api.model_info("org/model").id == "org/model"
    assert hub.count("/api/models/org/model") == 2


def test_transformers_loads_through_it(hub: LocalHub, tmp_path: Path) -> None:
    source = FIXTURES / "distilbert-token" / "safetensors"
    repo = PublishedRepo(tmp_path / "hub", "org/tagger")
    repo.commit({path.name: path.read_bytes() for path in source.iterdir()})
    probe = (
        "import json; from transformers import AutoModelForTokenClassification as A;"
        "m = A.from_pretrained('org/tagger', use_safetensors=True);"
        "print(json.dumps(type(m).__name__))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")},
    )
    assert json.loads(shown.stdout) == "DistilBertForTokenClassification"
    assert hub.count("/org/tagger/resolve/*/model.safetensors")
