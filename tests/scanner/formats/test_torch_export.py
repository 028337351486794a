"""Exported programs: arithmetic over sizes is clean, what else torch would evaluate is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from scanner.formats.torch_export import objection
from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SHELL, assert_clean, rules, tell

SIZE = "Symbol('s77', positive=True, integer=True)"
ATEN = "torch.ops.aten.add.Tensor"


def program(expr: str = SIZE, *, target: str = ATEN, guard: str = "L['x'].size()[0] > 7") -> bytes:
    graph = {"nodes": [{"target": target, "inputs": []}],
             "sym_int_values": {"n": {"as_expr": {"expr_str": expr, "hint": None}}}}  # fmt: skip
    return json.dumps({"graph_module": {"graph": graph}, "guards_code": [guard]}).encode()


def archive(model: bytes | None = None, *, pickled: bool = False, **members: bytes) -> bytes:
    entry = {"path_name": "weight_0", "use_pickle": pickled, "tensor_meta": {"dtype": 7}}
    held: dict[str, bytes] = {
        "m/archive_format": b"pt2",
        "m/models/model.json": model or program(),
        "m/data/weights/model_weights_config.json": json.dumps({"config": {"w": entry}}).encode(),
        "m/data/weights/weight_0": b"\x80\x02\x00\x01\xff",
    }
    return plain(held | {name.replace("__", "/"): data for name, data in members.items()})


def test_an_export_of_weights_is_clean() -> None:
    result = tell(archive(), "model.pt2")

    assert (result.format, result.verdict) == ("pt2", CLEAN)


def test_an_export_that_torch_wrote_is_clean(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU(), torch.nn.LayerNorm(4))
    rows = torch.export.Dim("rows", max=64)
    made = torch.export.export(model.eval(), (torch.zeros(3, 4),), dynamic_shapes=({0: rows},))
    torch.export.save(made, tmp_path / "model.pt2")

    assert_clean((tmp_path / "model.pt2").read_bytes(), "pt2", "model.pt2")


@pytest.mark.parametrize(
    "expr",
    [SIZE, f"Add({SIZE}, FloorDiv({SIZE}, Integer(2)))", "s0", "2*s0 + 1", "(s0//2) <= u1",
     "Max(1, s0)", "Eq(s0, 4)", "Float('2.5', precision=53)", "-s0", "True"],
)  # fmt: skip
def test_arithmetic_is_left_alone(expr: str) -> None:
    assert objection(expr) is None
    assert tell(program(expr), "model.json").verdict is CLEAN


@pytest.mark.parametrize(
    "expr",
    ["__import__('os').system('true')", "exec('x')", "().__class__", "s0.__init__", "'x'",
     "Symbol('s0', x=eval('1'))", "Symbol(eval('1'))", "lambda: 1", "[x for x in s0]", "s0[0]",
     "Max(1, eval('1'))", "s0 if", "f'{s0}'", "sympify('1')", "preview(s0)", "(y := s0)"],
)  # fmt: skip
def test_anything_else_is_told(expr: str) -> None:
    assert objection(expr) is not None
    assert "embedded-code" in rules(tell(program(expr), "model.json"))


@pytest.mark.parametrize("guard", ["__import__('os').system('true')", "L['x'].__class__", "f(1)"])
def test_so_is_a_guard_that_does_more_than_compare(guard: str) -> None:
    assert "embedded-code" in rules(tell(program(guard=guard), "model.json"))


@pytest.mark.parametrize("target", ["torch.hub.os.system", "torch.ops.mine.f.default", "math.x.y",
                                    "torch.load", "_operator.methodcaller"])  # fmt: skip
def test_so_is_a_target_that_is_no_operator_of_torch(target: str) -> None:
    assert "embedded-code" in rules(tell(program(target=target), "model.json"))


def test_what_runs_code_is_malicious() -> None:
    for expr in ("eval('1')", "__import__('os').system('true')", "Max(1, exec('x'))"):
        assert tell(archive(program(expr)), "model.pt2").verdict is MALICIOUS


def test_weights_that_are_unpickled_are_read() -> None:
    assert tell(archive(pickled=True, m__data__weights__weight_0=SHELL)).verdict is MALICIOUS


def test_so_is_what_no_configuration_names() -> None:
    assert tell(archive(m__data__weights__weight_1=SHELL)).verdict is MALICIOUS
    assert tell(archive(m__data__constants__custom_obj_0=SHELL)).verdict is MALICIOUS


def test_two_configurations_that_differ_hide_nothing() -> None:
    def config(pickled: bool) -> bytes:
        entry = {"path_name": "weight_0", "use_pickle": pickled, "tensor_meta": None}
        return json.dumps({"config": {"w": entry}}).encode()

    held = {
        "m/archive_format": b"pt2",
        "m/data/weights/a_weights_config.json": config(pickled=True),
        "m/data/weights/b_weights_config.json": config(pickled=False),
        "m/data/weights/weight_0": SHELL,
    }
    assert tell(plain(held)).verdict is MALICIOUS
