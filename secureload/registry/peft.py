"""Build peft models: an admitted adapter on a base model that passed the gate as well."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from secureload.errors import IntegrityError, UsageError
from secureload.flow import CacheEntry, Need
from secureload.registry import transformers
from secureload.registry.backstop import guard
from secureload.registry.library import Call, Library, check_tree, original
from secureload.registry.sealed import handed

_OWN = frozenset({"adapter_name", "is_trainable", "config", "import_allowlist", "torch_device"})
"""Arguments that are peft's; the others of `AutoPeftModel*` are the base model's."""

_TASKS = {
    "CAUSAL_LM": "AutoPeftModelForCausalLM",
    "SEQ_2_SEQ_LM": "AutoPeftModelForSeq2SeqLM",
    "SEQ_CLS": "AutoPeftModelForSequenceClassification",
    "TOKEN_CLS": "AutoPeftModelForTokenClassification",
    "QUESTION_ANS": "AutoPeftModelForQuestionAnswering",
    "FEATURE_EXTRACTION": "AutoPeftModelForFeatureExtraction",
}
"""The class that peft has for each `task_type` of an adapter's configuration."""


def need(_name: str, kwargs: Mapping[str, Any]) -> Need:
    """The adapter's configuration and weights."""
    return Need(subfolder=str(kwargs.get("subfolder") or ""))


def build(call: Call) -> Any:
    """Build what `peft.<name>.from_pretrained` builds; the base model passes the gate too.

    Raises:
        UsageError: an argument asks for something outside the folders.
        IntegrityError: the folder holds a file that no admitted folder holds, or no adapter.
        Refused: the policy says no to the base model.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    inside = str(call.kwargs.get("subfolder") or "")
    if re.search(r"^[/\\~]|\.\.|:", inside):
        raise UsageError(f"{call.name}: subfolder={inside!r} leads out of the admitted folder")
    check_tree(call.entry.path / inside)
    if not call.name.startswith("AutoPeftModel"):
        model, *rest = call.args
        return _adapted(call.name, model, call.entry, tuple(rest), call.kwargs)
    auto = original("peft", _class(call))
    if auto._target_class is None:  # the class that a configuration names is code, and taken out
        raise IntegrityError(
            f"{call.entry.source}: the adapter names no task, so its base's class is not known",
            hint="load the base model yourself: PeftModel.from_pretrained(model, adapter)",
        )
    base = call.admit(call.entry, *_base(call))
    options = {key: value for key, value in call.kwargs.items() if key not in {*_OWN, "subfolder"}}
    model = transformers.load(auto._target_class.__name__, base, (), options)
    _fit_vocabulary(model, call.entry)
    own = {key: value for key, value in call.kwargs.items() if key in {*_OWN, "subfolder"}}
    own.pop("import_allowlist", None)
    return _adapted(auto._target_peft_class.__name__, model, call.entry, call.args, own)


def _adapted(
    name: str, model: Any, entry: CacheEntry, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    cls = original("peft", name)
    with handed(entry) as give, guard():
        return give(
            cls.from_pretrained(model, str(give.path), *args, **kwargs, local_files_only=True)
        )


def _settings(call: Call) -> dict[str, Any]:
    path = call.entry.path / str(call.kwargs.get("subfolder") or "") / "adapter_config.json"
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise IntegrityError(
            f"{call.entry.source} is no adapter: adapter_config.json: {error}"
        ) from error


def _class(call: Call) -> str:
    """The class asked for, or for `AutoPeftModel` the one that fits the adapter's task."""
    task = _settings(call).get("task_type")
    return _TASKS.get(str(task), call.name) if call.name == "AutoPeftModel" else call.name


def _base(call: Call) -> tuple[str, str | None]:
    folder = call.entry.path / str(call.kwargs.get("subfolder") or "")
    found = transformers.adapter_base(folder)
    if found is None:
        raise IntegrityError(f"{call.entry.source}: the adapter names no base model")
    return found


def _fit_vocabulary(model: Any, adapter: CacheEntry) -> None:
    """Make room for tokens that the adapter's own tokenizer adds, as peft does."""
    if not (adapter.path / "tokenizer_config.json").is_file():
        return
    if hasattr(model, "get_input_embeddings"):
        tokens = len(transformers.load("AutoTokenizer", adapter))
        if tokens > model.get_input_embeddings().weight.shape[0]:
            model.resize_token_embeddings(tokens)


LIBRARY = Library(
    name="peft",
    package="peft",
    offers=re.compile(r"(?:Auto)?PeftModel\w*"),
    default="AutoPeftModel",
    build=build,
    need=need,
    call=lambda name: "from_pretrained" if name.startswith("Auto") else "onto",
)
