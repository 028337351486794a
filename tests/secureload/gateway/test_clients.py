"""Unmodified clients at work through the service, with `HF_ENDPOINT` set and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
from safetensors.numpy import load, load_file, save

from tests.builders import models
from tests.secureload.gateway.conftest import EVERYWHERE, World
from tests.servers.cutting import Cutting
from tests.servers.loopback import ROOT
from tests.servers.service import Service

pytestmark = EVERYWHERE

HF = Path(sys.executable).with_name("hf")


def environment(service: Service, tmp_path: Path, **more: str) -> dict[str, str]:
    own = {"HF_ENDPOINT": service.url, "HF_HOME": str(tmp_path / "client"), "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own, **more}


def download(service: Service, tmp_path: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """Run `hf download` as a user would; gives its exit code and all it printed."""
    done = subprocess.run(
        [str(HF), "download", *arguments],
        env=environment(service, tmp_path, **more),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_hf_download_of_a_pickled_model_gives_safetensors(service: Service, tmp_path: Path) -> None:
    code, said = download(service, tmp_path, "org/legacy", "--local-dir", str(tmp_path / "got"))
    assert code == 0, said
    names = {path.name for path in (tmp_path / "got").iterdir() if path.is_file()}
    assert "model.safetensors" in names
    assert "pytorch_model.bin" not in names
    assert load_file(tmp_path / "got" / "model.safetensors")


def test_hf_download_of_a_malicious_model_prints_our_reasons(
    world: World, service: Service, tmp_path: Path
) -> None:
    code, said = download(service, tmp_path, "org/evil")
    assert code != 0
    assert "posix.system" in said
    assert "refused by policy" in said
    assert not (world.hub.root.parent / "fired").exists()
    assert world.admitted("org/evil") == 0


def test_hf_download_of_a_gated_and_of_a_missing_model(service: Service, tmp_path: Path) -> None:
    code, said = download(service, tmp_path, "org/gated")
    assert code != 0
    assert "restricted" in said
    assert download(service, tmp_path, "org/gated", HF_TOKEN="hf_right")[0] == 0
    code, said = download(service, tmp_path, "org/absent")
    assert code != 0
    assert "not found" in said


def test_snapshots_equal_the_models(service: Service, tmp_path: Path) -> None:
    where = {"endpoint": service.url, "cache_dir": tmp_path / "cache"}
    safe = Path(snapshot_download("org/safe", **where))
    assert {p.name: p.read_bytes() for p in safe.iterdir()} == models.safe()
    legacy = Path(snapshot_download("org/legacy", **where))
    ours, theirs = load_file(legacy / "model.safetensors"), load_file(safe / "model.safetensors")
    assert ours.keys() == theirs.keys()
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_the_api_of_huggingface_hub(service: Service, tmp_path: Path) -> None:
    api = HfApi(endpoint=service.url)
    info = api.model_info("org/legacy", files_metadata=True, securityStatus=True)
    weights = next(s for s in info.siblings or [] if s.rfilename == "model.safetensors")
    assert weights.lfs is not None
    assert api.model_info("org/legacy", revision=info.sha).sha == info.sha
    assert api.model_info("org/legacy", expand=["sha", "pipeline_tag", "tags"]).sha == info.sha
    assert [commit.commit_id for commit in api.list_repo_commits("org/legacy")] == [info.sha]
    refs = api.list_repo_refs("org/legacy")
    assert [(branch.name, branch.target_commit) for branch in refs.branches] == [("main", info.sha)]
    (found,) = api.get_paths_info("org/legacy", ["model.safetensors"], expand=True)
    assert found.last_commit.oid == info.sha
    assert "org/legacy" in {model.id for model in api.list_models(search="legacy")}
    assert api.repo_exists("org/legacy")
    assert not api.repo_exists("org/absent")
    assert api.file_exists("org/legacy", "config.json")
    assert not api.file_exists("org/legacy", "pytorch_model.bin")
    api.auth_check("org/legacy")
    metadata = api.get_safetensors_metadata("org/legacy")
    assert metadata.files_metadata["model.safetensors"].tensors
    with HfFileSystem(endpoint=service.url).open("org/legacy/model.safetensors", "rb") as file:
        file.seek(100)
        part = file.read(50)
    whole = Path(hf_hub_download(
        "org/legacy", "model.safetensors", endpoint=service.url, cache_dir=tmp_path
    )).read_bytes()  # fmt: skip
    assert part == whole[100:150]


def test_errors_arrive_as_the_clients_own(service: Service, tmp_path: Path) -> None:
    where = {"endpoint": service.url, "cache_dir": tmp_path / "cache"}
    with pytest.raises(RepositoryNotFoundError):
        hf_hub_download("org/absent", "config.json", **where)
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download("org/legacy", "config.json", revision="absent", **where)
    with pytest.raises(RemoteEntryNotFoundError):
        hf_hub_download("org/legacy", "absent.json", **where)
    with pytest.raises(GatedRepoError, match=r"posix\.system"):
        hf_hub_download("org/evil", "config.json", **where)
    with pytest.raises(GatedRepoError, match=r"posix\.system"):
        snapshot_download("org/evil", **where)
    with pytest.raises(GatedRepoError, match="restricted"):
        hf_hub_download("org/gated", "config.json", **where)
    with pytest.raises(HfHubHTTPError, match="models only"):
        HfApi(endpoint=service.url).dataset_info("org/data")
    with pytest.raises(HfHubHTTPError, match="read-only"):
        HfApi(endpoint=service.url).create_repo("org/new", token="hf_any")


def test_a_download_goes_on_where_the_connection_was_cut(
    world: World, service: Service, tmp_path: Path
) -> None:
    import numpy as np

    content = save({"x": np.arange(26 << 18, dtype=np.float32)})
    world.publish("org/large", models.safe() | {"model.safetensors": content})
    service.ask("/api/models/org/large")

    with Cutting(url_behind=service.url, after=15 << 20) as relay:
        got = hf_hub_download(
            "org/large", "model.safetensors", endpoint=relay.url, cache_dir=tmp_path
        )

    assert Path(got).read_bytes() == content
    assert relay.cut
    assert any(b"range: bytes=" in head.lower() for head in relay.heads)
    assert load(content).keys() == {"x"}


def test_twenty_clients_of_a_cold_model_cause_one_admission(world: World, tmp_path: Path) -> None:
    commit = world.publish("org/cold", models.legacy())

    def fetch(number: int) -> bytes:
        front = world.fronts[number % len(world.fronts)]
        got = snapshot_download(
            "org/cold",
            endpoint=front.url,
            cache_dir=tmp_path / f"client-{number}",
            etag_timeout=120,
        )
        return (Path(got) / "model.safetensors").read_bytes()

    with ThreadPoolExecutor(20) as clients:
        got = set(clients.map(fetch, range(20)))

    assert len(got) == 1
    assert world.hub.count(f"/org/cold/resolve/{commit}/pytorch_model.bin") == 1
    assert world.admitted("org/cold") == 1


def test_transformers_diffusers_and_sentence_transformers(
    world: World, service: Service, tmp_path: Path
) -> None:
    program = Path(__file__).with_name("client_program.py")
    done = subprocess.run(
        [sys.executable, str(program), str(world.hub.root), str(models.FIXTURES)],
        env=environment(service, tmp_path, HF_HUB_ETAG_TIMEOUT="120", OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fine = {"equal": True, "pipeline": True}
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "models": {"org/legacy": fine, "org/safe": fine},
        "sentences": True,
        "images": True,
    }
