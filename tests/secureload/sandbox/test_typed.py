"""Strict reading of JSON values: never looser than `msgspec`, and the same where both take one."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import FileResult, Finding, Severity, Status, Where
from scanner.findings import Confidence
from scanner.frozen import dataclass, field
from secureload.sandbox.typed import fit
from secureload.sandbox.wire import encoded


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    name: str
    size: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    parts: tuple[Part, ...]
    level: Severity
    colour: Colour | None = None
    seen: Mapping[str, str | int | bool | tuple[str, ...] | None] = field(default_factory=dict)
    pair: tuple[int, str] = (0, "")
    share: float = 0.0
    kind: Literal["hub", "local"] = "hub"


WHOLE = {
    "parts": [{"name": "a", "size": 1}, {"name": "b"}],
    "level": 3,
    "colour": "red",
    "seen": {"a": 1, "b": ["x"], "c": None, "d": True},
    "pair": [1, "y"],
    "share": 1.5,
    "kind": "local",
}
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
leaves |= st.sampled_from(["red", "blue", "hub", "local", 0, 1, 2, 3, 4, 5, -1])
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "size", "more", "level"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def same(value: Any, type_: Any) -> None:
    """Ours refuses, or both make the same of it."""
    try:
        ours = fit(value, type_)
    except ValueError:
        return
    theirs = msgspec.convert(value, type=type_, strict=True)
    assert ours == theirs or ours != ours  # not a number
    assert type(ours) is type(theirs)


@settings(deadline=None)
@given(values, st.sampled_from([Part, Colour, Severity, int, str, bool, float, type(None)]))
def test_what_is_taken_is_taken_by_msgspec_too(value: object, type_: type) -> None:
    same(value, type_)


@settings(deadline=None)
@given(st.data())
def test_and_so_is_what_differs_in_one_place(data: st.DataObject) -> None:
    changed = json.loads(json.dumps(WHOLE))
    at = data.draw(st.sampled_from([*changed, "more"]))
    if data.draw(st.booleans()):
        changed[at] = data.draw(values)
    else:
        changed.pop(at, None)
    same(changed, Whole)


@settings(deadline=None)
@given(
    st.builds(
        FileResult,
        path=st.text(),
        format=st.text(),
        size=st.integers(min_value=0),
        sha256=st.none() | st.text(),
        status=st.sampled_from(Status),
        findings=st.lists(
            st.builds(
                Finding,
                rule=st.text(),
                severity=st.sampled_from(Severity),
                confidence=st.sampled_from(Confidence),
                message=st.text(),
                where=st.builds(
                    Where,
                    member=st.none() | st.text(),
                    offset=st.none() | st.integers(),
                    opcode=st.none() | st.text(),
                ),
                evidence=st.dictionaries(
                    st.text(),
                    st.none() | st.booleans() | st.integers() | st.text() | st.just(("a", "b")),
                ),
            ),
            max_size=3,
        ).map(tuple),
    )
)
def test_every_result_comes_through(result: FileResult) -> None:
    assert fit(json.loads(encoded(result)), FileResult) == result


@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("level", True),
        ("level", "3"),
        ("level", 9),
        ("colour", "green"),
        ("parts", {}),
        ("parts", [{"size": 1}]),
        ("parts", [{"name": "a", "else": 1}]),
        ("pair", [1]),
        ("pair", [1, "y", 2]),
        ("share", True),
        ("kind", "git"),
        ("seen", {"a": {"b": 1}}),
        ("more", 1),
    ],
    ids=lambda it: json.dumps(it),
)
def test_anything_else_is_refused(at: str, value: object) -> None:
    assert fit(WHOLE, Whole).parts[0] == Part(name="a", size=1)
    with pytest.raises(ValueError, match=r"."):
        fit({**WHOLE, at: value}, Whole)


def test_types_that_no_message_has_are_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError):
        fit({}, dict)
