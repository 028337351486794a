"""The `Auto*` classes and `pipeline`, each behind the gate.

Every front has the name, the arguments and the results of transformers' own class, and one
argument more: `trust_policy`. `from_pretrained` admits the model first and builds it from
the admitted folder; whatever else the arguments name (a configuration, an adapter's base)
passes the gate as well.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import threading
from collections.abc import Mapping
from typing import Any

from secureload import gate, sources
from secureload.errors import Refused, UsageError
from secureload.flow import CacheEntry, Decision, Need, Reason
from secureload.progress import Progress
from secureload.recording import Recording, device_beforehand
from secureload.registry import arguments, tasks
from secureload.registry import transformers as library
from secureload.registry.sealed import Given, handed

_FOLLOWED = ("tokenizer", "feature_extractor", "image_processor", "video_processor", "processor")
"""Arguments of `pipeline` that may name a repository."""

_FALSE = frozenset({"", "0", "false", "no", "off", "none"})


class _Front(type):
    """What the fronts have in common as classes: all but loading is transformers' own."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(library.original(cls.__name__), name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return library.original(cls.__name__)(*args, **kwargs)

    def __repr__(cls) -> str:
        return f"<class 'secureload.{cls.__name__}'>"

    def __dir__(cls) -> list[str]:
        return sorted({*super().__dir__(), *dir(library.original(cls.__name__))})


def front(name: str) -> type:
    """Make the front of transformers' class `name`."""

    def from_pretrained(
        cls: Any,
        /,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *args: Any,
        trust_policy: Any = None,
        **kwargs: Any,
    ) -> Any:
        reference = os.fspath(pretrained_model_name_or_path)
        return _load(cls.__name__, reference, args, {**kwargs, "trust_policy": trust_policy})

    from_pretrained.__doc__ = f"""Admit a model, then build it as `transformers.{name}` does.

        `pretrained_model_name_or_path` is `org/name[@revision]`, a local folder or a `git+`
        URL; `trust_policy` the name of a policy, a path to one, or a `Policy` (absent:
        `$SECURELOAD_POLICY`, else `default`). All other arguments are transformers' own.

        Raises:
            Refused: the policy says no; `.verdict` has every reason.
            SecureloadError: no decision was reached; the message has a hint.
        """
    from_pretrained.__qualname__ = f"{name}.from_pretrained"
    members = {
        "from_pretrained": classmethod(from_pretrained),
        "__doc__": f"`transformers.{name}`, behind the gate.",
        "__module__": "secureload",
        "__qualname__": name,
    }
    return _Front(name, (), members)


def _load(name: str, reference: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    arguments.checked(name, dict(kwargs))  # nonsense is said before anything is fetched
    request = Request(kwargs, name=name, runs_code=True)
    _import_meanwhile(name)
    kwargs["config"] = request.config(kwargs.get("config"))
    if kwargs["config"] is None:
        del kwargs["config"]
    need = library.need(
        name,
        subfolder=request.subfolder,
        variant=request.variant,
        framework=library.framework(kwargs),
    )
    entry = request.admit(reference, need)
    with request.recording(entry, kwargs, placed=need.purpose == "model") as recording:
        built = request.build(name, entry, args, kwargs)
        recording.built(built[0] if isinstance(built, tuple) else built)
    return built


class Request:
    """The arguments of one call that the gate answers, and the gate they ask for.

    They are taken out of `kwargs`, which afterwards holds what the library gets. `library` and
    `name` say who gets it. `runs_code` says that this kind of call can run code that a policy
    approved by its digest.
    """

    def __init__(
        self,
        kwargs: dict[str, Any],
        *,
        name: str,
        library: str = "transformers",
        runs_code: bool = False,
    ) -> None:
        self._library, self.name = library, name
        self._runs_code = runs_code
        self.revision: str | None = kwargs.pop("revision", None)
        self.force = bool(kwargs.pop("force_download", False))
        token = kwargs.pop("token", None)
        older = kwargs.pop("use_auth_token", None)
        self.trusts_code = _truthy(kwargs.pop("trust_remote_code", None))
        self.subfolder = str(kwargs.get("subfolder") or "")
        self.variant: str | None = kwargs.get("variant")
        self._shown = Progress()
        self.gate = gate.open_gate(
            trust_policy=kwargs.pop("trust_policy", None),
            token=token if token is not None else older,
            cache_dir=kwargs.pop("cache_dir", None),
            local_files_only=bool(kwargs.pop("local_files_only", False)),
            progress=self._shown,
        )

    def admit(
        self, reference: str, need: Need, *, revision: str | None = None, base: bool = False
    ) -> CacheEntry:
        """Admit what the call asks for, or with `base` what that names besides."""
        source = sources.parse(reference, revision if base else self.revision)
        may_run = self._runs_code and self.gate.policy.topics(source).remote_code != "forbid"
        if self.trusts_code and may_run:
            need = dataclasses.replace(need, code=True)
        try:
            entry = self.gate.admit(source, need, force=self.force, to_build=True)
        finally:
            self._shown.clear()
        if self.trusts_code and not may_run:
            raise Refused(_refuse_code(entry))
        return entry

    def config(self, value: Any) -> Any:
        """A configuration given by name, admitted and built; an object as it is."""
        if not isinstance(value, (str, os.PathLike)):
            return value
        entry = self.admit(os.fspath(value), library.need("AutoConfig"), base=True)
        self.hand(entry, f"{self.name}.config")
        return library.load("AutoConfig", entry)

    def build(
        self, name: str, entry: CacheEntry, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Build the object, for an adapter on its base model, which is admitted as well."""
        base = None
        if library.need(name).purpose == "model":
            base = library.adapter_base(entry.path / self.subfolder)
        if base is None:
            return library.load(name, entry, args, kwargs)
        rest = {key: value for key, value in kwargs.items() if key not in {"subfolder", "variant"}}
        built = library.load(name, self.base(entry, *base), args, rest)
        return library.add_adapter(built, entry, kwargs)

    def base(self, adapter: CacheEntry, name: str, revision: str | None) -> CacheEntry:
        """Admit the base model that an adapter names; a remote adapter names no local path."""
        source = sources.parse(name, revision)
        if source.kind != "hub" and adapter.source.kind != "local":
            raise UsageError(
                f"{adapter.source}: the adapter's base model {name!r} is no repository of the hub",
                hint="download the adapter and correct base_model_name_or_path",
            )
        entry = self.admit(name, library.need("AutoModel"), revision=revision, base=True)
        self.hand(entry, f"{self.name}.base")
        return entry

    def recording(
        self, entry: CacheEntry, kwargs: Mapping[str, Any], *, placed: bool = True
    ) -> Recording:
        """A block in which a load is recorded while it is done.

        Not `placed` is what has no tensors on a device: a configuration, a tokenizer.
        """
        return Recording(
            self.gate.cache,
            entry,
            library=self._library,
            class_name=self.name,
            device=device_beforehand(kwargs) if placed else "cpu",
        )

    def hand(self, entry: CacheEntry, name: str) -> None:
        """Record that what a call names besides its model is handed to the library now."""
        self.gate.cache.record_load(entry, library=self._library, class_name=name)


def pipeline(
    task: str | None = None,
    model: Any = None,
    *,
    trust_policy: Any = None,
    config: Any = None,
    model_kwargs: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Any:
    """Admit what a pipeline needs, then make it as `transformers.pipeline` does.

    `model`, `tokenizer`, `feature_extractor`, `image_processor`, `video_processor` and
    `processor` may each be a reference, which passes the gate, or a built object. Without a
    `task`, the one that follows from the model's architecture is taken; what a model card
    says of it is not evidence.

    Raises:
        Refused: the policy says no; `.verdict` has every reason.
        UsageError: no single task follows from the model, or no model is given.
        SecureloadError: no decision was reached; the message has a hint.
    """
    if model is None:
        raise UsageError("pipeline: no model is given", hint="pipeline(task, 'org/name@revision')")
    options = dict(model_kwargs or {})
    for name in ("cache_dir", "local_files_only", "token", "trust_remote_code", "revision"):
        if name in options:
            kwargs.setdefault(name, options.pop(name))
    arguments.checked("pipeline", {**kwargs, **options})
    request = Request({**kwargs, "trust_policy": trust_policy}, name="pipeline")
    with contextlib.ExitStack() as stack:
        places: list[Given] = []

        def place(entry: CacheEntry) -> str:
            places.append(stack.enter_context(handed(entry)))
            return str(places[-1].path)

        config = request.config(config)

        def component(name: str, value: Any) -> Any:
            if not isinstance(value, (str, os.PathLike)):
                return value
            entry = request.admit(os.fspath(value), Need(purpose="processor"), base=True)
            request.hand(entry, f"pipeline.{name}")
            return place(entry)

        components = {
            name: component(name, kwargs.pop(name))
            for name in _FOLLOWED
            if kwargs.get(name) is not None
        }
        recording: Recording | None = None
        if isinstance(model, (str, os.PathLike)):
            entry = request.admit(os.fspath(model), Need())
            base = library.adapter_base(entry.path)
            home = entry
            if base is not None:
                home = request.base(entry, *base)
            config = config if config is not None else library.load("AutoConfig", home)
            task = task or tasks.task_of(tuple(getattr(config, "architectures", None) or ()))
            request.name = f"pipeline:{task}"
            recording = stack.enter_context(request.recording(entry, {**options, **kwargs}))
            if base is None:
                model = place(entry)
            else:
                chosen = tasks.class_for_task(task, config)
                model = request.build(chosen, entry, (), {**options, **_loading(kwargs)})
                own = (entry.path / "tokenizer_config.json").is_file()
                if components.get("tokenizer") is None:
                    components["tokenizer"] = place(entry if own else home)
        elif task is None:
            held = getattr(getattr(model, "config", None), "architectures", None)
            task = tasks.task_of((type(model).__name__, *(held or ())))
        made = library.pipeline(
            task, model, components, {**kwargs, "config": config, "model_kwargs": options}
        )
        for given in places:
            given(made, made.model, *(getattr(made, name, None) for name in _FOLLOWED))
        if recording is not None:
            recording.built(made.model)
    return made


def _loading(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Take out of a pipeline's arguments those that say how to load its model."""
    names = ("dtype", "torch_dtype", "device_map")
    return {name: kwargs.pop(name) for name in names if kwargs.get(name) is not None}


def _truthy(value: Any) -> bool:
    return value.strip().lower() not in _FALSE if isinstance(value, str) else bool(value)


def _refuse_code(entry: CacheEntry) -> Any:
    reason = Reason(
        rule="remote-code",
        message="trust_remote_code asks to run the repository's own Python code; "
        "leave the argument out to load with the library's built-in class",
        subject=str(entry.source),
        setting="spec.remoteCode: forbid",
    )
    return dataclasses.replace(entry.verdict, decision=Decision.DENY, reasons=(reason,))


def _import_meanwhile(name: str) -> None:
    """Import the libraries beside the gate's own work, which mostly waits and hashes."""
    if "torch" not in sys.modules:
        threading.Thread(target=_import_quietly, args=(name,), daemon=True).start()


def _import_quietly(name: str) -> None:
    with contextlib.suppress(Exception):  # the call itself will meet the error and name it
        library.original(name)
        if library.need(name).purpose == "model":
            __import__("torch")
