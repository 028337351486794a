"""Python source: suspicious as such, malicious when it acts while it is imported."""

from __future__ import annotations

import pytest

from tests.scanner.told import MALICIOUS, SUSPICIOUS, assert_clean, rules, tell

MODEL = (
    b"import torch\n\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        return x\n"
)


@pytest.mark.parametrize("name", ["modeling.py", "readme.txt"])
def test_source_is_suspicious_under_any_name(name: str) -> None:
    assert tell(MODEL, name).verdict is SUSPICIOUS


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.system('true')\n",
        "from os import system as s\ns('true')\n",
        "import subprocess as p\nclass A:\n    x = p.run(['true'])\n",
        "def f():\n    import os\n    os.system('true')\nf()\n",
        "__import__('os').system('true')\n",
        "exec('1')\n",
        "import socket\nsocket.create_connection(('a', 1))\n",
        "import os\ndef f(x=os.system('true')): pass\n",
        "import os\n@os.system\ndef f(): pass\nos.popen('true')\n",
    ],
)
def test_what_acts_at_import_is_malicious(source: str) -> None:
    assert tell(source.encode(), "m.py").verdict is MALICIOUS


def test_what_only_could_act_is_suspicious() -> None:
    assert tell(b"import os\ndef f():\n    os.system('true')\n", "m.py").verdict is SUSPICIOUS


@pytest.mark.parametrize(
    "source",
    [
        "import os\nif __name__ == '__main__':\n    os.system('true')\n",
        "import subprocess\ndef main():\n    subprocess.run(['true'])\n"
        "if __name__ == '__main__':\n    main()\n",
        "import importlib\nimportlib.import_module('transformers')\n",
        "re = __import__('re')\n",
        "import importlib.util\nfound = importlib.util.find_spec('triton') is not None\n",
        "import importlib.metadata\nv = importlib.metadata.version('torch')\n",
        "import pickle\nwith open('v.pkl', 'rb') as f:\n    v = pickle.load(f)\n",
    ],
    ids=["script", "main", "import", "dunder-import", "spec", "version", "unpickles-a-file"],
)
def test_what_scripts_and_models_do_is_not_malicious(source: str) -> None:
    assert tell(source.encode(), "m.py").verdict is SUSPICIOUS


@pytest.mark.parametrize(
    "source",
    [
        "import os\n__name__ = '__main__'\nif __name__ == '__main__':\n    os.system('true')\n",
        "import os\nglobals()['__name__'] = '__main__'\n"
        "if __name__ == '__main__':\n    os.system('true')\n",
        "import os\nif __name__ == '__main__':\n    pass\nelse:\n    os.system('true')\n",
        "import os\nif __name__ != '__main__':\n    os.system('true')\n",
        "m = __import__('os')\nm.system('true')\n",
        "import importlib\nm = importlib.import_module('subprocess')\nm.run(['true'])\n",
        "import importlib\nm = importlib.import_module('o' + 's')\nm.system('true')\n",
        "import pickle\npickle.loads(b'N.')\n",
        "import pickle, os\npickle.load(open('x', 'rb'))\nos.system('true')\n",
    ],
    ids=[
        "renamed", "renamed-by-item", "else", "unequal", "dunder-import", "import-module",
        "computed", "unpickles-its-own", "and-a-shell",
    ],
)  # fmt: skip
def test_what_only_looks_guarded_is_malicious(source: str) -> None:
    assert tell(source.encode(), "m.py").verdict is MALICIOUS


@pytest.mark.parametrize("prose", [b"one\ntwo\nthree\n", b"a = 1\n", b"Hello, world.\n", b"x: y\n"])
def test_prose_and_settings_are_no_program(prose: bytes) -> None:
    assert tell(prose, "notes.txt").format in ("text", "yaml")


def test_source_that_does_not_parse_is_suspicious_by_its_name() -> None:
    assert tell(b"print 'old'\n", "m.py").verdict is SUSPICIOUS
    assert_clean(b"print 'old'\n", "text", "m.txt")


@pytest.mark.parametrize(
    "data",
    [
        b"# coding: latin-1\n# \xe9\nimport os\nos.system('id')\n",
        b"# coding: latin-1\n# "
        + b"\xe9" * 100_000
        + b"\nimport os\nos.system('id')\n"
        + b"#" * 600_000,
        b"import os\nos.system('id')\n" + b"#" * 16_100_000,
    ],
    ids=["latin-1", "much latin-1", "very long"],
)
def test_source_that_is_no_utf_8_or_too_long_is_not_clean(data: bytes) -> None:
    for name in ("modeling.py", "MODELING.PY"):
        assert "embedded-code" in rules(tell(data, name))


def test_lines_that_site_runs_are_code() -> None:
    data = b"/usr/lib/some folder\nimport os; os.system('id')\n"

    assert tell(data, "x.pth").verdict is MALICIOUS
    assert_clean(b"/usr/lib/some folder\n../src\n", "text", "x.txt")


LONG = b"# It is a long way to the end of this file.\n" * 50_000


@pytest.mark.parametrize(
    "line", [b"import os\n", b"from os import system\n", b"def f(x):\n    pass\n", b"exec(x)\n"]
)
def test_a_program_too_long_to_parse_is_told(line: bytes) -> None:
    assert "limit-reached" in rules(tell(LONG + line, "notes"))


def test_long_prose_is_text() -> None:
    prose = LONG + b"Import duties (see above) are due from the class of 1984; open() says so.\n"
    assert_clean(prose, "text", "notes.txt")


def test_a_dangerous_call_behind_many_others_is_found() -> None:
    calls = "".join(f"a{number}()\n" for number in range(300))
    assert tell(f"import os\n{calls}os.system('true')\n".encode()).verdict is MALICIOUS
