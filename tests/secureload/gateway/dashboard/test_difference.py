"""A comparison shows what differs, says what it could not see, and has ceilings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from secureload.cache.layout import Layout
from secureload.gateway.dashboard import difference
from secureload.gateway.dashboard.difference import Difference, Side
from secureload.ledger import store
from secureload.ledger.database import Database
from secureload.ledger.records import Admitted
from tests.builders import models
from tests.secureload.evidence import samples

NAME = "config.json"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.create()
    return made


def kept(layout: Layout, commit: str, files: dict[str, bytes], *named: str) -> Side:
    known = {}
    for path, data in files.items():
        sha256 = hashlib.sha256(data).hexdigest()
        blob = layout.blob(sha256)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        known[path] = (len(data), sha256)
    return Side(
        commit=commit, files=known, globals=frozenset(named), elsewhere=lambda _commit, _path: None
    )


def between(layout: Layout, before: Side, after: Side) -> Difference:
    return difference.compare(layout, (after, before), (None, None))


def test_equal_revisions_differ_in_nothing(layout: Layout) -> None:
    files = {NAME: b'{"a": 1}', "x.py": b"1\n"}
    found = between(layout, kept(layout, "1", files, "a.b"), kept(layout, "2", files, "a.b"))
    parts = (found.files, found.code, found.templates, found.settings, found.globals)
    assert [part.total for part in parts] == [0] * 5
    assert found.unchanged == 2


def test_nested_keys_code_templates_and_globals_are_named(layout: Layout) -> None:
    before = kept(
        layout, "1", {NAME: b'{"rope": {"f": 1}, "old": true}', "m.py": b"a\nb\n"}, "gone.g"
    )
    after = kept(
        layout,
        "2",
        {
            NAME: b'{"rope": {"f": 2}}',
            "m.py": b"a\nc\n",
            "tokenizer_config.json": json.dumps({"chat_template": "{{ x }}"}).encode(),
        },
        "new.g",
    )
    found = between(layout, before, after)
    assert [(c.kind, c.name, c.before, c.after) for c in found.settings.shown] == [
        ("removed", f"{NAME} › old", "true", ""),
        ("changed", f"{NAME} › rope.f", "1", "2"),
    ]
    assert {("-", "b"), ("+", "c")} < set(found.code.shown[0].lines)
    assert [c.name for c in found.templates.shown] == ["tokenizer_config.json › chat_template"]
    assert ("+", "{{ x }}") in found.templates.shown[0].lines
    assert [(c.kind, c.name) for c in found.globals.shown] == [
        ("added", "new.g"),
        ("removed", "gone.g"),
    ]


def test_bytes_other_than_those_judged_are_not_compared(layout: Layout) -> None:
    before = kept(layout, "1", {NAME: b'{"a": 1}'})
    told = hashlib.sha256(b'{"a": 2}').hexdigest()
    for given, why in ((b'{"a": 3}', "not those"), (None, "not kept")):
        after = Side(
            commit="2",
            files={NAME: (8, told)},
            globals=frozenset(),
            elsewhere=lambda _commit, _path, given=given: given,  # type: ignore[misc]
        )
        (change,) = between(layout, before, after).settings.shown
        assert why in change.unseen


@pytest.mark.parametrize(
    "hostile",
    [b'{"a":' * 100_000, b"\xff\xfe", b"[" + b"1," * 400_000 + b"1]", b"NaN", b'{"a": 1e999999}'],
    ids=["deep", "binary", "wide", "odd", "huge"],
)
def test_a_hostile_configuration_ends_in_an_answer(layout: Layout, hostile: bytes) -> None:
    found = between(layout, kept(layout, "1", {NAME: b"{}"}), kept(layout, "2", {NAME: hostile}))
    assert found.settings.total >= 1
    assert found.files.total == 1


def test_long_texts_are_not_compared_line_by_line(layout: Layout) -> None:
    before = kept(layout, "1", {"m.py": b"a\n" * 2_001})
    after = kept(layout, "2", {"m.py": b"b\n" * 2_001})
    (change,) = between(layout, before, after).code.shown
    assert "more than 2000 lines" in change.unseen


@pytest.fixture
def kept_models(tmp_path: Path) -> tuple[Layout, Admitted, Admitted]:
    """Two admissions of published safetensors, one with other numbers."""
    gate = samples.home(tmp_path / "home", key=False).gate()
    first = models.safe()
    second = first | {"model.safetensors": models.flipped(first["model.safetensors"])}
    for name, files in (("first", first), ("second", second)):
        samples.admit(gate, samples.folder(tmp_path / name, files))
    layout = gate.cache.layout
    with Database(layout.database, layout.locks / "ledger.lock").read() as session:
        found = [store.admission(session, one) for one in store.admission_ids(session)]
    before, after = sorted(filter(None, found), key=lambda one: one.admitted_at)
    return layout, before, after


NOTHING = Side(commit="", files={}, globals=frozenset(), elsewhere=lambda _commit, _path: None)


def test_tensors_that_differ_are_named_and_their_files_wanted(
    kept_models: tuple[Layout, Admitted, Admitted],
) -> None:
    layout, before, after = kept_models
    both = (after, before)
    weights = {f.sha256 for one in both for f in one.files if f.path.endswith(".safetensors")}
    assert {sha256 for sha256, _ in difference.wanted((NOTHING, NOTHING), both)} == weights
    found = difference.compare(layout, (NOTHING, NOTHING), both).tensors
    assert (found.total > 0, found.unseen) == (True, "")
    assert {one.kind for one in found.shown} == {"changed"}


@pytest.mark.parametrize("harm", [Path.unlink, lambda p: p.write_bytes(b"x")], ids=["gone", "bad"])
def test_tensors_that_cannot_be_read_are_told_and_none_is_called_new(
    kept_models: tuple[Layout, Admitted, Admitted], harm: Callable[[Path], object]
) -> None:
    layout, before, after = kept_models
    (weights,) = [f for f in before.files if f.path.endswith(".safetensors")]
    blob = layout.blob(weights.sha256)
    blob.chmod(0o644)
    harm(blob)
    found = difference.compare(layout, (NOTHING, NOTHING), (after, before)).tensors
    assert (found.total, found.shown) == (0, ())
    assert "model.safetensors" in found.unseen


def test_the_hub_is_asked_for_so_many_files_and_no_more() -> None:
    asked: list[str] = []
    ask = difference.sparing(lambda _commit, path: asked.append(path) or b"")  # type: ignore[func-returns-value]
    given = [ask("c", str(number)) for number in range(100)]
    assert len(asked) == 40
    assert given[39:41] == [b"", None]
