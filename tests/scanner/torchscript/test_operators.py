"""The lists of operators hold what torch has, and nothing of it that touches the world."""

from __future__ import annotations

import pytest
import torch

from scanner.torchscript import operators

SCHEMAS = torch._C._jit_get_all_schemas()
NAMES = sorted({schema.name for schema in SCHEMAS})
SPACES = ("aten", "prim", "quantized", "sparse", "profiler")
MODES = {
    *(
        "padding",
        "rounding_mode",
        "equation",
        "norm",
        "approximate",
        "mode",
        "reduce",
        "ord",
        "side",
    ),
    *("driver", "p", "UPLO", "indexing", "interpolation", "padding_side", "pad_mode", "type"),
    *("side", "device_type", "message", "activation"),
}
"""Names of text arguments of tensor operators, each a choice among a few modes."""


def text_arguments(name: str) -> set[str]:
    return {
        argument.name
        for schema in SCHEMAS
        if schema.name == name and not any(str(a.type) == "str" and a.name == "self" for a in
                                           schema.arguments)
        for argument in schema.arguments
        if str(argument.type) in ("str", "Optional[str]")
    }  # fmt: skip


def test_all_that_is_listed_exists() -> None:
    known = set(NAMES)
    missing = {one for one in operators.listed() if one.split("::")[0] in SPACES} - known
    # Written into a program by the compiler, but registered with no schema of their own.
    assert missing <= {"prim::AutogradZero", "prim::EnumName"}


def test_every_public_operator_of_torch_is_listed_or_left_off_for_a_reason() -> None:
    """Of this version; what a later one adds is on no list, so not admitted."""
    unread = {
        name
        for name in NAMES
        if name.startswith("aten::")
        and not operators.admitted(name)
        and not operators.effect(name)
        and not operators.reason(name)
    }
    assert unread == set()


@pytest.mark.parametrize("word", ["file", "path", "save", "load", "open", "exec", "rpc", "seed"])
def test_no_name_that_speaks_of_the_world_is_admitted(word: str) -> None:
    assert [one for one in operators.listed() if word in one.lower().split("::")[1]] == []


def test_text_handed_to_a_tensor_operator_is_a_mode() -> None:
    values = set(operators._LANGUAGE.split())
    odd = {
        name: text_arguments(name) - MODES
        for name in NAMES
        if operators.admitted(name)
        and name.startswith("aten::")
        and name.removeprefix("aten::") not in values
    }
    words = {
        name: names for name, names in odd.items() if names and not name.startswith("aten::__")
    }
    # Comparisons, sums and items of text itself.
    assert set(words) <= {
        f"aten::{name}"
        for name in (
            *("_set_item", "add", "any", "eq", "ge", "gt", "index", "le", "lt", "max", "min", "ne"),
            *("slice", "sort"),
        )
    }


@pytest.mark.parametrize("argument", ["filename", "path", "file", "fname", "uri", "url"])
def test_nothing_that_takes_a_place_is_admitted(argument: str) -> None:
    found = {
        schema.name
        for schema in SCHEMAS
        if any(one.name == argument and "str" in str(one.type) for one in schema.arguments)
    }
    assert [name for name in sorted(found) if operators.admitted(name)] == []


@pytest.mark.parametrize("name", ["aten::save", "aten::from_file", "image::write_file"])
def test_what_touches_files_is_known(name: str) -> None:
    assert operators.objection(name) == operators.TOUCHES_FILES


@pytest.mark.parametrize(
    "name", ["aten::set_", "aten::_nested_view_from_buffer", "aten::manual_seed", "prim::PythonOp",
             "aten::nll_loss_backward", "inductor::_alloc_from_pool", "aten::relu__", "x::relu"],
)  # fmt: skip
def test_what_is_not_listed_is_not_admitted(name: str) -> None:
    assert operators.objection(name)


@pytest.mark.parametrize("name", ["aten::relu", "aten::relu_", "aten::__and__", "prim::dtype"])
def test_what_is_listed_is_admitted(name: str) -> None:
    assert operators.objection(name) is None
    assert operators.effect(name) is None
    assert not operators.admitted_at_load("aten::relu")


def test_what_may_run_while_loading_is_listed_too() -> None:
    assert operators.listed() >= operators._LOAD
