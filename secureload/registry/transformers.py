"""Build what transformers' own `Auto*` classes build, from an admitted folder.

The folder is all that is read: every call says `local_files_only=True`,
`trust_remote_code=False` and, for models, `use_safetensors=True, weights_only=True`. The
caller's arguments pass through, except those that ask for something outside the folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from secureload.errors import IntegrityError, SecureloadError, UsageError
from secureload.flow import CacheEntry, Need
from secureload.registry import code
from secureload.registry.backstop import guard
from secureload.registry.library import Call, Library, check_folder
from secureload.registry.sealed import handed

_AUTO = re.compile(r"Auto(?:Backbone|Config|Model\w*|Tokenizer|\w*(?:Processor|Extractor))")
"""What transformers calls the classes that choose a class."""

_DROPPED = frozenset(
    {
        # Answered by the gate, which fetched and chose the files.
        *("cache_dir", "force_download", "local_files_only", "proxies", "resume_download"),
        *("mirror", "revision", "code_revision", "token", "use_auth_token", "trust_remote_code"),
        # There are only safetensors, whatever the checkpoint was.
        *("from_tf", "from_flax", "use_safetensors", "weights_only"),
        *("_commit_hash", "_from_auto", "_from_pipeline", "_fast_init"),
    }
)
_FORBIDDEN: Mapping[str, str] = {
    "gguf_file": "GGUF files are not loaded here",
    "transformers_weights": "the gate chooses the weight files",
    "custom_generate": "code in a repository is not run",
    "auto_map": "code in a repository is not run",
    "use_kernels": "it fetches compiled code from a hub",
    "kernel_config": "it fetches compiled code from a hub",
    "allow_all_kernels": "it fetches compiled code from a hub",
    "_configuration_file": "the gate chooses the files",
}
_SECONDARY = re.compile(r"any-to-any$|decision$|zero-shot-|(?:image-)?feature-extraction$")
"""Pipeline tasks that models made for another one also serve."""

_IMPLEMENTATIONS = ("attn_implementation", "experts_implementation")
_KERNEL_NAMES = frozenset({"deepgemm", "deep-gemm", "sonicmoe", "sonic-moe"})
_QUANTIZERS_WITH_KERNELS = frozenset({"eetq", "fbgemm_fp8", "metal", "gguf"})

_PROCESSORS = frozenset(
    {
        *("AutoConfig", "AutoTokenizer", "AutoProcessor", "AutoImageProcessor"),
        *("AutoVideoProcessor", "AutoFeatureExtractor"),
    }
)


def class_names() -> tuple[str, ...]:
    """Every `Auto*` class of the installed transformers that has `from_pretrained`.

    The names come from transformers' own table of exports, so torch is not imported.

    Raises:
        SecureloadError: transformers is not installed.
    """
    return tuple(sorted(name for name in dir(_transformers()) if _AUTO.fullmatch(name)))


def need(
    class_name: str,
    *,
    subfolder: str = "",
    variant: str | None = None,
    framework: Literal["", "tensorflow", "flax"] = "",
) -> Need:
    """What must be admitted so that this class can be built."""
    if class_name in _PROCESSORS:
        return Need(purpose="processor", subfolder=subfolder, variant=variant)
    return Need(subfolder=subfolder, variant=variant, framework=framework)


def framework(kwargs: Mapping[str, Any]) -> Literal["", "tensorflow", "flax"]:
    """Whose weights `from_tf` and `from_flax` ask for.

    Raises:
        UsageError: both were given.
    """
    asked = bool(kwargs.get("from_tf")), bool(kwargs.get("from_flax"))
    if all(asked):
        raise UsageError("from_tf and from_flax exclude one another", hint="give one of them")
    return "tensorflow" if asked[0] else "flax" if asked[1] else ""


def original(class_name: str) -> Any:
    """The class of transformers with this name.

    Raises:
        SecureloadError: transformers, or what the class needs, is not installed.
    """
    try:
        return getattr(_transformers(), class_name)
    except (ImportError, RuntimeError) as error:
        raise SecureloadError(
            f"transformers cannot provide {class_name}: {error}",
            hint="install secureload[load]",
        ) from error


def load(
    class_name: str,
    entry: CacheEntry,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
) -> Any:
    """Build from an admitted folder what `class_name.from_pretrained` builds.

    `args` and `kwargs` are those of `from_pretrained`, without the name of the model.

    Raises:
        UsageError: an argument asks for something outside the folder.
        IntegrityError: the folder holds a file that no admitted folder holds.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    cls = original(class_name)
    is_model = class_name not in _PROCESSORS
    passed = checked(class_name, dict(kwargs or {}))
    subfolder = str(passed.get("subfolder") or "")
    own = frozenset(entry.path / path for path in code.code_files(entry))
    check_folder(entry.path / subfolder, but=own)
    passed |= {"local_files_only": True, "trust_remote_code": False}
    if is_model:
        passed |= {"use_safetensors": True, "weights_only": True}
    if class_name == "AutoConfig" and passed.get("return_unused_kwargs"):
        passed.pop("trust_remote_code")  # AutoConfig would hand it back as unused
        passed.pop("local_files_only")
    if own:
        return _with_code(_from_pretrained(cls, class_name), entry, args, passed)
    if entry.hash_on_load and class_name.startswith("AutoModel"):
        built = _streamed(cls, entry, args, passed)
        if built is not None:
            return built
    from_pretrained = _from_pretrained(cls, class_name)
    with handed(entry) as give, guard():
        return give(from_pretrained(str(give.path), *args, **passed))


def _with_code(
    from_pretrained: Callable[..., Any], entry: CacheEntry, args: tuple[Any, ...], passed: Any
) -> Any:
    """Build with the repository's own code, which the policy approved by its digest."""
    if "trust_remote_code" in passed:
        passed = passed | {"trust_remote_code": True}
    with code.running(entry) as (folder, give), guard():
        return give(from_pretrained(str(folder), *args, **passed))


def _streamed(cls: Any, entry: CacheEntry, args: tuple[Any, ...], passed: dict[str, Any]) -> Any:
    """The model on one accelerator, its weights hashed on their way; None where that is not so."""
    from secureload.registry import streaming

    steps = streaming.plan(entry, passed)
    if steps is None:
        return None
    with guard():
        return streaming.build(cls, entry, steps, args, passed)


def add_adapter(built: Any, entry: CacheEntry, kwargs: Mapping[str, Any]) -> Any:
    """Put the adapter in an admitted folder onto a model that `load` built, and return it.

    Raises:
        IntegrityError: the folder holds a file that no admitted folder holds.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    model = built[0] if isinstance(built, tuple) else built
    subfolder = str(kwargs.get("subfolder") or "")
    check_folder(entry.path / subfolder)
    with handed(entry) as give, guard():
        model.load_adapter(
            str(give.path / subfolder),
            use_safetensors=True,
            weights_only=True,
            adapter_kwargs={"local_files_only": True},
        )
        give(model)
    return built


def adapter_base(folder: Path) -> tuple[str, str | None] | None:
    """The base model, and its revision, of a folder that holds an adapter and no model.

    Raises:
        IntegrityError: the adapter's configuration cannot be read or names no base model.
    """
    config = folder / "adapter_config.json"
    if not config.is_file() or (folder / "config.json").is_file():
        return None
    try:
        document = json.loads(config.read_text("utf-8"))
        base, revision = document["base_model_name_or_path"], document.get("revision")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{config.name} names no base model: {error!r}") from error
    if not isinstance(base, str) or not base:
        raise IntegrityError(f"{config.name} names no base model")
    return base, revision if isinstance(revision, str) and revision else None


def pipeline(
    task: str, model: Any, components: Mapping[str, Any], kwargs: Mapping[str, Any]
) -> Any:
    """Make a pipeline; `model` and `components` are built objects or admitted folders.

    Raises:
        UsageError: an argument asks for something outside the folders.
        BackstopError: building tried to unpickle, connect or start a process.
    """
    passed = checked("pipeline", dict(kwargs))
    options = checked("pipeline", dict(passed.pop("model_kwargs", None) or {}))
    folders = [model, *components.values()]
    for folder in folders:
        if isinstance(folder, str):
            check_folder(Path(folder))
    if isinstance(model, str):
        options |= {"use_safetensors": True, "weights_only": True}
    with guard():
        return original("pipeline")(
            task,
            model,
            **components,
            **passed,
            model_kwargs=options,
            # No local_files_only: several pipelines do not know it. Folders are read as they
            # are, and what would ask a hub meets the guard.
            trust_remote_code=False,
        )


def task_of(architectures: tuple[str, ...]) -> str:
    """The one pipeline task that models of these architectures serve.

    Raises:
        UsageError: none, or several, which the message lists.
    """
    original("pipeline")
    from transformers.pipelines import PIPELINE_REGISTRY

    wanted = set(architectures)
    tasks = [
        (str(task), {auto.__name__: _names(auto) for auto in detail["pt"]})
        for task, detail in PIPELINE_REGISTRY.supported_tasks.items()
    ]
    # AutoModel takes every model there is, so it says nothing of what a model was made for.
    found = [
        task
        for task, autos in tasks
        if any(names & wanted for auto, names in autos.items() if auto != "AutoModel")
    ]
    trained = [task for task in found if not _SECONDARY.match(task)] or found
    if not trained and any(wanted & autos.get("AutoModel", set()) for _, autos in tasks):
        trained = ["feature-extraction"]
    if len(trained) == 1:
        return trained[0]
    shown = ", ".join(architectures) or "an unnamed architecture"
    raise UsageError(
        f"no single pipeline task follows from {shown}"
        + (f"; it could be: {', '.join(sorted(trained))}" if trained else ""),
        hint="name the task: pipeline(task, model)",
    )


def auto_class_of(architectures: tuple[str, ...]) -> str:
    """The name of the `Auto*` class made for models of these architectures, else `AutoModel`."""
    wanted = set(architectures)
    for name in class_names():
        if name.startswith("AutoModelFor") and _names(original(name)) & wanted:
            return name
    return "AutoModel"


def class_for_task(task: str, config: Any) -> str:
    """The name of the `Auto*` class that a pipeline for this task builds a model with.

    Raises:
        UsageError: the task is unknown, or no class of the task takes such a model.
    """
    original("pipeline")
    from transformers.pipelines import PIPELINE_REGISTRY

    try:
        _, detail, _ = PIPELINE_REGISTRY.check_task(task)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from error
    architectures = set(getattr(config, "architectures", None) or ())
    fitting = [auto for auto in detail["pt"] if type(config) in auto._model_mapping]
    exact = [auto for auto in fitting if _names(auto) & architectures]
    for auto in (*exact, *fitting):
        return str(auto.__name__)
    raise UsageError(f"a {type(config).__name__} model does not serve the task {task!r}")


def checked(class_name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The caller's arguments that may reach transformers.

    Raises:
        UsageError: one asks for something outside the folder.
    """
    passed = {name: value for name, value in kwargs.items() if name not in _DROPPED}
    for name, why in _FORBIDDEN.items():
        if passed.get(name):
            raise UsageError(f"{class_name}: {name}={passed[name]!r} is not accepted: {why}")
        passed.pop(name, None)
    for name in passed:
        if name.startswith("_"):
            raise UsageError(f"{class_name}: {name} is an internal argument of transformers")
    for name in _IMPLEMENTATIONS:
        if name in passed:
            _check_implementation(class_name, name, passed[name])
    _check_quantization(class_name, passed.get("quantization_config"))
    for name in ("backbone", "speaker_embeddings_dict_path", "subfolder"):
        value = passed.get(name)
        if isinstance(value, str) and _leads_out(value, plain=name == "backbone"):
            raise UsageError(
                f"{class_name}: {name}={value!r} leads out of the admitted folder",
                hint="admit what it names by itself and pass the built object",
            )
    if passed.get("audio_tokenizer") is not None and isinstance(passed["audio_tokenizer"], str):
        raise UsageError(
            f"{class_name}: audio_tokenizer names a repository",
            hint="load it through secureload and pass the object",
        )
    adapter = passed.get("adapter_kwargs")
    if isinstance(adapter, Mapping):
        passed["adapter_kwargs"] = {k: adapter[k] for k in ("subfolder",) if k in adapter}
    if passed.get("subfolder") is None:
        passed.pop("subfolder", None)
    return passed


def _check_implementation(class_name: str, name: str, value: Any) -> None:
    for item in value.values() if isinstance(value, Mapping) else (value,):
        if isinstance(item, str) and (_leads_out(item, plain=True) or item in _KERNEL_NAMES):
            raise UsageError(
                f"{class_name}: {name}={item!r} fetches compiled code from a hub",
                hint="use one that is installed: eager, sdpa, flash_attention_2, ...",
            )


def _check_quantization(class_name: str, value: Any) -> None:
    if value is None:
        return
    method = value.get("quant_method") if isinstance(value, Mapping) else None
    method = method or getattr(value, "quant_method", None)
    name = str(getattr(method, "value", method))
    if name in _QUANTIZERS_WITH_KERNELS:
        raise UsageError(
            f"{class_name}: quantization_config: {name} fetches compiled code from a hub",
            hint="use bitsandbytes, torchao, quanto or hqq",
        )


def _leads_out(value: str, *, plain: bool) -> bool:
    if plain:
        return any(mark in value for mark in "/\\:@")
    return value.startswith(("/", "\\", "~")) or ".." in re.split(r"[/\\]", value) or ":" in value


def _from_pretrained(cls: Any, class_name: str) -> Callable[..., Any]:
    """`cls.from_pretrained`, for backbones without the question to the hub that precedes it."""
    if class_name != "AutoBackbone":
        return cls.from_pretrained  # type: ignore[no-any-return]
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

    def backbone(path: str, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("use_timm_backbone", None)
        return _BaseAutoModelClass.from_pretrained.__func__(cls, path, *args, **kwargs)

    return backbone


def _names(auto: Any) -> set[str]:
    """The names of the model classes that an `Auto*` class can build."""
    found: set[str] = set()
    for names in getattr(auto._model_mapping, "_model_mapping", {}).values():
        found.update((names,) if isinstance(names, str) else names)
    return found


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise SecureloadError(
            f"transformers is not installed: {error}", hint="pip install 'secureload[load]'"
        ) from error
    return transformers


def _build(call: Call) -> Any:
    return load(call.name, call.entry, call.args, call.kwargs)


def _need(name: str, kwargs: Mapping[str, Any]) -> Need:
    return need(name, subfolder=str(kwargs.get("subfolder") or ""), variant=kwargs.get("variant"))


LIBRARY = Library(
    name="transformers",
    package="transformers",
    offers=_AUTO,
    default="AutoModel",
    build=_build,
    need=_need,
    call=lambda _: "from_pretrained",
)
