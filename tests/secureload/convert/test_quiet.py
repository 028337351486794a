"""A conversion imports no framework, starts no program and opens no socket, in any format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.builders.conv_torch import save_tar

ROOT = Path(__file__).parents[3]
BERT = ROOT / "tests/fixtures/bert-base"

_WATCHED = """
import json, os, sys
heard = set()
def hear(event, arguments):
    if event == "import":
        heard.add(("import", arguments[0].partition(".")[0]))
    elif event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.system")):
        heard.add((event, ""))
sys.addaudithook(hear)
if sys.argv[3:]:
    exec(sys.argv[3])
else:
    from pathlib import Path
    from secureload.convert import convert_path
    convert_path(Path(sys.argv[1]), Path(sys.argv[2]), verify=True)
print(json.dumps(sorted(heard)))
"""

_FRAMEWORKS = {"torch", "tensorflow", "keras", "jax", "flax", "transformers", "safetensors"}


def heard(*arguments: str) -> set[tuple[str, str]]:
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {(event, name) for event, name in json.loads(done.stdout.splitlines()[-1])}


def forbidden(events: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {one for one in events if one[0] != "import" or one[1] in _FRAMEWORKS | {"socket"}}


@pytest.mark.parametrize(
    "layout", ["pt-zip", "pt-legacy", "pt-sharded", "tf-h5", "flax-msgpack", "safetensors-sharded"]
)
def test_a_folder_is_converted_in_quiet(layout: str, tmp_path: Path) -> None:
    assert forbidden(heard(str(BERT / layout), str(tmp_path / "out"))) == set()
    assert list((tmp_path / "out").glob("*.safetensors"))


def test_a_tar_of_2017_is_converted_in_quiet(tmp_path: Path) -> None:
    source = save_tar({"weight": torch.arange(6.0)}, tmp_path / "old.tar")
    assert forbidden(heard(str(source), str(tmp_path / "out.safetensors"))) == set()


@pytest.mark.parametrize(
    ("loud", "what"),
    [
        ("import torch", ("import", "torch")),
        ("import socket; socket.socket().close()", ("socket.__new__", "")),
        ("import subprocess; subprocess.run(['true'])", ("subprocess.Popen", "")),
        ("os.system('true')", ("os.system", "")),
    ],
    ids=["import", "socket", "subprocess", "system"],
)
def test_what_is_not_quiet_would_be_heard(loud: str, what: tuple[str, str]) -> None:
    assert what in forbidden(heard("", "", loud))
