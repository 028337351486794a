"""What the mobile interpreter is told to do is judged by the same lists."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from scanner.pickles.machine import interpret
from scanner.torchscript.bytecode import judge
from scanner.torchscript.operators import TOUCHES_FILES

TABLE: dict[str, Any] = {
    "instructions": (("STOREN", 1, 2), ("MOVE", 2, 0), ("OP", 0, 0), ("RET", 0, 0)),
    "operators": (("aten::relu", "", 1),),
    "constants": (None, 1, "text"),
    "types": ("List[int]", "__torch__.torch.classes.quantized.LinearPackedParamsBase"),
    "register_size": 2,
}


def said(name: str = "__torch__.M.forward", **changes: Any) -> set[tuple[str, str]]:
    table = tuple((TABLE | changes).items())
    return of((8, (name, table, (("arguments", ()), ("returns", ())))))


def of(program: Any) -> set[tuple[str, str]]:
    (value,) = interpret(pickle.dumps(program)).values
    return {(one.what, one.why) for one in judge(value)}


def test_admits_what_torch_writes() -> None:
    assert said() == set()
    assert of((8,)) == set()
    loop = (("LOOP", 3, 2), ("JMP", -2, 0))
    assert said(instructions=loop) == set()


@pytest.mark.parametrize("name", ["aten::save", "aten::from_file"])
def test_tells_what_touches_files(name: str) -> None:
    assert said(operators=((name, "", 2),)) == {(name, TOUCHES_FILES)}


@pytest.mark.parametrize(
    "changes",
    [
        {"operators": (("elsewhere::f", "", 1),)},
        {"operators": ((1, "", 1),)},
        {"operators": ("aten::relu",)},
        {"operators": {"aten::relu": 1}},
        {"instructions": (("EXEC", 0, 0),)},
        {"instructions": (("OP", "0", 0),)},
        {"instructions": ("OP",)},
        {"types": ("Optional[__torch__.torch.classes.elsewhere.Thing]",)},
        {"types": (1,)},
        {"types": "int"},
    ],
    ids=str,
)
def test_tells_what_is_not_listed(changes: dict[str, Any]) -> None:
    assert said(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"instructions": (("LOOP", 3, 2),)},
        {"instructions": (("JMP", -3, 0),)},
        {"instructions": (("CALL", 1, 0),)},
        {"operators": (("aten::zeros", "", 1),)},
    ],
    ids=str,
)
def test_a_state_is_only_unpacked(changes: dict[str, Any]) -> None:
    assert said("__torch__.M.forward", **changes) == set()
    assert said("__torch__.M.__setstate__", **changes)


@pytest.mark.parametrize(
    "program", [None, (), "x", (8, 1), (8, ("f",)), (8, ("f", ())), (8, (1, ())), ("8",),
                (8, ("f", (("instructions", ()), ("instructions", ()))))],
    ids=str,
)  # fmt: skip
def test_tells_what_is_no_program(program: Any) -> None:
    assert of(program)
