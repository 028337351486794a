"""Files that other tools act on: told where they fetch or run, silent where they only list."""

# Tables: one file a line.

from __future__ import annotations

import json

import pytest

from tests.builders.attack_tools import ACTING, package
from tests.scanner.told import CLEAN, rules, tell

ORDINARY = [
    ("requirements.txt", "torch>=2.0\nnumpy<2 ; python_version < '3.12'\n-r other.txt  # more\n"),
    ("requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cu121\ntorch\n"),
    ("requirements.txt", "# see https://example.invalid\ntransformers==4.40.0 --hash=sha256:aa\n"),
    ("requirements.txt", ""),
    ("conda.yaml", "channels:\n- conda-forge\ndependencies:\n- python=3.10\n- pip<=23.3\n- pip:\n"
     "  - mlflow==2.9\n  - scikit-learn==1.3\nname: mlflow-env\nprefix: /opt/conda/envs/x\n"),
    ("python_env.yaml", "python: 3.10.12\nbuild_dependencies:\n- pip==23.3\ndependencies:\n"
     "- -r requirements.txt\n"),
    ("pyproject.toml", "[build-system]\nrequires = ['setuptools>=61']\nbuild-backend = "
     "'setuptools.build_meta'\n[project]\nname = 'x'\nauthors = [{email = 'a@example.org'}]\n"),
    ("setup.cfg", "[flake8]\nmax-line-length = 88\n"),
    ("tox.ini", "[testenv]\ncommands = pytest\n"),
    ("package.json", package(scripts={"test": "jest", "build": "tsc"}, dependencies={"a": "^1.2"})),
    ("package.json", package(scripts={"prepare": "husky install"}, dependencies={"a": "~2 || 3"})),
    (".pre-commit-config.yaml", "repos:\n- repo: https://github.com/psf/black\n  rev: 24.1.0\n"),
    (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n    - uses: actions/checkout@v4\n"
     "    - run: pip install -e . && pytest\n"),
    ("docker-compose.yml", "services:\n  a:\n    image: x\n    volumes:\n    - ./models:/models\n"),
    (".env", "ENV=production\nMODEL_NAME=bert\n"),
    (".vscode/settings.json", json.dumps({"editor.tabSize": 4, "python.envFile": ".env"})),
    ("settings.json", json.dumps({"servers": ["a"], "model": "x"})),
    (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = https://example.org/x.git\n'),
    ("config", "[model]\nprocess = 4\nupdate = daily\n"),
    ("config.pbtxt", 'name: "x"\nbackend: "onnxruntime"\nmax_batch_size: 8\n'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text"), ACTING)
def test_what_fetches_or_runs_is_told(name: str, text: str) -> None:
    result = tell(text.encode(), name)

    assert "tool-acts-on-it" in rules(result)
    assert result.verdict is not CLEAN


@pytest.mark.parametrize(("name", "text"), ORDINARY)
def test_ordinary_lists_and_settings_are_clean(name: str, text: str) -> None:
    result = tell(text.encode(), name)

    assert [finding.message for finding in result.findings] == []
    assert result.verdict is CLEAN


def test_another_name_is_no_such_file() -> None:
    assert tell(b"x @ https://example.invalid/x.whl\n", "notes.txt").verdict is CLEAN
