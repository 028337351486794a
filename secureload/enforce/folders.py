"""Local folders: a library that is given one builds from its admitted copy.

The same hook tells the gate what a repository is needed for (a tokenizer needs no weights),
which subfolder and which variant.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from secureload.enforce import admissions, state
from secureload.enforce.divert import divert_in
from secureload.enforce.imports import FINDER

if TYPE_CHECKING:
    from secureload.flow import CacheEntry


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A function that takes a folder or a repository.

    `name` is its parameter, `position` where that stands after `self` or `cls`; `processor`
    says that no weights are needed. `early`: the library hides what its download raises, so
    the gate is asked before it.
    """

    owner: str
    function: str = "from_pretrained"
    name: str = "pretrained_model_name_or_path"
    position: int = 0
    bound: bool = True
    processor: bool = False
    early: bool = False


def _processor(owner: str, function: str = "from_pretrained") -> Entry:
    return Entry(owner=owner, function=function, processor=True)


ENTRIES: dict[str, tuple[Entry, ...]] = {
    "transformers.modeling_utils": (Entry(owner="PreTrainedModel"),),
    "transformers.models.auto.auto_factory": (
        Entry(owner="_BaseAutoModelClass"),
        Entry(owner="_BaseAutoBackboneClass"),
    ),
    "transformers.models.auto.configuration_auto": (_processor("AutoConfig"),),
    "transformers.models.auto.tokenization_auto": (_processor("AutoTokenizer"),),
    "transformers.models.auto.processing_auto": (_processor("AutoProcessor"),),
    "transformers.models.auto.image_processing_auto": (_processor("AutoImageProcessor"),),
    "transformers.models.auto.video_processing_auto": (_processor("AutoVideoProcessor"),),
    "transformers.models.auto.feature_extraction_auto": (_processor("AutoFeatureExtractor"),),
    "transformers.configuration_utils": (
        _processor("PreTrainedConfig"),
        _processor("PreTrainedConfig", "get_config_dict"),
    ),
    "transformers.tokenization_utils_base": (_processor("PreTrainedTokenizerBase"),),
    "transformers.processing_utils": (_processor("ProcessorMixin"),),
    "transformers.image_processing_base": (_processor("ImageProcessingMixin"),),
    "transformers.video_processing_utils": (_processor("BaseVideoProcessor"),),
    "transformers.feature_extraction_utils": (_processor("FeatureExtractionMixin"),),
    "transformers.generation.configuration_utils": (
        Entry(owner="GenerationConfig", name="pretrained_model_name", processor=True),
    ),
    "transformers.integrations.peft": (
        Entry(owner="PeftAdapterMixin", function="load_adapter", name="peft_model_id"),
    ),
    "transformers.pipelines": (
        Entry(owner="", function="pipeline", name="model", position=1, bound=False),
    ),
    "diffusers.pipelines.pipeline_utils": (
        Entry(owner="DiffusionPipeline"),
        Entry(owner="DiffusionPipeline", function="download", name="pretrained_model_name"),
    ),
    "diffusers.models.modeling_utils": (Entry(owner="ModelMixin"),),
    "diffusers.models.auto_model": (Entry(owner="AutoModel", name="pretrained_model_or_path"),),
    "diffusers.configuration_utils": (_processor("ConfigMixin", "load_config"),),
    "diffusers.schedulers.scheduling_utils": (_processor("SchedulerMixin"),),
    "peft.peft_model": (
        Entry(owner="PeftModel", name="model_id", position=1, early=True),
        Entry(owner="PeftModel", function="load_adapter", name="model_id", early=True),
    ),
    "peft.config": (Entry(owner="PeftConfigMixin", processor=True, early=True),),
    "peft.auto": (Entry(owner="_BaseAutoPeftModel", early=True),),
    "peft.utils.save_and_load": (
        Entry(owner="", function="load_peft_weights", name="model_id", bound=False),
    ),
    "sentence_transformers.base.model": (
        Entry(owner="BaseModel", function="__init__", name="model_name_or_path"),
    ),
}
"""What is hooked, by module. Everything below these reads single files, judged one by one."""


def install() -> None:
    """Hook each entry point as soon as its module is loaded."""
    for module, entries in ENTRIES.items():
        FINDER.add(module, functools.partial(_hook, entries))


def _hook(entries: tuple[Entry, ...], module: ModuleType) -> None:
    for entry in entries:
        owner = getattr(module, entry.owner, None) if entry.owner else module
        # A version without it has another door, whose files are judged all the same.
        if owner is not None and hasattr(owner, entry.function):
            divert_in(owner, entry.function, _redirecting(entry))


def _redirecting(entry: Entry) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    place = entry.position + (1 if entry.bound else 0)

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def load(*args: Any, **options: Any) -> Any:
            given = args[place] if len(args) > place else options.get(entry.name)
            if state.doing.inside or not isinstance(given, (str, os.PathLike)):
                return original(*args, **options)
            reference = str(os.fspath(given))
            if admissions.holds(os.path.abspath(reference)):  # noqa: PTH100
                return original(*args, **options)

            def instead(folder: Any) -> Any:
                if len(args) > place:
                    return original(*args[:place], str(folder), *args[place + 1 :], **options)
                return original(*args, **{**options, entry.name: str(folder)})

            need = _need(entry, options)
            if os.path.isdir(reference):  # noqa: PTH112  as the libraries ask
                admitted = admissions.folder(reference, need)
                if need.code and _runs_code(original, admitted):
                    return _with_code(admitted, instead)
                return instead(admitted.path)
            with state.needing(reference, need):
                if entry.early or need.code:
                    found = _ask(reference, options)
                    if need.code and found is not None and _runs_code(original, found):
                        return _with_code(found, instead)
                return original(*args, **options)

        return load

    return make


def _runs_code(original: Callable[..., Any], admitted: CacheEntry) -> bool:
    """Whether this is transformers, and a model whose Python the policy approved."""
    from secureload.registry import code

    return original.__module__.startswith("transformers.") and code.has_code(admitted)


def _with_code(admitted: CacheEntry, load: Callable[[Any], Any]) -> Any:
    from secureload.enforce import remote_code

    with remote_code.running(admitted) as (folder, give):
        return give(load(folder))


def _ask(reference: str, options: dict[str, Any]) -> CacheEntry | None:
    """The admitted model; None where it is no refusal, but the library that will say why not.

    Raises:
        Refused: the policy says no.
    """
    from secureload.enforce.hub_api import token_of
    from secureload.errors import Refused, SecureloadError

    asked = admissions.Asked(
        token=token_of(options.get("token")), offline=bool(options.get("local_files_only"))
    )
    try:
        return admissions.repository(reference, options.get("revision"), asked)
    except Refused:
        raise
    except SecureloadError:
        return None


def _need(entry: Entry, options: dict[str, Any]) -> Any:
    from secureload.flow import Need

    subfolder, variant = options.get("subfolder"), options.get("variant")
    return Need(
        purpose="processor" if entry.processor else "model",
        subfolder=subfolder if isinstance(subfolder, str) else "",
        variant=variant if isinstance(variant, str) else None,
        # With it the gate asks whether the policy approves this repository's Python.
        code=options.get("trust_remote_code") is True,
    )
