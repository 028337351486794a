"""Classes and functions in a skops schema are judged as if a pickle had named them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.builders.zips import plain
from tests.scanner.told import CLEAN, MALICIOUS, SUSPICIOUS, rules, tell


def node(module: str, name: str, loader: str = "ObjectNode", **more: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **more}


def verdict(root: dict[str, Any]) -> object:
    schema = json.dumps({**root, "protocol": 2, "_skops_version": "0.16"}).encode()
    zipped = tell(plain({"schema.json": schema}), "model.skops")
    assert zipped.verdict is tell(schema, "schema.json").verdict
    return zipped.verdict


TREE = node(
    "sklearn.tree._tree", "Tree", "TreeNode", __reduce__={"args": node("builtins", "tuple")}
)


def test_estimators_are_clean() -> None:
    forest = node("sklearn.ensemble._forest", "RandomForestClassifier", content={"tree": TREE})
    assert verdict(forest) is CLEAN


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (node("os", "system"), MALICIOUS),
        (node("builtins", "dict", content={"deep": [node("subprocess", "Popen")]}), MALICIOUS),
        (node("builtins", "function", "FunctionNode",
              content={"module_path": "os", "function": "system"}), MALICIOUS),
        (node("vendor.model", "Net"), SUSPICIOUS),
        (node("vendor.model", "Net", __reduce__={"args": 1}), SUSPICIOUS),
        ({"a": {"__reduce__": {"args": 1}}}, SUSPICIOUS),
        ({"a": {"__reduce__": {"args": 1}, "__loader__": "TreeNode"}}, SUSPICIOUS),
    ],
    ids=["root", "deep", "function", "unlisted", "reduced", "no-node", "half-a-node"],
)  # fmt: skip
def test_what_is_not_listed_is_told(root: dict[str, Any], expected: object) -> None:
    assert verdict(root) is expected


def test_a_document_that_mentions_loaders_is_none() -> None:
    assert "unlisted-global" not in rules(tell(b'{"loader": "__loader__"}', "a.json"))
