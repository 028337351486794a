"""`secureload enforce`: the `.pth` file comes, works, and goes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload.enforce import installation
from secureload.enforce.children import PTH

ROOT = Path(__file__).parents[3]
SHOW = """\
import sys
state = sys.modules.get("secureload.enforce.state")
print(bool(state and state.active()))
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installation of its own: `python -c` with `tmp_path` as its site folder."""
    monkeypatch.setattr(installation.sysconfig, "get_path", lambda name: str(tmp_path))
    yield tmp_path
    assert not installation.uninstall()


def started(packages: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A Python that reads the `.pth` files of the folder, as it does those of `site-packages`."""
    code = f"import site; site.addsitedir({str(packages)!r})\n{SHOW}"
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_file_begins_enforcement_where_it_is_asked_for(packages: Path) -> None:
    assert not installation.installed()
    assert installation.install() == packages / PTH
    assert installation.installed()

    assert started(packages, SECURELOAD_ENFORCE="1").stdout == "True\n"
    assert started(packages).stdout == "False\n"
    assert started(packages, SECURELOAD_ENFORCE="0").stdout == "False\n"
    assert installation.uninstall()


def test_without_secureload_a_program_that_asks_for_it_does_not_start(packages: Path) -> None:
    line = installation.install().read_text().replace('"secureload"', '"no_such_package"')
    (packages / PTH).write_text(line)

    done = started(packages, SECURELOAD_ENFORCE="1")

    assert done.returncode != 0
    assert "is not installed" in done.stderr
    assert started(packages).returncode == 0
    installation.uninstall()
