"""`secureload explain`: the program in a pickle, whatever holds it, and never run."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from tests.secureload.cli.shell import EVIL, FIXTURES, Shell


def test_a_malicious_pickle_is_told_step_by_step(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "evil.pkl"
    path.write_bytes(EVIL)
    said = shell("explain", path)
    assert said.code == 1
    assert "from posix import system" in said.out
    assert "system('echo hi!')" in said.out
    assert "NOT ALLOWED" in said.out
    assert "malicious" in said.out


@pytest.mark.parametrize("form", ["pt-zip", "pt-legacy"])
def test_ordinary_weights_have_no_objection(shell: Shell, form: str) -> None:
    said = shell("explain", FIXTURES / "distilbert-token" / form / "pytorch_model.bin",
                 "--format", "json")  # fmt: skip
    assert said.code == 0
    assert said.json["verdict"] == "clean"
    steps = [step for pickle in said.json["pickles"] for step in pickle["steps"]]
    assert any("_rebuild_tensor_v2" in step["text"] for step in steps)
    assert {step["objection"] for step in steps} == {None}


def test_a_pickle_in_an_archive_is_found(shell: Shell, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "outer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside/evil.pkl", EVIL)
    said = shell("explain", tmp_path / "outer.zip")
    assert said.code == 1
    assert "inside/evil.pkl" in said.out


def test_a_compressed_pickle_is_found(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "evil.pkl.gz").write_bytes(gzip.compress(EVIL))
    said = shell("explain", tmp_path / "evil.pkl.gz")
    assert said.code == 1
    assert "system('echo hi!')" in said.out


def test_cutting_the_listing_short_does_not_soften_the_answer(shell: Shell, tmp_path: Path) -> None:
    harmless = b"ccollections\nOrderedDict\n)R0" * 50
    (tmp_path / "late.pkl").write_bytes(b"\x80\x02" + harmless + EVIL[2:])
    said = shell("explain", tmp_path / "late.pkl", "--most", "3")
    assert "system" not in said.out.splitlines()[1]
    assert "malicious" in said.out
    assert said.code == 1


def test_a_file_without_pickles_has_nothing_to_explain(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "fine.json").write_text("{}")
    said = shell("explain", tmp_path / "fine.json")
    assert said.code == 2
    assert "no pickle" in said.err


def test_python_source_is_explained_file_by_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("import math\n\n\ndef f():\n    return math.pi\n")
    (tmp_path / "bad.py").write_text("import os\nos.system('id')\n")
    said = shell("explain", tmp_path / "good.py")
    assert said.code == 0
    assert "imports math" in said.out
    said = shell("explain", tmp_path)
    assert said.code == 1
    assert "calls os.system while imported  DANGEROUS" in said.out
    said = shell("explain", tmp_path, "--format", "json")
    files = {Path(file["path"]).name: file["lines"] for file in said.json["files"]}
    assert files["good.py"][0] == {"line": 1, "does": "imports math", "dangerous": False}
    assert [line["dangerous"] for line in files["bad.py"]] == [False, True]
