"""The wheel carries the policies, works elsewhere, and its base needs no torch."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(out),
            str(ROOT),
        ],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs and nothing of the source tree."""
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index",
         "--target", str(target), str(wheel)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return target


def run(elsewhere: Path, cwd: Path, code: str) -> str:
    # -P keeps the working directory off the path, -S would lose the dependencies.
    program = f"import sys; sys.path.insert(0, {str(elsewhere)!r}); {code}"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", ["strict", "default", "research"])
def test_installed_elsewhere_a_shipped_policy_loads(
    elsewhere: Path, tmp_path: Path, name: str
) -> None:
    shown = run(
        elsewhere,
        tmp_path,
        "import secureload.policy as p, secureload.settings as s, json; "
        f"loaded = p.load({name!r}, s.Settings.from_environment()); "
        "print(json.dumps([loaded.id.name, p.__file__]))",
    )
    policy, origin = json.loads(shown)
    assert policy == name
    assert Path(origin).is_relative_to(elsewhere)


def test_installed_elsewhere_it_scans(elsewhere: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello\n")
    shown = run(
        elsewhere,
        tmp_path,
        "from secureload.cli import main; main(['scan', 'notes.txt', '--format', 'json'])",
    )
    assert json.loads(shown)["verdict"] == "allow"


def test_the_base_requires_neither_torch_nor_transformers() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    base = " ".join(project["dependencies"])
    assert "torch" not in base
    assert "transformers" not in base
    assert any(line.startswith("torch") for line in project["optional-dependencies"]["load"])


def test_the_wheel_holds_both_packages_their_data_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"secureload/policies/{n}.yaml" for n in ("strict", "default", "research")} <= names
    assert {"scanner/py.typed", "secureload/py.typed"} <= names
    assert not [name for name in names if name.startswith("tests/")]
