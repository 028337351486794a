"""An enforced program gets datasets and Spaces through the gate, or hears why not."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders import repo_types
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

PROGRAM = """
import hashlib, json, os, pathlib, sys
import huggingface_hub as hub

def digest(data):
    return hashlib.sha256(data).hexdigest()

def attempt(ask):
    try:
        return ask()
    except Exception as error:
        return {"raised": type(error).__name__, "said": str(error)}

def below(folder):
    folder = pathlib.Path(folder)
    return {str(p.relative_to(folder)): digest(p.read_bytes())
            for p in sorted(folder.rglob("*")) if p.is_file() and ".cache" not in p.parts}

def beside(repo, name, of):
    folder = pathlib.Path(hub.hf_hub_download(repo, "README.md", **of)).parent
    # As `datasets` does: in the Hub's own cache this is the commit.
    path = hub.hf_hub_download(repo, name, revision=folder.name, **of)
    return digest(open(path, "rb").read())

def asked(kind, repo, name):
    api, disk = hub.HfApi(), hub.HfFileSystem(skip_instance_cache=True)
    of = {"repo_type": kind}
    return {
        "file": attempt(lambda: digest(open(hub.hf_hub_download(repo, name, **of), "rb").read())),
        "folder": attempt(lambda: below(hub.snapshot_download(repo, **of))),
        "local": attempt(lambda: below(hub.snapshot_download(repo, local_dir=f"{kind}-got", **of))),
        "info": attempt(lambda: [s.rfilename for s in api.repo_info(repo, **of).siblings]),
        "tree": attempt(lambda: [e.path for e in api.list_repo_tree(repo, recursive=True, **of)]),
        "disk": attempt(lambda: digest(disk.read_bytes(f"{kind}s/{repo}/{name}"))),
        "url": attempt(lambda: digest(hub.utils.get_session().get(
            f"{os.environ['HF_ENDPOINT']}/{kind}s/{repo}/resolve/main/{name}").content)),
        "beside": attempt(lambda: beside(repo, name, of)),
        "cached": attempt(lambda: hub.try_to_load_from_cache(repo, "absent", **of)),
    }

found = {kind: asked(kind, *rest) for kind, *rest in json.loads(sys.argv[2])}
json.dump(found, open(sys.argv[1], "w"))
"""
ROWS, DEMO = "data/train.parquet", "app.py"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    PublishedRepo(tmp_path / "hub", "datasets/org/rows").commit(repo_types.dataset())
    PublishedRepo(tmp_path / "hub", "spaces/org/demo").commit(repo_types.space())
    PublishedRepo(tmp_path / "hub", "datasets/org/pickled").commit({ROWS: repo_types.PICKLED})
    with LocalHub(root=tmp_path / "hub") as server:
        yield server


def run(tmp_path: Path, hub: LocalHub, policy: str, *asked: tuple[str, str, str]) -> dict[str, Any]:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "secureload.cli", "run", "--policy", policy, "--"),
            *(sys.executable, tmp_path / "program.py", tmp_path / "found.json", json.dumps(asked)),
        ],
        env=os.environ | {"HF_ENDPOINT": hub.url, "SECURELOAD_HOME": str(tmp_path / "home")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    assert isinstance(found, dict)
    return found


def test_a_dataset_is_answered_from_what_was_admitted(tmp_path: Path, hub: LocalHub) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: data}\n"
        "spec: {repoTypes: [model, dataset]}\n"
    )
    files = {name: hashlib.sha256(data).hexdigest() for name, data in repo_types.dataset().items()}

    asked = ("dataset", "org/rows", ROWS), ("space", "org/demo", DEMO)
    found = run(tmp_path, hub, str(policy), *asked)

    rows = found["dataset"]
    assert rows["file"] == rows["disk"] == rows["url"] == rows["beside"] == files[ROWS]
    assert rows["folder"] == rows["local"] == files
    assert set(rows["info"]) == set(files)
    assert set(rows["tree"]) == {*files, "data"}
    assert rows["cached"] is None
    demo = found["space"]
    for door in ("file", "folder", "local", "info", "tree", "disk", "url"):
        assert demo[door]["raised"] == "Refused", door
        assert "is a space, and only models and datasets may be asked for" in demo[door]["said"]
    assert hub.count("/spaces/*/resolve/*") == 0


def test_under_a_shipped_policy_all_doors_are_shut(tmp_path: Path, hub: LocalHub) -> None:
    found = run(tmp_path, hub, "default", ("dataset", "org/rows", ROWS))
    for door in ("file", "folder", "local", "info", "tree", "disk", "url"):
        assert found["dataset"][door]["raised"] == "Refused", door
        assert "is a dataset, and only models may be asked for" in found["dataset"][door]["said"]
    assert hub.count("/datasets/*/resolve/*") == 0


def test_a_pickle_does_not_come_in_as_data(tmp_path: Path, hub: LocalHub) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: data}\n"
        "spec: {mode: audit, repoTypes: [dataset]}\n"
    )
    found = run(tmp_path, hub, str(policy), ("dataset", "org/pickled", ROWS))
    for door in ("file", "folder", "local", "tree", "disk", "url"):
        assert found["dataset"][door]["raised"] == "Refused", door
        assert "nothing of a dataset is converted" in found["dataset"][door]["said"]
