"""Each library, each door, each state of a model: what is refused never loads, the rest is equal.

The programs are plain library code in processes of their own, run once each; every cell of
the matrix is a claim about what they saw.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.builders import models
from tests.secureload.enforce.programs import load_everything
from tests.secureload.enforce.programs.load_everything import (
    LOCAL,
    PROCESSORS,
    STATES,
    TIMM_HUB,
    TIMM_LOCAL,
    WEIGHTS,
)
from tests.secureload.registry import timm_side
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

# One program walks through all doors before the first cell is read.
pytestmark = pytest.mark.timeout(900)

PROGRAMS = Path(__file__).parent / "programs"
HUB_DOORS = (
    *("bert:AutoModel", "bert:BertModel", "bert:AutoTokenizer", "bert:pipeline"),
    *("bert:snapshot_download", "weights:snapshot_download-local_dir"),
    *("weights:hf_hub_download", "weights:hf_hub_download-local_dir", "weights:HfApi"),
    *("weights:HfFileSystem", "weights:HfFileSystem.open", "weights:HfFileSystem.get_file"),
    *("weights:model_info", "weights:list_repo_files"),
    *("ddpm:DiffusionPipeline", "ddpm:UNet2DModel", "ddpm:DDPMPipeline", "ddpm:AutoModel"),
    *("single:from_single_file", "named:from_single_file", "style:load_lora_weights"),
    *("sketch:load_lora_weights", "sketch:load_lora_weights-weight_name"),
    *("sketch:hf_hub_download", "sketch:snapshot_download-allow_patterns"),
    "net:PyTorchModelHubMixin",
    *("st:SentenceTransformer", "ce:CrossEncoder", "sparse:SparseEncoder"),
    *("lora:PeftModel", "lora:AutoModel", "lora:AutoPeftModel"),
    *("lora:load_adapter", "lora:PeftModel.load_adapter"),
    *("words:AutoTokenizer", "words:BertTokenizer"),
    *("speech:AutoProcessor", "speech:Wav2Vec2Processor", "speech:AutoFeatureExtractor"),
    *("image:AutoImageProcessor", "image:ViTImageProcessorPil"),
    *TIMM_HUB,
)
LOCAL_DOORS = (*LOCAL, *TIMM_LOCAL)
LOCAL_STATES = ("safe", "legacy", "denied", "malicious")


def refused(doors: Iterable[str], *states: str) -> list[tuple[str, str]]:
    """Each door with the states that it refuses: a processor fetches no weights to refuse."""
    return [
        (door, state)
        for door in doors
        for state in states
        if not (state == "malicious" and door.partition(":")[0] in PROCESSORS)
    ]


POLICY = """\
apiVersion: secureload/v1
kind: TrustPolicy
metadata: {name: matrix}
spec: {repos: {deny: ["org/denied-*", "*/denied-*"]}}
"""


@pytest.fixture(scope="module")
def most(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What all libraries but timm saw at each door, with `expected` and `fired` beside it."""
    return tried(tmp_path_factory.mktemp("most"))


@pytest.fixture(scope="module")
def timms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What timm saw at each of its doors, in the same way."""
    return tried(tmp_path_factory.mktemp("timm"), timm_side.ready())


@pytest.fixture
def seen(door: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the program with this door saw."""
    found = request.getfixturevalue("timms" if door.startswith("timm") else "most")
    assert isinstance(found, dict)
    return found


def tried(place: Path, *side: Path) -> dict[str, Any]:
    """Make models, spoil and publish them, and run the program that knows nothing of it."""
    made = place / "made"
    made.mkdir()
    environment = {name: value for name, value in os.environ.items() if "HF_" not in name}
    environment |= {"HF_HOME": str(place / "hf"), "SECURELOAD_HOME": str(place / "home")}
    environment |= {"OMP_NUM_THREADS": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    subprocess.run(
        [sys.executable, PROGRAMS / "make_models.py", made, *side],
        env=environment | {"HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
    )
    fired = place / "fired"
    root = place / "hub"
    spoil(made, fired)
    publish(made, root)
    policy = place / "matrix.yaml"
    policy.write_text(POLICY)
    with LocalHub(root=root) as hub:
        hub.misbehave("flip", "/org/tampered-*/resolve/*.safetensors")
        for library, file in PROCESSORS.items():
            hub.misbehave("flip", f"/org/tampered-{library}/resolve/*/{file}")
        found = seen_by(
            [PROGRAMS / "load_everything.py", made, place / "results.json", *side],
            policy,
            environment | {"HF_ENDPOINT": hub.url},
        )
    expected = json.loads((made / "expected.json").read_text())
    if (bert := made / "safe-bert" / "model.safetensors").is_file():
        expected["weights"] = hashlib.sha256(bert.read_bytes()).hexdigest()
    return found | {"expected": expected, "fired": fired.exists()}


def seen_by(program: list[Path], policy: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What an enforced program saw at each of its doors."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "secureload.cli", "run", "--policy", policy, "--"),
            *(sys.executable, *program),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    cells = json.loads(program[2].read_text())
    assert isinstance(cells, dict)
    return cells


def spoil(made: Path, fired: Path) -> None:
    """Lay the denied, malicious and tampered beside what was made."""
    for good in sorted(made.glob("safe-*")):
        library = good.name.removeprefix("safe-")
        denied, tampered, bad = (
            made / f"{state}-{library}" for state in ("denied", "tampered", "malicious")
        )
        for other in (denied, tampered, bad):
            shutil.copytree(good, other)
        hostile = models.hostile_zip(f"touch {fired}")
        # Other bytes than any that were admitted, so that they have to be fetched.
        if (file := PROCESSORS.get(library)) is not None:
            (tampered / file).write_text((tampered / file).read_text() + "\n")
            (bad / "pytorch_model.bin").write_bytes(hostile)
            continue
        safe, legacy = WEIGHTS[library]
        (tampered / safe).write_bytes(models.flipped((tampered / safe).read_bytes()))
        (bad / safe).unlink()
        (bad / legacy).write_bytes(hostile)
    if not (made / "safe-lora").is_dir():
        return
    orphan = made / "orphan-lora"
    shutil.copytree(made / "safe-lora", orphan)
    config = json.loads((orphan / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "org/denied-bert"
    (orphan / "adapter_config.json").write_text(json.dumps(config))


def publish(made: Path, root: Path) -> None:
    for folder in sorted(path for path in made.iterdir() if path.is_dir()):
        files = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        PublishedRepo(root, f"org/{folder.name}").commit(files)


def test_the_programs_try_every_door_that_is_claimed_here(
    most: dict[str, Any], timms: dict[str, Any]
) -> None:
    tried = set(most) | set(timms)
    assert {f"hub {door} {state}" for door in HUB_DOORS for state in STATES} <= tried
    assert {f"local {door} {state}" for door in LOCAL_DOORS for state in LOCAL_STATES} <= tried
    assert load_everything.STATES == STATES


@pytest.mark.parametrize("state", ["safe", "legacy"])
@pytest.mark.parametrize("door", HUB_DOORS)
def test_what_is_admitted_gives_what_it_gives_ungated(
    seen: dict[str, Any], door: str, state: str
) -> None:
    cell = seen[f"hub {door} {state}"]
    assert "gave" in cell, cell
    if not (door.startswith("weights") and state == "legacy"):  # a converted file is another
        assert cell["gave"] == seen["expected"][door.partition(":")[0]]


@pytest.mark.parametrize("state", ["safe", "legacy"])
@pytest.mark.parametrize("door", LOCAL_DOORS)
def test_an_admitted_folder_gives_what_it_gives_ungated(
    seen: dict[str, Any], door: str, state: str
) -> None:
    cell = seen[f"local {door} {state}"]
    assert cell.get("gave") == seen["expected"][door.partition(":")[0]], cell


@pytest.mark.parametrize(("door", "state"), refused(HUB_DOORS, "denied", "malicious", "tampered"))
def test_what_the_policy_refuses_does_not_load(seen: dict[str, Any], door: str, state: str) -> None:
    cell = seen[f"hub {door} {state}"]
    assert "Refused" in cell.get("raised", ()), cell
    assert "OSError" in cell["raised"]
    assert "refused by policy `matrix`" in cell["said"]


@pytest.mark.parametrize(("door", "state"), refused(LOCAL_DOORS, "denied", "malicious"))
def test_a_folder_that_the_policy_refuses_does_not_load(
    seen: dict[str, Any], door: str, state: str
) -> None:
    cell = seen[f"local {door} {state}"]
    assert "Refused" in cell.get("raised", ()), cell


@pytest.mark.parametrize("where", ["hub", "local"])
@pytest.mark.parametrize("door", [d for d in HUB_DOORS if d.partition(":")[0] in PROCESSORS])
def test_a_processor_is_loaded_without_the_malicious_weights_beside_it(
    most: dict[str, Any], door: str, where: str
) -> None:
    cell = most[f"{where} {door} malicious"]
    assert cell.get("gave") == most["expected"][door.partition(":")[0]], cell


@pytest.mark.parametrize("library", PROCESSORS)
def test_who_wants_the_weights_beside_a_processor_is_refused(
    most: dict[str, Any], library: str
) -> None:
    assert "Refused" in most[f"hub {library}:weights"].get("raised", ()), most


def test_an_adapters_base_is_gated_too(most: dict[str, Any]) -> None:
    cell = most["hub lora:AutoModel denied-base"]
    assert "Refused" in cell.get("raised", ()), cell
    assert "denied-bert" in cell["said"]


def test_nothing_malicious_ran(most: dict[str, Any], timms: dict[str, Any]) -> None:
    assert not most["fired"]
    assert not timms["fired"]
