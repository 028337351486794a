from __future__ import annotations

import inspect
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

import secureload
from secureload.errors import (
    IntegrityError,
    NotFoundError,
    PolicyError,
    Refused,
    SecureloadError,
    UsageError,
)
from tests.builders import models
from tests.secureload.registry import hashed
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

FIXTURES = Path(__file__).parents[1] / "fixtures"
DISTILBERT = FIXTURES / "distilbert-sequence"
LEGACY = DISTILBERT / "pt-zip"


def logits(model: Any) -> torch.Tensor:
    tensors = load_file(DISTILBERT / "expected.safetensors")
    with torch.no_grad():
        made = model.eval()(
            input_ids=tensors["input.input_ids"], attention_mask=tensors["input.attention_mask"]
        )
    return made.logits  # type: ignore[no-any-return]


def recorded() -> torch.Tensor:
    return load_file(DISTILBERT / "expected.safetensors")["pytorch.logits"]


def right(model: Any) -> bool:
    return torch.allclose(logits(model), recorded(), atol=1e-5)


def home() -> Path:
    return Path(os.environ["SECURELOAD_HOME"])


def loads() -> list[tuple[str, str]]:
    """What the ledger says was loaded: class names and devices."""
    with sqlite3.connect(home() / "secureload.db") as database:
        return sorted(database.execute("SELECT class_name, device FROM loads"))


# -- the package -----------------------------------------------------------------------------


def modules_after(statement: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-c", f"{statement}; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=FIXTURES.parents[1],
    )
    return set(shown.stdout.split())


def test_importing_the_package_imports_nothing_heavy() -> None:
    loaded = modules_after("import secureload")
    assert loaded.isdisjoint({"torch", "transformers", "scanner", "secureload.gate", "sqlalchemy"})


def test_naming_a_class_does_not_import_torch() -> None:
    assert "torch" not in modules_after("from secureload import AutoModel, AutoTokenizer")


def test_the_package_lists_what_it_exports() -> None:
    names = set(dir(secureload))
    assert {"admit", "scan", "pipeline", "Refused", "Policy", "AutoModel", "AutoConfig"} <= names
    for name in ("admit", "scan", "pipeline", "Refused", "Policy", "SecureloadError"):
        assert getattr(secureload, name)


def test_a_class_that_transformers_lacks_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        from secureload import AutoModelForMindReading  # noqa: F401
    with pytest.raises(AttributeError, match="AutoModelForMindReading"):
        _ = secureload.AutoModelForMindReading
    with pytest.raises(AttributeError):
        _ = secureload.nothing


def test_a_tensorflow_class_is_an_import_error_that_says_what_to_do() -> None:
    with pytest.raises(ImportError, match="no TensorFlow classes") as error:
        _ = secureload.TFAutoModelForSequenceClassification
    assert "secureload.AutoModelForSequenceClassification" in str(error.value)
    assert "from_tf=True" in str(error.value)
    assert "4.54.1" in str(error.value)
    assert "docs/tensorflow.md" in str(error.value)
    assert "make test-tf" in str(error.value)


def test_a_front_looks_like_the_class_it_stands_for() -> None:
    front = secureload.AutoModelForTokenClassification
    assert front is secureload.AutoModelForTokenClassification
    assert repr(front) == "<class 'secureload.AutoModelForTokenClassification'>"
    assert "trust_policy" in inspect.signature(front.from_pretrained).parameters
    assert "trust_policy" in (front.from_pretrained.__doc__ or "")
    assert {"from_pretrained", "from_config", "register"} <= set(dir(front))


def test_all_but_loading_is_transformers_own() -> None:
    config = secureload.AutoConfig.for_model("distilbert", dim=16, n_heads=2, n_layers=1)
    assert type(config) is transformers.DistilBertConfig
    assert type(secureload.AutoModel.from_config(config)) is transformers.DistilBertModel
    with pytest.raises(OSError, match="from_pretrained"):
        secureload.AutoModel()


# -- arguments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "arguments"),
    [
        ("tf-h5", {"from_tf": True}),
        ("flax-msgpack", {"from_flax": True}),
        ("pt-zip", {"use_safetensors": False, "weights_only": False}),
        ("pt-zip", {"trust_remote_code": False}),
        ("pt-zip", {"trust_remote_code": "false", "proxies": {}, "resume_download": True}),
        ("pt-zip", {"attn_implementation": "eager"}),
        ("pt-zip", {"local_files_only": True, "force_download": True, "token": "hf_x"}),
        ("pt-zip", {"device_map": "cpu"}),
    ],
    ids=str,
)
def test_the_usual_arguments_keep_working(form: str, arguments: dict[str, Any]) -> None:
    made = secureload.AutoModelForSequenceClassification.from_pretrained(
        DISTILBERT / form, **arguments
    )
    assert right(made)


@pytest.mark.parametrize(
    ("form", "argument", "scope"),
    [
        ("tf-h5", "from_tf", "needed"),
        ("tf-h5-sharded", "from_tf", "all"),
        ("tf-safetensors", "from_tf", "all"),
        ("flax-msgpack", "from_flax", "needed"),
        ("flax-sharded", "from_flax", "all"),
    ],
)
def test_the_frameworks_weights_are_loaded_beside_pytorchs(
    form: str, argument: str, scope: str, tmp_path: Path
) -> None:
    """Beside them lie PyTorch's, all zero, which only the other call may load."""
    folder = tmp_path / "model"
    shutil.copytree(DISTILBERT / form, folder)
    weights = torch.load(DISTILBERT / "pt-zip" / "pytorch_model.bin", weights_only=True)
    torch.save({name: one.zero_() for name, one in weights.items()}, folder / "pytorch_model.bin")
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: mine}\n"
        f"spec: {{extends: default, scope: {scope}}}\n"
    )

    cls = secureload.AutoModelForSequenceClassification
    assert right(cls.from_pretrained(folder, trust_policy=policy, **{argument: True}))
    if form != "tf-safetensors":  # there, names alone do not tell which is PyTorch's
        plain = cls.from_pretrained(folder, trust_policy=policy)
        assert not any(one.any() for one in plain.state_dict().values())


@pytest.mark.parametrize("arguments", [{"from_tf": True}, {"from_flax": True}], ids=str)
def test_weights_that_no_such_framework_wrote_are_not_taken_for_them(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(SecureloadError):
        secureload.AutoModelForSequenceClassification.from_pretrained(LEGACY, **arguments)


def test_both_frameworks_at_once_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        secureload.AutoModel.from_pretrained(LEGACY, from_tf=True, from_flax=True)


def test_dtype_info_and_config_values_reach_transformers() -> None:
    made, info = secureload.AutoModelForSequenceClassification.from_pretrained(
        str(LEGACY), dtype="float16", output_loading_info=True, seq_classif_dropout=0.5
    )
    assert made.dtype is torch.float16
    assert made.config.seq_classif_dropout == 0.5
    assert not info["missing_keys"]


def test_a_config_may_be_an_object_or_a_reference() -> None:
    front = secureload.AutoModelForSequenceClassification
    config = secureload.AutoConfig.from_pretrained(LEGACY)
    assert right(front.from_pretrained(LEGACY, config=config))
    assert right(front.from_pretrained(LEGACY, config=str(LEGACY)))


def test_a_subfolder_and_a_variant_load(tmp_path: Path) -> None:
    inner = tmp_path / "model" / "encoder"
    shutil.copytree(DISTILBERT / "safetensors", inner)
    (inner / "model.safetensors").rename(inner / "model.fp16.safetensors")
    assert right(
        secureload.AutoModelForSequenceClassification.from_pretrained(
            tmp_path / "model", subfolder="encoder", variant="fp16"
        )
    )


def test_a_load_is_recorded_with_its_class_and_device() -> None:
    secureload.AutoModel.from_pretrained(LEGACY)
    secureload.AutoConfig.from_pretrained(LEGACY)
    assert loads() == [("AutoConfig", "cpu"), ("AutoModel", "cpu")]


@pytest.mark.parametrize("value", [True, "true", 1, "yes"])
def test_remote_code_is_refused_by_the_policy(value: Any) -> None:
    with pytest.raises(Refused, match="trust_remote_code") as refused:
        secureload.AutoModel.from_pretrained(LEGACY, trust_remote_code=value)
    assert refused.value.verdict.rules == {"remote-code"}


def test_an_argument_that_leads_out_is_said_before_anything_is_fetched() -> None:
    with pytest.raises(UsageError, match="attn_implementation"):
        secureload.AutoModel.from_pretrained("org/nowhere", attn_implementation="org/kernel")
    assert not home().exists()


def test_a_policy_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PolicyError):
        secureload.AutoModel.from_pretrained(LEGACY, trust_policy="no-such-policy")


def test_a_malicious_checkpoint_is_refused_and_does_nothing(tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    folder = tmp_path / "model"
    for name, data in models.malicious(f"touch {marker}").items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    with pytest.raises(Refused) as refused:
        secureload.AutoModel.from_pretrained(folder)
    assert refused.value.verdict.reasons
    assert refused.value.report is not None
    assert not marker.exists()


# -- from a hub ------------------------------------------------------------------------------


@pytest.fixture
def repo(tmp_path: Path) -> PublishedRepo:
    repo = PublishedRepo(tmp_path / "hub", "org/model")
    files = {path.name: path.read_bytes() for path in LEGACY.iterdir()}
    files |= {p.name: p.read_bytes() for p in (DISTILBERT / "processor").iterdir()}
    repo.commit(files)
    return repo


@pytest.fixture
def hub(tmp_path: Path, repo: PublishedRepo, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def test_a_repository_of_the_hub_loads_and_then_without_it(
    hub: LocalHub, repo: PublishedRepo
) -> None:
    front = secureload.AutoModelForSequenceClassification
    assert right(front.from_pretrained("org/model"))
    assert right(front.from_pretrained("org/model", revision="main", token="hf_x"))
    seen = hub.count()
    assert seen
    assert right(front.from_pretrained("org/model", revision=repo.tip()))
    assert right(front.from_pretrained("org/model", local_files_only=True))
    assert hub.count() == seen


def test_tokenizer_and_pipeline_of_a_repository(hub: LocalHub) -> None:
    tokenizer = secureload.AutoTokenizer.from_pretrained("org/model")
    theirs = transformers.AutoTokenizer.from_pretrained(DISTILBERT / "processor")
    assert tokenizer("A hobbit-hole.") == theirs("A hobbit-hole.")
    made = secureload.pipeline(model="org/model", device="cpu")
    assert made.task == "text-classification"
    assert made("A hobbit-hole.")[0]["label"] in made.model.config.label2id
    assert ("pipeline:text-classification", "cpu") in loads()


@pytest.mark.usefixtures("hub")
def test_an_unknown_repository_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        secureload.AutoModel.from_pretrained("org/nothing")


# -- pipelines -------------------------------------------------------------------------------


def test_a_pipeline_of_built_objects() -> None:
    model = secureload.AutoModelForSequenceClassification.from_pretrained(LEGACY)
    tokenizer = secureload.AutoTokenizer.from_pretrained(DISTILBERT / "processor")
    made = secureload.pipeline(model=model, tokenizer=tokenizer, device="cpu")
    assert made.model is model
    assert made.task == "text-classification"


def test_what_a_pipeline_is_given_by_name_is_on_record_each_with_its_part() -> None:
    secureload.pipeline(
        model=str(LEGACY), tokenizer=str(DISTILBERT / "processor"), device="cpu", config=str(LEGACY)
    )
    assert loads() == [
        ("pipeline.config", None),
        ("pipeline.tokenizer", None),
        ("pipeline:text-classification", "cpu"),
    ]


def test_a_pipeline_whose_build_fails_is_on_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such head")

    monkeypatch.setattr("secureload.auto.library.pipeline", fail)
    with pytest.raises(ValueError, match="no such head"):
        secureload.pipeline(model=str(LEGACY), tokenizer=str(DISTILBERT / "processor"))
    assert [name for name, _ in loads()] == ["pipeline.tokenizer", "pipeline:text-classification"]


DIES = """
import os, sys
import secureload
from secureload import auto
auto.library.pipeline = lambda *_: os._exit(9)
auto.Recording.__enter__ = lambda self, enter=auto.Recording.__enter__: (
    enter(self), self._thread.join()
)[0]
secureload.pipeline(model=sys.argv[1])
"""


def test_a_pipeline_that_ends_with_its_process_is_on_record() -> None:
    done = subprocess.run([sys.executable, "-c", DIES, str(LEGACY)], check=False)
    assert done.returncode == 9
    assert [name for name, _ in loads()] == ["pipeline:text-classification"]


def test_a_pipeline_without_a_model_is_not_guessed() -> None:
    with pytest.raises(UsageError, match="no model"):
        secureload.pipeline("text-classification")


def test_a_pipeline_whose_task_does_not_follow_asks_for_it() -> None:
    with pytest.raises(UsageError, match="no single pipeline task"):
        secureload.pipeline(model=str(FIXTURES / "bert-pretraining" / "safetensors"))


def test_a_pipeline_refuses_remote_code() -> None:
    with pytest.raises(Refused):
        secureload.pipeline("text-classification", str(LEGACY), trust_remote_code=True)


# -- adapters --------------------------------------------------------------------------------


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A LoRA adapter whose base is the local fixture, with weights that change the answer."""
    import peft

    torch.manual_seed(0)
    base = transformers.AutoModelForSequenceClassification.from_pretrained(
        DISTILBERT / "safetensors"
    )
    lora = peft.LoraConfig(r=2, target_modules=["q_lin"], init_lora_weights=False)
    model = peft.get_peft_model(base, lora)
    model.peft_config["default"].base_model_name_or_path = str(LEGACY)
    model.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def rebase(adapter: Path, base: str) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": base}))


def test_an_adapter_is_put_onto_its_base_which_is_admitted_too(adapter: Path) -> None:
    made = secureload.AutoModelForSequenceClassification.from_pretrained(adapter)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(adapter)
    assert torch.allclose(logits(made), logits(theirs), atol=1e-6)
    assert not right(made)
    with sqlite3.connect(home() / "secureload.db") as database:
        (admitted,) = database.execute("SELECT count(*) FROM admissions").fetchone()
    assert admitted == 2
    name = "AutoModelForSequenceClassification"
    assert loads() == [(name, "cpu"), (f"{name}.base", None)]


def test_an_adapter_whose_base_is_malicious_is_refused(adapter: Path, tmp_path: Path) -> None:
    marker, base = tmp_path / "executed", tmp_path / "base"
    base.mkdir()
    for name, data in models.malicious(f"touch {marker}").items():
        (base / name).write_bytes(data)
    rebase(adapter, str(base))
    with pytest.raises(Refused):
        secureload.AutoModelForSequenceClassification.from_pretrained(adapter)
    assert not marker.exists()


def test_an_adapter_from_the_hub_may_not_name_a_folder_of_this_machine(
    adapter: Path, tmp_path: Path, hub: LocalHub
) -> None:
    files = {path.name: path.read_bytes() for path in adapter.iterdir()}
    PublishedRepo(tmp_path / "hub", "org/adapter").commit(files)
    with pytest.raises(UsageError, match="base model"):
        secureload.AutoModelForSequenceClassification.from_pretrained("org/adapter")


def test_an_adapter_from_the_hub_with_its_base_from_the_hub(
    adapter: Path, tmp_path: Path, hub: LocalHub
) -> None:
    rebase(adapter, "org/model")
    files = {path.name: path.read_bytes() for path in adapter.iterdir()}
    PublishedRepo(tmp_path / "hub", "org/adapter").commit(files)
    made = secureload.AutoModelForSequenceClassification.from_pretrained("org/adapter")
    rebase(adapter, str(LEGACY))
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(adapter)
    assert torch.allclose(logits(made), logits(theirs), atol=1e-6)


# -- hashed bytes ----------------------------------------------------------------------------


def test_hashed_bytes_give_the_same_model_tokenizer_and_pipeline(tmp_path: Path) -> None:
    policy = hashed.policy(tmp_path)
    made = secureload.AutoModelForSequenceClassification.from_pretrained(
        LEGACY, trust_policy=policy
    )
    assert right(made)
    assert made.name_or_path.startswith(str(home()))
    source = FIXTURES / "distilbert-token" / "processor"
    tokenizer = secureload.AutoTokenizer.from_pretrained(source, trust_policy=policy)
    theirs = transformers.AutoTokenizer.from_pretrained(source)
    assert tokenizer("a few words") == theirs("a few words")
    assert tokenizer.name_or_path.startswith(str(home()))
    tokenizer.save_pretrained(tmp_path / "saved")
    whole = tmp_path / "whole"
    whole.mkdir()
    for name, data in models.legacy().items():
        (whole / name).write_bytes(data)
    pipe = secureload.pipeline("token-classification", str(whole), trust_policy=policy)
    assert pipe.model.name_or_path.startswith(str(home()))
    assert pipe.tokenizer.name_or_path.startswith(str(home()))
    assert pipe("a few words")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_hashed_bytes_notice_what_looks_unchanged(name: str, tmp_path: Path) -> None:
    entry = hashed.admitted(LEGACY, tmp_path)
    with sqlite3.connect(home() / "secureload.db") as database:
        hashed.flip(entry.path / name)
        # Whoever can write to the cache may also make the record of how files look agree.
        status = (entry.path / name).stat()
        database.execute(
            "UPDATE admission_files SET mtime_ns=?, ctime_ns=?, inode=? WHERE path=?",
            (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, name),
        )
    with pytest.raises(IntegrityError, match=name):
        secureload.AutoModelForSequenceClassification.from_pretrained(
            LEGACY, trust_policy=hashed.policy(tmp_path)
        )


def test_hashed_bytes_check_the_files_of_a_path_that_is_handed_out(tmp_path: Path) -> None:
    entry = hashed.admitted(LEGACY, tmp_path)
    hashed.flip(entry.path / "model.safetensors")
    with pytest.raises(IntegrityError, match=r"model\.safetensors"):
        secureload.admit(LEGACY, trust_policy=hashed.policy(tmp_path))
