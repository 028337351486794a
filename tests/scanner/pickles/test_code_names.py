"""Names and texts of code objects: effects are found in any order, ordinary ones are left."""

from __future__ import annotations

import pytest

from scanner.pickles.code_names import dangerous_name, dangerous_text


@pytest.mark.parametrize(
    "words",
    [
        ["os"], ["_os", "x"], ["load", "torch"], ["np", "dot", "load"], ["pd", "read_csv"],
        ["open"], ["exec"], ["eval"], ["numpy", "lib", "npyio"], ["__globals__"], ["tofile"],
        ["x", "system"], ["Path", "pathlib", "replace"], ["globals"], ["getattr"], ["importlib"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_known_effects_are_told(words: list[str]) -> None:
    assert dangerous_name(words) is not None


@pytest.mark.parametrize(
    "words",
    [
        [], ["np", "dot", "max", "float"], ["numpy", "mean", "std", "sorted", "map"],
        ["torch", "relu", "softmax", "size"], ["text", "replace", "strip", "split", "lower"],
        ["sklearn", "preprocessing", "scale"], ["load"], ["self", "predict", "shape", "format"],
        ["math", "sqrt", "itertools", "chain"], ["pd", "DataFrame", "fillna", "astype"],
    ],
    ids=lambda words: " ".join(words) or "none",
)  # fmt: skip
def test_ordinary_names_are_left(words: list[str]) -> None:
    assert dangerous_name(words) is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["model", "train"], False), (["torch", "re"], False), (["builtins"], True),
        (["pd"], True), (["pandas", "DataFrame"], True), (["os"], True),
    ],
    ids=str,
)  # fmt: skip
def test_a_method_needs_the_module_that_has_it(words: list[str], told: bool) -> None:
    assert (dangerous_name(words, {"eval", "compile"}) is not None) is told


@pytest.mark.parametrize(
    "text", ["import os", "x.__class__", "eval(x)", "from os import system", "a; open ('x')"]
)
def test_texts_that_are_code_are_told(text: str) -> None:
    assert dangerous_text(text)


@pytest.mark.parametrize("text", ["", "Score the rows.", "%d of %d", "an important note", "_a__b"])
def test_other_texts_are_left(text: str) -> None:
    assert not dangerous_text(text)
