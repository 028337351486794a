"""Other libraries' own calls, each behind the gate, and `load` for all of them.

A front has the name and the arguments of the library's own class or function, and one
argument more: `trust_policy`. It admits what is asked for, and the library builds from the
admitted folder; what the model names besides (an adapter's base) passes the gate as well.
"""

from __future__ import annotations

import os
from typing import Any

from secureload import registry
from secureload.auto import Request, front
from secureload.errors import UsageError
from secureload.registry.library import Call, Library, original


class _Front(type):
    """A class that stands for a library's own: all but loading is the library's."""

    library: Library

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(original(cls.library.package, cls.__name__), name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls.library.call(cls.__name__) == "name":
            return _called(cls.library, cls.__name__, args, kwargs)
        return original(cls.library.package, cls.__name__)(*args, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, original(cls.library.package, cls.__name__))

    def __repr__(cls) -> str:
        return f"<class 'secureload.{cls.__name__}'>"


def other(name: str) -> Any:
    """Make the front of another library's class or function `name`.

    Raises:
        AttributeError: no library offers it.
    """
    library = registry.offering(name)
    if library is None or library.name == "transformers":
        raise AttributeError(f"module 'secureload' has no attribute {name!r}")
    if name[0].islower():
        return _function(library, name)
    members: dict[str, Any] = {
        "library": library,
        "__doc__": f"`{library.package}.{name}`, behind the gate.",
        "__module__": "secureload",
        "__qualname__": name,
    }
    kind = library.call(name)
    if kind != "name":

        def from_pretrained(cls: Any, /, *args: Any, **kwargs: Any) -> Any:
            return _called(library, cls.__name__, args, kwargs)

        from_pretrained.__doc__ = _told(library, f"{name}.from_pretrained")
        members["from_pretrained"] = classmethod(from_pretrained)
    return _Front(name, (), members)


def load(
    reference: str | os.PathLike[str], *args: Any, cls: str | None = None, **kwargs: Any
) -> Any:
    """Admit `library:reference` and give that library's object, as its own call does.

    `library` is `transformers`, `diffusers`, `sentence-transformers`, `timm`, `peft` or
    `state-dict`; `cls` names the library's class (absent: its usual one, for transformers the
    `Auto*` class of the model's architecture). `args` and `kwargs` are the library's own,
    with `trust_policy`.

    Raises:
        Refused: the policy says no; `.verdict` has every reason.
        UsageError: no library of this name.
        SecureloadError: no decision was reached; the message has a hint.
    """
    prefix, colon, rest = os.fspath(reference).partition(":")
    library = registry.libraries().get(prefix.replace("_", "-"))
    if library is None or not colon or not rest:
        names = ", ".join(registry.libraries())
        raise UsageError(
            f"{os.fspath(reference)!r} names no library", hint=f"library:reference, with {names}"
        )
    if library.name == "transformers":
        return front(cls or _fitting(rest, kwargs)).from_pretrained(rest, *args, **kwargs)  # type: ignore[attr-defined]
    name = cls or library.default
    if library.name == "peft" and cls is None and args:
        name = "PeftModel"
    if library.call(name) == "onto":
        return _called(library, name, (args[0] if args else None, rest, *args[1:]), kwargs)
    if library.name == "timm":
        kwargs.setdefault("pretrained", True)
    return _called(library, name, (rest, *args), kwargs)


def _fitting(reference: str, kwargs: dict[str, Any]) -> str:
    """The `Auto*` class that builds the architecture which the model's configuration names."""
    from secureload.registry import tasks

    asked = ("trust_policy", "revision", "token", "cache_dir", "local_files_only", "subfolder")
    options = {name: kwargs[name] for name in asked if name in kwargs}
    config = front("AutoConfig").from_pretrained(reference, **options)  # type: ignore[attr-defined]
    return tasks.auto_class_of(tuple(getattr(config, "architectures", None) or ()))


def _function(library: Library, name: str) -> Any:
    def called(*args: Any, **kwargs: Any) -> Any:
        return _called(library, name, args, kwargs)

    called.__name__ = called.__qualname__ = name
    called.__doc__ = _told(library, name)
    return called


def _told(library: Library, name: str) -> str:
    return f"""Admit a model, then build it as `{library.package}.{name}` does.

        The reference is `org/name[@revision]`, a local folder or a `git+` URL;
        `trust_policy` the name of a policy, a path to one, or a `Policy`. All other
        arguments are the library's own.

        Raises:
            Refused: the policy says no; `.verdict` has every reason.
            SecureloadError: no decision was reached; the message has a hint.
        """


def _called(library: Library, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = dict(kwargs)
    before: tuple[Any, ...] = ()
    if library.call(name) == "onto":
        before, args = args[:1], args[1:]
        if not before:
            before = (kwargs.pop("model", None),)
    asked, rest = _reference(args, kwargs)
    known = None if asked is None else library.reference(asked, kwargs)
    if known is None:  # nothing of anybody's is loaded
        kwargs.pop("trust_policy", None)
        return original(library.package, name)(*args, **kwargs)
    for theirs, ours in library.aliases.items():
        if theirs in kwargs:
            kwargs[ours] = kwargs.pop(theirs)
    request = Request(kwargs, name=name, library=library.name)
    entry = request.admit(known, library.need(name, kwargs))
    with request.recording(entry, kwargs) as recording:
        built = library.build(
            Call(name=name, entry=entry, args=(*before, *rest), kwargs=kwargs, admit=request.base)
        )
        recording.built(built[0] if isinstance(built, tuple) else built)
    return built


_REFERENCES = ("pretrained_model_name_or_path", "model_name_or_path", "model_id", "model_name")
"""What the libraries call the argument that names the model."""


def _reference(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, tuple[Any, ...]]:
    """The reference among a call's arguments, and the other positional ones."""
    if args:
        first = args[0]
        known = isinstance(first, (str, os.PathLike))
        return (os.fspath(first), args[1:]) if known else (None, args)
    for name in _REFERENCES:
        if isinstance(kwargs.get(name), (str, os.PathLike)):
            return os.fspath(kwargs.pop(name)), args
    return None, args
