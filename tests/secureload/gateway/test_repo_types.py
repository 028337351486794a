"""Datasets and Spaces through the service: served where the policy says so, and never elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from secureload import gate, sources
from secureload.cache.layout import Layout
from secureload.gateway.catalogue import FRESH
from secureload.gateway.principals import Role
from secureload.ledger.database import Database
from secureload.ledger.service import loads
from tests.builders import models, repo_types
from tests.secureload.gateway.conftest import EVERYWHERE, OPEN, World, tokens_of_roles
from tests.servers.cluster import WAIT
from tests.servers.service import Service

pytestmark = EVERYWHERE

HF = Path(sys.executable).with_name("hf")
API = "/api/secureload/v1"
EVIL = {"samples.tar": repo_types.samples({"0.pickle": repo_types.PICKLED})}


def ledger_of(world: World, service: Service) -> Database:
    """The ledger behind a service: that of the cluster, or its own."""
    if world.cluster is not None:
        return world.ledger
    layout = Layout(service.home)
    return Database(layout.database, layout.locks / "ledger.lock")


@pytest.fixture
def published(world: World) -> dict[str, str]:
    """What is on the hub besides models; the dataset `org/safe` has the name of a model."""
    files = {
        "datasets/org/rows": repo_types.dataset(),
        "datasets/org/safe": repo_types.dataset(),
        "datasets/org/pickled": EVIL,
        "spaces/org/demo": repo_types.space(),
        "spaces/org/unread": repo_types.space(),
    }
    found = {name: world.hub.repository(name) for name in files}
    return {
        name: (known.commit("main") if (known := found[name]) else None)
        or world.publish(name, content)
        for name, content in files.items()
    }


@pytest.fixture
def lenient(world: World, published: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """A front end whose policy admits datasets, and the one Space that was read."""
    (tmp_path / "seen").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", world.hub.url)
        patch.setenv("SECURELOAD_HOME", str(tmp_path / "approver"))
        found = gate.open_gate().code(sources.parse("spaces/org/demo"), tmp_path / "seen")
    assert found is not None
    (tmp_path / "code.yaml").write_text(
        "apiVersion: secureload/v1\nkind: CodeApprovals\nmetadata: {name: code}\n"
        f'spec: {{approved: [{{digest: "{found.digest}", repos: [spaces/org/demo]}}]}}\n'
    )
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: data}\nspec:\n"
        "  repoTypes: [model, dataset, space]\n"
        "  remoteCode: {mode: approved-digests, file: code.yaml}\n"
    )
    options = ("--policy", str(policy))
    if world.cluster is not None:
        with world.cluster.front(f"data-{tmp_path.name}", *options, *OPEN) as service:
            yield service
        return
    home = tmp_path / "home"
    with Service(home=home, upstream=world.hub.url, options=(*WAIT, *options)) as service:
        yield service


def test_no_shipped_policy_serves_them(
    world: World, published: dict[str, str], service: Service, tmp_path: Path
) -> None:
    before = world.hub.count("/datasets/*")
    for path in (
        *("/api/datasets", "/api/spaces", "/api/datasets/org/rows", "/api/spaces/org/demo/refs"),
        *("/api/datasets/org/rows/auth-check", "/api/datasets/org/rows/anything"),
        *("/datasets/org/rows/resolve/main/README.md", "/spaces/org/demo/resolve/main/app.py"),
        *("/datasets/org/rows", "/api/datasets/org/rows/tree/main?recursive=true"),
    ):
        for method in ("GET", "HEAD"):
            answer = service.ask(path, method=method)
            assert (answer.status, answer.headers["x-error-code"]) == (403, "GatedRepo"), path
            assert "admits models only, no " in answer.headers["x-error-message"]
    with pytest.raises(GatedRepoError, match="models only, no datasets"):
        snapshot_download("org/rows", repo_type="dataset", endpoint=service.url, cache_dir=tmp_path)
    assert world.hub.count("/datasets/*") == before


def test_unmodified_clients_get_a_dataset(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    files, commit = repo_types.dataset(), published["datasets/org/rows"]
    where = {"endpoint": lenient.url, "cache_dir": tmp_path / "cache", "repo_type": "dataset"}

    folder = Path(snapshot_download("org/rows", **where))

    assert folder.name == commit
    got = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert got == files
    done = subprocess.run(
        [
            str(HF),
            "download",
            "org/rows",
            "--repo-type",
            "dataset",
            "--local-dir",
            tmp_path / "got",
        ],
        env={**os.environ, "HF_ENDPOINT": lenient.url, "HF_HOME": str(tmp_path / "client")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got" / "data" / "train.parquet").read_bytes() == repo_types.PARQUET

    api = HfApi(endpoint=lenient.url)
    info = api.dataset_info("org/rows", files_metadata=True)
    assert (info.id, info.sha, info.author) == ("org/rows", commit, "org")
    assert {sibling.rfilename for sibling in info.siblings or []} == set(files)
    assert [found.id for found in api.list_datasets(search="rows")] == ["org/rows"]
    assert "org/rows" not in {found.id for found in api.list_models()}
    refs = api.list_repo_refs("org/rows", repo_type="dataset")
    assert [(branch.name, branch.target_commit) for branch in refs.branches] == [("main", commit)]
    (made,) = api.list_repo_commits("org/rows", repo_type="dataset")
    assert made.commit_id == commit
    (row,) = api.get_paths_info("org/rows", ["data/rows.csv"], repo_type="dataset")
    assert row.size == len(files["data/rows.csv"])
    api.auth_check("org/rows", repo_type="dataset")

    disk = HfFileSystem(endpoint=lenient.url, skip_instance_cache=True)
    assert {Path(path).name for path in disk.glob("datasets/org/rows/data/*.*")} == {
        "train.parquet", "data-00000-of-00001.arrow", "rows.csv", "rows.jsonl", "words.txt",
    }  # fmt: skip
    with disk.open("datasets/org/rows/data/train.parquet", "rb") as file:
        file.seek(4)
        assert file.read(40) == repo_types.PARQUET[4:44]


def test_a_model_and_a_dataset_of_one_name_are_two_things(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    where = {"endpoint": lenient.url, "cache_dir": tmp_path / "cache"}
    hf_hub_download("org/safe", "model.safetensors", **where)
    hf_hub_download("org/safe", "data/train.parquet", repo_type="dataset", **where)
    assert lenient.ask("/org/safe/resolve/main/data/train.parquet").status == 404
    assert lenient.ask("/datasets/org/safe/resolve/main/model.safetensors").status == 404
    for path in ("/api/models/datasets/safe", "/api/models/datasets%2Fsafe"):
        answer = lenient.ask(path)
        assert (answer.status, answer.headers["x-error-code"]) == (404, "RepoNotFound")
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=lenient.url).space_info("org/safe")
    with pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=lenient.url).dataset_info("org/legacy")


def test_a_pickle_in_a_dataset_is_refused_with_our_reason(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    with pytest.raises(GatedRepoError, match="nothing of a dataset is converted"):
        snapshot_download(
            "org/pickled", repo_type="dataset", endpoint=lenient.url, cache_dir=tmp_path
        )
    assert world.admitted("datasets/org/pickled") == 0


def test_a_space_is_served_when_all_of_it_was_approved(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    where = {"repo_type": "space", "endpoint": lenient.url, "cache_dir": tmp_path / "cache"}
    folder = Path(snapshot_download("org/demo", **where))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == repo_types.space()
    assert HfApi(endpoint=lenient.url).space_info("org/demo").sdk == "gradio"
    with pytest.raises(GatedRepoError, match="no approval of this code"):
        snapshot_download("org/unread", **where)


def test_everything_on_record_has_the_type(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    asked = json.dumps({"repository": "datasets/org/rows", "wait": 120}).encode()
    job = lenient.ask(f"{API}/admissions", method="POST", body=asked).json
    assert (job["state"], job["repository"], job["repo_type"]) == (
        "admitted", "datasets/org/rows", "dataset",
    )  # fmt: skip
    assert lenient.ask("/datasets/org/rows/resolve/main/data/rows.csv").status == 200
    said = lenient.ask("/datasets/org/rows/resolve/main/.secureload/admission.json").json
    assert (said["repository"], said["repo_type"]) == ("datasets/org/rows", "dataset")
    admission = lenient.ask(f"{API}/admissions/{said['admission']}").json
    assert (admission["source"], admission["repo_type"]) == ("datasets/org/rows@main", "dataset")
    assert lenient.ask(f"{API}/verdicts?repository=org/rows").json == []
    assert lenient.ask(f"{API}/verdicts?repository=datasets/org/rows").json
    page = lenient.ask("/dashboard/admissions", headers={"Accept": "text/html"})
    assert b"datasets/org/rows" in page.body
    for _ in range(100):
        with ledger_of(world, lenient).read() as session:
            found = loads(session, repository="datasets/org/rows", limit=10)
        if found:
            break
        time.sleep(0.1)
    assert found


def test_a_recalled_dataset_is_gone_and_the_model_of_its_name_is_not(
    world: World, published: dict[str, str], lenient: Service, tmp_path: Path
) -> None:
    commit = world.publish("datasets/org/gone", repo_types.dataset())
    world.publish("org/gone", models.safe())
    tokens = tokens_of_roles(ledger_of(world, lenient))
    reader, reviewer = tokens[Role.REQUESTER], tokens[Role.REVIEWER]
    rows, config = "/datasets/org/gone/resolve/main/README.md", "/org/gone/resolve/main/config.json"
    for path in (rows, config):
        assert lenient.ask(path, token=reader).status == 200
    body = json.dumps({"subject": f"datasets/org/gone@{commit}", "reason": "bad rows"}).encode()
    made = lenient.ask(f"{API}/recalls", method="POST", body=body, token=reviewer)
    assert made.status in {200, 201}, made.body
    time.sleep(2 * FRESH)
    gone = lenient.ask(rows, token=reader)
    assert (gone.status, "bad rows" in gone.headers["x-error-message"]) == (403, True)
    assert lenient.ask(config, token=reader).status == 200
