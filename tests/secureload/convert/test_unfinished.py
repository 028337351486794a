"""A conversion that was killed leaves what the next one removes, and no living one's is touched."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from secureload.convert import convert_path
from secureload.convert.making import make_path
from secureload.convert.path import MakePath
from secureload.errors import ConversionError
from tests.secureload.cli.shell import FIXTURES, ROOT

SOURCE = FIXTURES / "distilbert-token" / "pt-zip"
WEIGHTS = SOURCE / "pytorch_model.bin"
KILLED = """
import os, signal, sys
from secureload.convert import path
path._publish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from secureload.cli import main
main(sys.argv[1:])
"""


def kill_one(source: Path, destination: Path) -> None:
    """Run the command line, and have it killed when all is written and nothing published."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "convert", str(source), str(destination)],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def kinds(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir())


@pytest.mark.parametrize(
    ("source", "name"), [(WEIGHTS, "made.safetensors"), (SOURCE, "made")], ids=["file", "folder"]
)
def test_the_next_to_the_same_destination_removes_it(
    tmp_path: Path, source: Path, name: str
) -> None:
    kill_one(source, tmp_path / name)
    kill_one(source, tmp_path / name)  # which removes the first's, and leaves its own
    assert kinds(tmp_path) == [".lock", ".partial"]
    convert_path(source, tmp_path / name)
    assert names(tmp_path) == [name]


def test_one_to_another_destination_leaves_it(tmp_path: Path) -> None:
    kill_one(WEIGHTS, tmp_path / "made.safetensors")
    left = names(tmp_path)
    for other in ("made.two.safetensors", "other.safetensors"):
        convert_path(WEIGHTS, tmp_path / other)
    assert names(tmp_path) == sorted([*left, "made.two.safetensors", "other.safetensors"])
    with pytest.raises(ConversionError):
        convert_path(ROOT / "README.md", tmp_path / "made.safetensors")
    assert names(tmp_path) == ["made.two.safetensors", "other.safetensors"]


def meanwhile(act: Callable[[Path], object]) -> MakePath:
    """A maker that does something else when it has made everything."""

    def make(source: Path, destination: Path, staging: Path, **options: Any) -> Any:
        made = make_path(source, destination, staging, **options)
        act(staging)
        return made

    return make


def test_what_a_living_one_writes_is_left(tmp_path: Path) -> None:
    destination = tmp_path / "made.safetensors"
    seen = []

    def another(staging: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "secureload.cli", "convert", str(WEIGHTS), str(destination)],
            capture_output=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        convert_path(WEIGHTS, destination)  # nor does one in the same process
        seen.append((names(staging), names(tmp_path)))

    convert_path(WEIGHTS, destination, through=meanwhile(another))
    ((staged, beside),) = seen
    assert staged == ["made.safetensors"]
    assert kinds(tmp_path) == [".safetensors"]
    assert [Path(name).suffix for name in beside] == [".lock", ".partial", ".safetensors"]


def test_many_at_once_end_with_one_file(tmp_path: Path) -> None:
    destination = tmp_path / "made.safetensors"
    wrong: list[BaseException] = []

    def convert_some() -> None:
        try:
            for _ in range(5):
                convert_path(WEIGHTS, destination)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=convert_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert names(tmp_path) == ["made.safetensors"]


def test_what_is_only_half_there_is_removed_too(tmp_path: Path) -> None:
    destination = tmp_path / "made.safetensors"
    (tmp_path / f".{destination.name}.{'a' * 12}.lock").touch()
    without = tmp_path / f".{destination.name}.{'b' * 12}.partial"
    (without / "inner").mkdir(parents=True)
    (without / "inner" / "file").write_bytes(b"x")
    convert_path(WEIGHTS, destination)
    assert names(tmp_path) == ["made.safetensors"]


def test_what_only_looks_like_it_is_left(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "mine").write_bytes(b"x")
    out = tmp_path / "out"
    out.mkdir()
    begin = f".made.safetensors.{'a' * 12}"
    (out / f"{begin}.partial").symlink_to(kept)
    for name in (f"{begin}.partial.txt", f"{begin}0.partial", ".made.safetensors.notes.partial"):
        (out / name).mkdir()
    before = [name for name in names(out) if not name.endswith(f"{'a' * 12}.partial")]
    convert_path(WEIGHTS, out / "made.safetensors")
    assert set(before) <= set(names(out))
    assert names(kept) == ["mine"]


def test_where_nothing_can_be_locked_it_converts_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    destination = tmp_path / "made.safetensors"
    perhaps = tmp_path / f".{destination.name}.{'a' * 12}.partial"
    perhaps.mkdir()
    monkeypatch.setattr(fcntl, "flock", refused)
    convert_path(WEIGHTS, destination)
    assert set(names(tmp_path)) >= {"made.safetensors", perhaps.name}  # nobody can tell whose


def test_one_that_cannot_be_told_does_not_keep_the_others(tmp_path: Path) -> None:
    begin = ".made.safetensors."
    (tmp_path / f"{begin}{'a' * 12}.partial").mkdir()
    (tmp_path / f"{begin}{'a' * 12}.lock").symlink_to(tmp_path / "elsewhere")
    (tmp_path / f"{begin}{'b' * 12}.partial").mkdir()
    convert_path(WEIGHTS, tmp_path / "made.safetensors")
    assert names(tmp_path) == [
        f"{begin}{'a' * 12}.lock",
        f"{begin}{'a' * 12}.partial",
        "made.safetensors",
    ]
