"""Code other than the approved one: changed, added, from elsewhere, or slipped in on the way."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import secureload
from secureload import gate, sources
from secureload.errors import IntegrityError, PolicyError, Refused, SecureloadError
from secureload.flow import Need
from tests.builders import coded
from tests.secureload.registry import hashed

ASKED = torch.arange(4.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return coded.coded(tmp_path / "model")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "executed"


def approve(model: Path, folder: Path, **spec: Any) -> str:
    """Approve the code as it is now; gives the policy that says so."""
    (folder / "seen").mkdir(exist_ok=True)
    found = gate.open_gate().code(sources.parse(str(model)), folder / "seen")
    assert found is not None
    document = {
        "apiVersion": "secureload/v1",
        "kind": "CodeApprovals",
        "metadata": {"name": "reviewed"},
        "spec": {"approved": [{"digest": found.digest}]},
    }
    (folder / "code.yaml").write_text(json.dumps(document))
    policy = {
        "apiVersion": "secureload/v1",
        "kind": "TrustPolicy",
        "metadata": {"name": "coded"},
        "spec": {"remoteCode": {"mode": "approved-digests", "file": "code.yaml"}, **spec},
    }
    (folder / "policy.yaml").write_text(json.dumps(policy))
    return str(folder / "policy.yaml")


def load(model: Path, policy: str | None = None, **kwargs: Any) -> Any:
    return secureload.AutoModel.from_pretrained(
        model, trust_remote_code=True, trust_policy=policy, **kwargs
    )


def refused(model: Path, policy: str | None) -> frozenset[str]:
    with pytest.raises(Refused) as no:
        load(model, policy)
    return no.value.verdict.rules


@pytest.mark.parametrize("verify", ["changed", "always", "hashed-bytes"])
def test_approved_code_runs(verify: str, model: Path, tmp_path: Path) -> None:
    policy = approve(model, tmp_path, cache={"verify": verify})
    made = load(model, policy)
    weights = torch.load(model / "pytorch_model.bin")
    expected = torch.nn.functional.linear(ASKED, weights["linear.weight"], weights["linear.bias"])
    assert torch.equal(made(ASKED), expected * 3.0)
    assert type(made).__name__ == "CodedModel"
    assert made.name_or_path.startswith(os.environ["SECURELOAD_HOME"])
    config = secureload.AutoConfig.from_pretrained(
        model, trust_remote_code=True, trust_policy=policy
    )
    assert type(config).__name__ == "CodedConfig"
    module = sys.modules[type(made).__module__]
    assert Path(str(module.__file__)).read_text() == coded.MODELING
    made.save_pretrained(tmp_path / "saved")
    assert (tmp_path / "saved" / "modeling_coded.py").read_text() == coded.MODELING


def test_no_code_runs_without_approval_or_without_being_asked(model: Path, tmp_path: Path) -> None:
    assert "remote-code" in refused(model, None)
    assert "remote-code" in refused(model, "research")
    policy = approve(model, tmp_path)
    with pytest.raises(ValueError, match="coded"):
        secureload.AutoModel.from_pretrained(model, trust_policy=policy)
    with pytest.raises(Refused):
        secureload.pipeline("feature-extraction", str(model), trust_remote_code=True,
                            trust_policy=policy)  # fmt: skip


@pytest.mark.parametrize("name", ["modeling_coded.py", "configuration_coded.py", "layers.py"])
def test_a_changed_file_needs_a_new_approval(
    name: str, model: Path, tmp_path: Path, marker: Path
) -> None:
    policy = approve(model, tmp_path)
    load(model, policy)
    with (model / name).open("a") as file:
        file.write(f"\nopen({str(marker)!r}, 'w')\n")
    assert "remote-code" in refused(model, policy)
    assert not marker.exists()
    load(model, approve(model, tmp_path))
    assert marker.exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda model: (model / "extra.py").write_text("x = 1\n"),
        lambda model: (model / "sub").mkdir() or (model / "sub" / "m.py").write_text("x = 1\n"),
        lambda model: (model / "__init__.py").write_text(""),
        lambda model: (model / "layers.py").rename(model / "layers2.py"),
        lambda model: (model / "layers.py").unlink(),
    ],
    ids=["added", "added-below", "package", "renamed", "removed"],
)
def test_another_set_of_files_needs_a_new_approval(
    change: Callable[[Path], object], model: Path, tmp_path: Path
) -> None:
    policy = approve(model, tmp_path)
    change(model)
    assert "remote-code" in refused(model, policy)


@pytest.mark.parametrize(
    "reference",
    [
        "org/other--modeling_coded.CodedModel",
        "modeling_other.CodedModel",
        "../elsewhere.CodedModel",
        "os.system",
        "sub/modeling_coded.CodedModel",
        ["modeling_coded.CodedModel", "org/other--x.Y"],
        5,
    ],
    ids=str,
)
def test_an_auto_map_that_names_code_elsewhere_is_refused(
    reference: Any, model: Path, tmp_path: Path
) -> None:
    policy = approve(model, tmp_path)
    config = json.loads((model / "config.json").read_text())
    config["auto_map"]["AutoModel"] = reference
    (model / "config.json").write_text(json.dumps(config))
    assert "remote-code" in refused(model, policy)


def test_a_relative_import_of_a_module_that_is_not_there_fails(
    model: Path, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = coded.MODELING.replace("from .layers import scale", "from .absent import scale")
    (model / "modeling_coded.py").write_text(text)
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "absent.py").write_text(f"open({str(marker)!r}, 'w')\ndef scale(): return 1\n")
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place))
    with pytest.raises(OSError, match="absent"):
        load(model, approve(model, tmp_path))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["modeling_coded.py", "secureload-code.json", "config.json"])
def test_code_changed_in_the_cache_does_not_run(
    name: str, model: Path, tmp_path: Path, marker: Path
) -> None:
    policy = approve(model, tmp_path)
    load(model, policy)
    opened = gate.open_gate(trust_policy=policy)
    entry = opened.admit(sources.parse(str(model)), Need(code=True))
    hashed.flip(entry.path / name, at=5)
    with pytest.raises(IntegrityError):
        load(model, policy)


def test_modules_that_lie_about_are_not_picked_up(
    model: Path, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = approve(model, tmp_path)
    bad = f"open({str(marker)!r}, 'w')\n"
    # What transformers' own cache of modules, the current folder and sys.path may hold.
    for place in (Path(os.environ["HF_HOME"]) / "modules", tmp_path / "work"):
        package = place / "transformers_modules" / "model"
        package.mkdir(parents=True)
        for folder in (place, package.parent, package):
            for name in ("__init__", "layers", "modeling_coded", "configuration_coded"):
                (folder / f"{name}.py").write_text(bad)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(str(tmp_path / "work"))
    assert load(model, policy)(ASKED).shape == (4,)
    assert not marker.exists()


def test_a_module_that_writes_another_before_it_is_imported_is_stopped(
    model: Path, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers.dynamic_module_utils as dynamic

    policy = approve(model, tmp_path)
    original = dynamic.get_cached_module_file

    def slipped(*args: Any, **kwargs: Any) -> Any:
        found = original(*args, **kwargs)
        place = Path(dynamic.HF_MODULES_CACHE) / found
        place.write_text(f"open({str(marker)!r}, 'w')\n")
        return found

    monkeypatch.setattr(dynamic, "get_cached_module_file", slipped)
    with pytest.raises(IntegrityError, match="approved"):
        load(model, policy)
    assert not marker.exists()


def test_an_approval_counts_for_its_repositories_only(model: Path, tmp_path: Path) -> None:
    policy = approve(model, tmp_path)
    document = json.loads((tmp_path / "code.yaml").read_text())
    document["spec"]["approved"][0]["repos"] = ["org/*"]
    (tmp_path / "code.yaml").write_text(json.dumps(document))
    assert "remote-code" in refused(model, policy)


def test_an_approval_taken_back_counts_at_once(model: Path, tmp_path: Path) -> None:
    policy = approve(model, tmp_path)
    load(model, policy)
    document = json.loads((tmp_path / "code.yaml").read_text())
    document["spec"]["approved"] = []
    (tmp_path / "code.yaml").write_text(json.dumps(document))
    assert "remote-code" in refused(model, policy)
    (tmp_path / "code.yaml").unlink()
    with pytest.raises(PolicyError, match=r"code\.yaml"):
        load(model, policy)


def test_approved_code_does_not_excuse_a_malicious_pickle(
    model: Path, tmp_path: Path, marker: Path
) -> None:
    from tests.builders.models import hostile_zip

    policy = approve(model, tmp_path)
    (model / "pytorch_model.bin").write_bytes(hostile_zip(f"touch {marker}"))
    assert "runs-shell" in refused(model, policy)
    assert not marker.exists()


def test_approved_code_is_still_stopped_at_processes_and_the_network(
    model: Path, tmp_path: Path, marker: Path
) -> None:
    text = coded.MODELING.replace(
        "super().__init__(config)",
        f"super().__init__(config)\n        import os; os.system('touch {marker}')",
    )
    (model / "modeling_coded.py").write_text(text)
    with pytest.raises(SecureloadError, match="start a process"):
        load(model, approve(model, tmp_path))
    assert not marker.exists()


def test_the_admitted_folder_names_no_code(model: Path, tmp_path: Path) -> None:
    policy = approve(model, tmp_path)
    load(model, policy)
    entry = gate.open_gate(trust_policy=policy).admit(sources.parse(str(model)), Need(code=True))
    assert "auto_map" not in json.loads((entry.path / "config.json").read_text())
    copy = shutil.copytree(entry.path, tmp_path / "copy")
    assert (copy / "modeling_coded.py").is_file()
