"""Archives of `torch.package`: told once as code; what is hostile in them stays so."""

from __future__ import annotations

import importlib
import io
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from scanner.explain import explain
from scanner.formats import _torch_package
from tests.builders.gadgets import call, glob, pickled
from tests.scanner.told import MALICIOUS, SHELL, SUSPICIOUS, rules, tell

torch = pytest.importorskip("torch")

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x):
        return self.layer(x)


def helper(*args):
    return Net()
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("source")
    (folder / "packaged_net.py").write_text(NET)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("packaged_net")
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("packaged_net", None)


def exported(tmp_path: Path, model: Any) -> bytes:
    """A package as torch writes it, with a text beside the model."""
    path = tmp_path / "model.pt"
    with torch.package.PackageExporter(str(path)) as exporter:
        exporter.extern("torch.**")
        exporter.intern("packaged_net")
        exporter.save_pickle("model", "model.pkl", model)
        exporter.save_text("docs", "notes.txt", "How the model was trained.")
    return path.read_bytes()


def changed(data: bytes, members: dict[str, bytes]) -> bytes:
    """The same archive with members replaced or added."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        there = {info.filename: old.read(info) for info in old.infolist()}
        for name, content in (there | members).items():
            new.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def package(tmp_path: Path, net: Any) -> bytes:
    return exported(tmp_path, net.Net())


def told(data: bytes) -> Any:
    return tell(data, "model.pt")


def test_a_package_is_suspicious_and_told_once(package: bytes) -> None:
    (finding,) = told(package).findings

    assert told(package).format == "torch-package"
    assert told(package).verdict is SUSPICIOUS
    assert finding.rule == "torch-package-code"
    assert "`packaged_net`" in finding.message
    assert "`torch`" in finding.message


def test_its_pickles_are_explained_with_their_storages(tmp_path: Path, net: Any) -> None:
    (tmp_path / "kept.pt").write_bytes(exported_tensors(tmp_path, net.Net().state_dict()))
    shown = [one for one in explain(tmp_path / "kept.pt") if one.lines]

    assert [one.member for one in shown] == ["state/model/state.pkl"]
    assert shown[0].allowed


def test_tensors_alone_in_a_package_are_suspicious(tmp_path: Path, net: Any) -> None:
    result = told(exported_tensors(tmp_path, net.Net().state_dict()))

    assert [finding.rule for finding in result.findings] == ["torch-package-code"]
    assert "no source of its own" in result.findings[0].message


def exported_tensors(tmp_path: Path, state: Any) -> bytes:
    path = tmp_path / "state.pt"
    with torch.package.PackageExporter(str(path)) as exporter:
        exporter.extern("torch.**")
        exporter.save_pickle("model", "state.pkl", state)
    return path.read_bytes()


@pytest.mark.parametrize(
    "payload",
    [
        SHELL,
        pickled(call("os:system", "true")),
        pickled(call("builtins:eval", "1")),
        pickle.dumps([], 4)[:-1] + pickled(call("os:system", "true")),
    ],
    ids=["text", "shell", "eval", "behind"],
)
@pytest.mark.parametrize("member", ["model/model.pkl", "other/weights", ".data/7.storage"])
def test_a_hostile_pickle_is_malicious(package: bytes, member: str, payload: bytes) -> None:
    assert told(changed(package, {f"model/{member}": payload})).verdict is MALICIOUS


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.system('true')\n",
        "import os\ndef helper(*args):\n    os.system('true')\n",
        "import os\ndef helper(*args):\n    inner()\ndef inner():\n    os.system('true')\n",
        "import os\nclass helper:\n    def __setstate__(self, state):\n        os.system('true')\n",
        "import os\nclass Base:\n    def __setstate__(self, state):\n        os.system('true')\n"
        "class helper(Base):\n    pass\n",
        "import os\nclass helper:\n    def __init__(self, *args):\n        os.system('true')\n",
    ],
    ids=["import", "function", "through", "state", "inherited", "init"],
)
def test_source_that_acts_while_it_is_loaded_is_malicious(package: bytes, source: str) -> None:
    hostile = {
        "model/packaged_net.py": source.encode(),
        "model/model/model.pkl": pickled(call("packaged_net:helper", 1)),
    }
    assert told(changed(package, hostile)).verdict is MALICIOUS


def test_source_that_could_act_when_somebody_calls_it_is_suspicious(package: bytes) -> None:
    source = NET + "\ndef shell():\n    import os\n    os.system('true')\n"
    result = told(changed(package, {"model/packaged_net.py": source.encode()}))

    assert result.verdict is SUSPICIOUS
    assert rules(result) == {"torch-package-code"}


def test_a_module_from_outside_is_not_the_package_s_own(package: bytes) -> None:
    outside = {"model/.data/extern_modules": b"torch\npackaged_net\n"}
    assert "unlisted-global" in rules(told(changed(package, outside)))


def test_its_own_module_may_not_stand_for_a_known_one(package: bytes) -> None:
    posing = {
        "model/os.py": b"x = 1\n",
        "model/model/model.pkl": pickled(call("os:system", "true")),
    }
    assert told(changed(package, posing)).verdict is MALICIOUS


def test_functions_that_the_loader_calls_are_told(package: bytes) -> None:
    pid = ("reduce_package", 1, glob("vendor.net:load"), ())
    asking = pickled(pid)[:-1] + b"Q."
    result = told(changed(package, {"model/model/model.pkl": asking}))

    assert {"persistent-id", "unlisted-global"} <= rules(result)


def test_a_storage_that_is_missing_is_told(package: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            if not info.filename.endswith("0.storage"):
                new.writestr(info.filename, old.read(info))

    assert "malformed-file" in rules(told(out.getvalue()))


def test_a_pickle_of_torch_s_own_beside_it_is_read_as_torch_reads_it(package: bytes) -> None:
    result = told(changed(package, {"model/data.pkl": pickled(call("os:system", "true"))}))

    assert result.format == "torch-zip"
    assert result.verdict is MALICIOUS
    assert "torch-package-code" in rules(result)


def test_modules_are_named_by_their_paths() -> None:
    names = ["p/a.py", "p/b/__init__.py", "p/b/c.py", "p/.data/x.py", "p/d.txt"]
    own = list(_torch_package.modules(names))

    assert own == ["a", "b", "b.c"]
    assert _torch_package.inside(own, ["b"]) == {"a"}
