"""Functions as cloudpickle and dill write them by value, made from functions of this Python.

The arguments of a code object come in the layout of the version that is asked for; nothing
here runs them, so the bytecode need not be that version's.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

from tests.builders.gadgets import Build, Call, call, glob

CLOUD = "cloudpickle.cloudpickle"
MAIN = glob("__builtin__:__main__")


def code(function: FunctionType | CodeType, *, python: str = "3.11", maker: Any = None) -> Call:
    """A call that makes a function's code object; `maker` is cloudpickle's way by default."""
    made = function.__code__ if isinstance(function, FunctionType) else function
    if maker is None:
        maker = call(f"{CLOUD}:_builtin_type", "CodeType")
    consts = tuple(
        code(item, python=python, maker=maker) if isinstance(item, CodeType) else item
        for item in made.co_consts
    )
    numbers = (made.co_nlocals, made.co_stacksize, made.co_flags)
    counts = (made.co_argcount, made.co_posonlyargcount, made.co_kwonlyargcount)
    counts = counts if python != "3.7" else (counts[0], counts[2])
    body = (made.co_code, consts, made.co_names, made.co_varnames, made.co_filename, made.co_name)
    lines: tuple[Any, ...] = (made.co_firstlineno, b"\x80\x00")
    if python == "3.11":
        lines = (made.co_name, *lines, b"")
    prefix = (b"",) if maker == "dill._dill:_create_code" and python != "3.7" else ()
    return Call(
        maker, (*prefix, *counts, *numbers, *body, *lines, made.co_freevars, made.co_cellvars)
    )


def cloud(function: FunctionType, names: dict[str, Any] | None = None, **options: Any) -> Call:
    """A function as cloudpickle makes it, before its state is set."""
    return call(f"{CLOUD}:_make_function", code(function, **options), names or {}, None, None, None)


def with_state(made: Any, state: dict[str, Any] | None = None, **given: Any) -> Call:
    """What sets a function's state, `given` among its globals."""
    slots = {"__name__": "f", "__defaults__": None, "__closure__": None, "__globals__": given}
    return call(f"{CLOUD}:_function_setstate", made, ({}, {**slots, **(state or {})}))


def dill(function: FunctionType, names: Any = MAIN, **options: Any) -> Build:
    """A function as dill makes it."""
    made = code(function, maker="dill._dill:_create_code", **options)
    return Build(
        call("dill._dill:_create_function", made, names, "f", None, None),
        ({}, {"__annotations__": {}}),
    )


def types(function: FunctionType, **options: Any) -> Call:
    """A function made by the types themselves."""
    made = code(function, maker="types:CodeType", **options)
    return call("types:FunctionType", made, {}, "f", None, None)
