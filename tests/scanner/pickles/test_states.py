"""An optimizer's state is plain dicts and lists, because its class looks things up in it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from tests.builders import pickles as p
from tests.scanner.told import CLEAN, SUSPICIOUS, rules, tell

OPTIMIZERS = """SGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop Rprop ASGD LBFGS
Adafactor""".split()  # noqa: SIM905


def saved(value: Any) -> bytes:
    held = io.BytesIO()
    torch.save(value, held)
    return held.getvalue()


def stepped(name: str) -> Any:
    net = torch.nn.Linear(3, 1)
    made = getattr(torch.optim, name)(net.parameters(), lr=0.1)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    made.step((lambda: net(torch.ones(3)).sum()) if name == "LBFGS" else None)
    return made


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_whole_optimizers_are_clean(name: str) -> None:
    assert tell(saved(stepped(name)), "optimizer.pt").verdict is CLEAN


def schedulers() -> Iterator[Any]:
    made = stepped("SGD")
    yield lr_scheduler.StepLR(made, 1)
    yield lr_scheduler.CosineAnnealingLR(made, 5)
    yield lr_scheduler.ReduceLROnPlateau(made)
    yield lr_scheduler.OneCycleLR(made, 0.1, total_steps=5)


def test_whole_schedulers_are_clean() -> None:
    for scheduler in schedulers():
        assert tell(saved(scheduler), "scheduler.pt").verdict is CLEAN, type(scheduler).__name__


def adam(defaults: bytes, groups: bytes, state: bytes, more: bytes = b"") -> bytes:
    parts = p.text("defaults") + defaults + p.text("param_groups") + groups
    given = p.EMPTY_DICT + p.MARK + parts + p.text("state") + state + more + p.SETITEMS
    return p.program(
        p.glob("torch.optim.adam", "Adam") + p.EMPTY_TUPLE + p.NEWOBJ + given + p.BUILD
    )


OBJECT = p.call("argparse", "Namespace")


def test_an_empty_optimizer_is_clean() -> None:
    assert tell(adam(p.EMPTY_DICT, p.EMPTY_LIST, p.EMPTY_DICT), "o.pkl").verdict is CLEAN


@pytest.mark.parametrize(
    ("defaults", "groups", "state", "more"),
    [
        (OBJECT, p.EMPTY_LIST, p.EMPTY_DICT, b""),
        (p.EMPTY_DICT, OBJECT, p.EMPTY_DICT, b""),
        (p.EMPTY_DICT, p.EMPTY_LIST + OBJECT + p.APPEND, p.EMPTY_DICT, b""),
        (p.EMPTY_DICT, p.EMPTY_LIST, OBJECT, b""),
        (p.EMPTY_DICT, p.EMPTY_LIST, p.EMPTY_DICT + p.text("a") + OBJECT + p.SETITEM, b""),
        (p.EMPTY_DICT, p.EMPTY_LIST, p.EMPTY_DICT, p.text("step") + p.NONE),
        (p.EMPTY_DICT, p.EMPTY_LIST, p.EMPTY_DICT, p.text("state") + OBJECT),
    ],
    ids=["defaults", "groups", "group", "state", "numbers", "attribute", "state-twice"],
)
def test_objects_in_the_place_of_dicts_are_not(
    defaults: bytes, groups: bytes, state: bytes, more: bytes
) -> None:
    result = tell(adam(defaults, groups, state, more), "optimizer.pkl")

    assert result.verdict is SUSPICIOUS
    assert "sets-state" in rules(result)
