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
from secureload.registry.arguments import checked
from secureload.registry.backstop import guard
from secureload.registry.library import Call, Library, check_folder, imported
from secureload.registry.sealed import handed

_AUTO = re.compile(r"Auto(?:Backbone|Config|Model\w*|Tokenizer|\w*(?:Processor|Extractor))")
"""What transformers calls the classes that choose a class."""

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


def _from_pretrained(cls: Any, class_name: str) -> Callable[..., Any]:
    """`cls.from_pretrained`, for backbones without the question to the hub that precedes it."""
    if class_name != "AutoBackbone":
        return cls.from_pretrained  # type: ignore[no-any-return]
    from transformers.models.auto.auto_factory import _BaseAutoModelClass

    def backbone(path: str, *args: Any, **kwargs: Any) -> Any:
        kwargs.pop("use_timm_backbone", None)
        return _BaseAutoModelClass.from_pretrained.__func__(cls, path, *args, **kwargs)

    return backbone


def _transformers() -> Any:
    try:
        return imported("transformers")
    except ImportError as error:
        raise SecureloadError(
            f"transformers is not installed: {error}", hint="pip install 'secureload[load]'"
        ) from error


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
