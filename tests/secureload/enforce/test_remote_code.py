"""`trust_remote_code=True` in an enforced program: approved code runs sealed, other never."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.builders import coded
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

PROGRAM = """
import json, sys, tokenizers, torch, transformers
from transformers.dynamic_module_utils import get_class_from_dynamic_module as by_hand

def attempt(load):
    try:
        made = load()
    except Exception as error:
        return {"raised": [kind.__name__ for kind in type(error).__mro__], "said": str(error)}
    gave = made(torch.arange(4.0)).tolist() if isinstance(made, torch.nn.Module) else None
    return {"made": type(made).__name__, "gave": gave}

def piped(name):
    plain = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, unk_token="a"))
    words = transformers.PreTrainedTokenizerFast(tokenizer_object=plain)
    made = transformers.pipeline(
        "feature-extraction", name, tokenizer=words, trust_remote_code=True
    )
    return made.model

found = {}
for name in sys.argv[2:]:
    found[name] = {
        "model": attempt(lambda: transformers.AutoModel.from_pretrained(
            name, trust_remote_code=True)),
        "keyword": attempt(lambda: transformers.AutoModel.from_pretrained(
            pretrained_model_name_or_path=name, trust_remote_code=True)),
        "config": attempt(lambda: transformers.AutoConfig.from_pretrained(
            name, trust_remote_code=True)),
        "pipeline": attempt(lambda: piped(name)),
        "by hand": attempt(lambda: by_hand("modeling_coded.CodedModel", name)),
    }
json.dump(found, open(sys.argv[1], "w"))
"""
DOORS = ("model", "keyword", "config", "pipeline", "by hand")
HUB = "org/coded"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose code leaves a mark when it runs."""
    made = coded.coded(tmp_path / "model")
    for path in made.glob("*.py"):
        with path.open("a") as file:
            file.write(f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    return made


@pytest.fixture
def hub(tmp_path: Path, model: Path) -> Iterator[LocalHub]:
    repo = PublishedRepo(tmp_path / "hub", HUB)
    repo.commit({path.name: path.read_bytes() for path in model.iterdir()})
    with LocalHub(root=tmp_path / "hub") as server:
        yield server


def run(*command: Any, hub: LocalHub, place: Path) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_ENDPOINT": hub.url}
    environment |= {"HF_HOME": str(place / "hf"), "SECURELOAD_HOME": str(place / "home")}
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def seen(hub: LocalHub, place: Path, policy: str, *names: str) -> dict[str, dict[str, Any]]:
    """What a plain program sees that runs under a policy."""
    results = place / "results.json"
    enforced = ("-m", "secureload.cli", "run", "--policy", policy, "--", sys.executable)
    run(*enforced, "-c", PROGRAM, results, *names, hub=hub, place=place)
    found = json.loads(results.read_text())
    assert isinstance(found, dict)
    return found


def approve(hub: LocalHub, place: Path, *references: str) -> str:
    """Approve the code of these as people do, and give the policy that says so."""
    head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: coded}\n"
    policy = place / "coded.yaml"
    policy.write_text(head + "spec: {remoteCode: {mode: approved-digests, file: code.yaml}}\n")
    for reference in references:
        said = ("--by", "me@example.org", "--reason", "read it")
        cli = ("-m", "secureload.cli", "code", "approve", reference)
        run(*cli, "--file", place / "code.yaml", *said, hub=hub, place=place)
    return str(policy)


def test_without_an_approval_nothing_runs(hub: LocalHub, model: Path, tmp_path: Path) -> None:
    found = seen(hub, tmp_path, "default", str(model), HUB)
    for cells in found.values():
        assert set(cells) == set(DOORS)
        assert all("Refused" in cell.get("raised", ()) for cell in cells.values()), cells
    assert not (tmp_path / "ran").exists()


def test_approved_code_runs_through_the_librarys_own_calls(
    hub: LocalHub, model: Path, tmp_path: Path
) -> None:
    policy = approve(hub, tmp_path, str(model), HUB)
    # What a library would import without looking, had it not a folder of its own.
    planted = tmp_path / "hf" / "modules" / "transformers_modules" / "model"
    planted.mkdir(parents=True)
    (planted / "__init__.py").write_text(f"open({str(tmp_path / 'planted')!r}, 'w')")

    found = seen(hub, tmp_path, policy, str(model), HUB)

    weights = torch.load(model / "pytorch_model.bin")
    linear = torch.nn.functional.linear(
        torch.arange(4.0), weights["linear.weight"], weights["linear.bias"]
    )
    for cells in found.values():
        for door in ("model", "keyword", "pipeline"):
            assert cells[door].get("made") == "CodedModel", cells[door]
            assert torch.allclose(torch.tensor(cells[door]["gave"]), linear * 3.0)
        assert cells["config"].get("made") == "CodedConfig", cells["config"]
        assert "Refused" in cells["by hand"]["raised"]  # nothing says which bytes it would run
    assert (tmp_path / "ran").exists()
    assert not (tmp_path / "planted").exists()


def test_code_that_changed_after_its_approval_is_refused_with_the_way_to_approve_it(
    hub: LocalHub, model: Path, tmp_path: Path
) -> None:
    policy = approve(hub, tmp_path, str(model))
    with (model / "layers.py").open("a") as file:
        file.write("\n# one more line\n")

    found = seen(hub, tmp_path, policy, str(model))[str(model)]

    assert all("Refused" in cell.get("raised", ()) for cell in found.values()), found
    assert "secureload code approve" in found["model"]["said"]
    assert not (tmp_path / "ran").exists()
