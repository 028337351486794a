"""Programs of torch's own printer are admitted; whatever else stands in one is told."""

from __future__ import annotations

import pytest

from scanner.torchscript.operators import TOUCHES_FILES
from scanner.torchscript.program import judge

HEAD = """\
class M(Module):
  __parameters__ = ["w", ]
  __buffers__ = []
  w : Tensor
  training : bool
  part : __torch__.Part
  parts : List[__torch__.Part]
  __annotations__["0"] = __torch__.Part
  packed : __torch__.torch.classes.quantized.LinearPackedParamsBase
  k : Final[int] = 3
  def save(self: __torch__.M, name: str) -> NoneType:
    return None
  def forward(self: __torch__.M,
    x: Tensor,
    n: Optional[int]=None,
    c: float=-inf) -> Tensor:
"""
PART = """\
class Part(Module):
  __parameters__ = []
  def forward(self: __torch__.Part, x: Tensor) -> Tensor:
    return torch.relu(x)
  def other(self: __torch__.Part) -> Tuple[__torch__.Part, int]:
    return (self, 1)
class Color(Enum):
  RED = 1
class Pair(NamedTuple):
  a : Tensor
  b : __torch__.Part
def helper(x: Tensor, y: float=1.5) -> Tensor:
  return torch.mul(x, y)
"""


def said(*lines: str, head: str = HEAD, rest: str = PART) -> set[tuple[str, str]]:
    body = "".join(f"    {line}\n" for line in lines)
    return {(one.what, one.why) for one in judge([("__torch__", f"{head}{body}{rest}")])}


@pytest.mark.parametrize(
    "lines",
    [
        ("return x",),
        ("y = torch.add(x, 1, alpha=2)", "return y"),
        ("f = __torch__.helper", "return f(x, 2., )"),
        ("return (self.part).forward(x, )",),
        ("return (getattr(self, \"0\")).forward(x, )",),
        ("p = self.part", "q = p", "return (q).forward(x, )"),
        ("p, n0 = (self.part).other()", "return (p).forward(x, )"),
        ("for i in range(torch.len(self.parts)):", "  p = (self.parts)[i]",
         "  y = (p).forward(x, )",
         "return x"),
        ("p = __torch__.Part.__new__(__torch__.Part)", "return (p).forward(x, )"),
        ("p = __torch__.Pair(x, self.part)", "return (p.b).forward(x, )"),
        ("if torch.__isnot__(n, None):", "  m = unchecked_cast(int, n)", "else:", "  m = 0",
         "return torch.add(x, m)"),
        ("q = annotate(List[Tensor], [])", "_0 = torch.append(q, x)", "return torch.stack(q)"),
        ("def __forked_function():", "  return __torch__.helper(x, 1.5, )",
         "fut = fork(__forked_function)", "return torch.wait(fut)"),
        ("a = __torch__.Color.RED", "_1 = torch.eq(a, __torch__.Color.RED)", "return x"),
        ("ops.prim.RaiseException(CONSTANTS.c0, \"builtins.ValueError\")", "return x"),
        ("w = (self.packed).unpack()", "return x"),
        ("while torch.lt(torch.len(self.parts), 3):", "  pass", "return x"),
        ("print(\"a\", 1)", "y : Optional[int] = None", "return x"),
        ("range = torch.add(x, 1)", "max, arg = torch.max(range, 1)", "return max"),
        ("return torch.mul(x, 0.+1.j)",),
    ],
    ids=lambda lines: lines[0],
)  # fmt: skip
def test_admits_what_torch_writes(lines: tuple[str, ...]) -> None:
    assert said(*lines) == set()


@pytest.mark.parametrize(
    "lines",
    [
        ('torch.save([x], "f")',),
        ('ops.aten.save([x], "f")',),
        ("f = torch.save", 'f([x], "f")'),
        ('f = fork(torch.save, [x], "f")',),
        ('_ = (x).save("f")',),
        ('_ = (self.w).save("f")',),
        ('_ = ([x])[0].save("f")',),
        ("p = self.part", "p = x", '_ = (p).save("f")'),
        ('y = __torch__.helper(torch.from_file("f", True, 8))',),
        ('if torch.from_file("f"):', "  pass"),
        ('return {"a": [(torch.from_file("f"), 1)]}',),
        ('torch.add(x, other=torch.from_file("f"))',),
        ('y = x if torch.from_file("f") else x',),
        ('with x:', '  torch.save([x], "f")'),
    ],
    ids=lambda lines: lines[-1],
)  # fmt: skip
def test_tells_what_touches_files(lines: tuple[str, ...]) -> None:
    assert TOUCHES_FILES in {why for _, why in said(*lines)}


@pytest.mark.parametrize(
    "lines",
    [
        ("t = torch", "return x"),
        ("t = ops.aten", "return x"),
        ("y = torch.ops.aten.relu(x)",),
        ("y = elsewhere(x)",),
        ("y = (self).elsewhere()",),
        ("y = (x)._forward_elsewhere()",),
        ("y = __torch__.elsewhere(x)",),
        ("y = __torch__.Part(x)",),
        ("y = __torch__.Part.forward(x)",),
        ("y = (torch.relu)(x)(x)",),
        ("y = getattr(x, n)",),
        ("y = torch.relu(*x)",),
        ("y = x + x",),
        ("y = not x",),
        ("y = [i for i in x]",),
        ("y = lambda: x",),
        ("y = annotate(__torch__.Elsewhere, x)",),
        ("y = annotate(__torch__.torch.classes.elsewhere.Thing, x)",),
        ("y = isinstance(x, elsewhere)",),
        ("for i in x:", "  pass"),
        ("del x",),
        ("import os",),
        ("assert x",),
        ("raise x",),
        ("x",),
        ('"text"',),
        ("y = z = x",),
        ("(x)[0] = x",),
        ("torch = x",),
        ("annotate = x",),
        ("for fork in range(1):", "  pass"),
        ("def int():", "  return x"),
        ("def f(x: Tensor=torch.relu(x)):", "  return x"),
        ("class A:", "  pass"),
        ("return CONSTANTS",),
        ("return CONSTANTS.save",),
        ("return __torch__",),
        ("try:", "  pass", "finally:", "  pass"),
        ("global x",),
        ("y = -x",),
    ],
    ids=lambda lines: lines[0],
)  # fmt: skip
def test_tells_what_torch_does_not_write(lines: tuple[str, ...]) -> None:
    assert said(*lines)


@pytest.mark.parametrize(
    "line",
    [
        "  k2 : Final[int] = torch.len([])",
        "  k2 : Final[Tensor] = (x).relu()",
        '  __parameters__ = torch.list("a")',
        "  k2 = 1",
        "  w : int",
        "  training : bool = x",
        "  torch.relu(x)",
        "  import os",
        "  k2 : elsewhere",
        "  k2 : List[torch.relu]",
    ],
)
def test_tells_what_a_class_holds_beside_declarations(line: str) -> None:
    head = HEAD.replace("  w : Tensor\n", f"  w : Tensor\n{line}\n")
    assert said("return x", head=head)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("self: __torch__.M,\n    x", "self: __torch__.Part,\n    x"),
        ("n: Optional[int]=None", "n: Optional[int]=torch.len([])"),
        ("n: Optional[int]=None", "*, n: Optional[int]=None"),
        ("class M(Module)", "class M(Elsewhere)"),
        ("class M(Module)", "class M(Module, Enum)"),
        ("class M(Module)", "class Part(Module)"),
        ("-> Tensor:\n", "-> elsewhere:\n"),
        ("x: Tensor", "torch: Tensor"),
    ],
)
def test_tells_what_a_signature_hides(old: str, new: str) -> None:
    head = HEAD.replace(old, new)
    assert head != HEAD
    assert said("return x", head=head)


@pytest.mark.parametrize(
    "line", ["import os", "x = 1", "torch.relu(1)", "from os import path", "pass"]
)
def test_tells_what_stands_outside_declarations(line: str) -> None:
    assert said("return x", rest=f"{PART}{line}\n")


def test_headers_of_early_versions_are_admitted() -> None:
    assert said("return x", head=f"op_version_set = 1\nimport __torch__.x\n{HEAD}") == set()


STATE = "  def __setstate__(self: __torch__.M, state: Tuple[Tensor, bool]) -> NoneType:\n"


def loading(*lines: str, rest: str = "") -> set[tuple[str, str]]:
    body = "".join(f"    {line}\n" for line in lines)
    return said("return x", rest=f"{STATE}{body}{PART}{rest}")


def test_a_state_may_be_unpacked_and_packed() -> None:
    assert loading(
        "self.training = (state)[1]",
        "self.packed = ops.quantized.linear_prepack((state)[0], None)",
        "if torch.eq((state)[1], True):",
        '  ops.prim.RaiseException("no")',
        "else:",
        "  pass",
        "return None",
    ) == set()  # fmt: skip


@pytest.mark.parametrize(
    "lines",
    [
        ("while True:", "  pass"),
        ("for i in range(9):", "  pass"),
        ("x = torch.zeros([1000000000])",),
        ("x = (self.part).forward((state)[0])",),
        ("x = __torch__.helper((state)[0])",),
        ("x = __torch__.again((state)[0])",),
        ("x = __torch__.many0((state)[0])",),
        ("x = fork(__torch__.helper)",),
    ],
    ids=lambda lines: lines[0],
)
def test_a_state_does_nothing_else(lines: tuple[str, ...]) -> None:
    rest = "def again(x: Tensor) -> Tensor:\n  return __torch__.again(x)\n" + "".join(
        f"def many{n}(x: Tensor) -> Tensor:\n  y = __torch__.many{n + 1}(x)\n"
        f"  return __torch__.many{n + 1}(x)\n"
        for n in range(20)
    )
    rest += "def many20(x: Tensor) -> Tensor:\n  return x\n"
    assert said("return x", rest=PART + rest) == set()
    assert loading(*lines, rest=rest)


def test_no_unnamed_method_runs_beside_a_state() -> None:
    rest = "class L:\n  def __getitem__(self: __torch__.L, i: int) -> int:\n    return i\n"
    assert said("return x", rest=PART + rest) == set()
    assert loading("return None", rest=rest)


def test_nothing_follows_from_a_deep_or_a_long_program() -> None:
    assert judge([("__torch__", "def f(x: Tensor) -> Tensor:\n  return " + "(" * 999)])
    deep = "x" + ".a" * 5_000
    assert judge([("__torch__", f"def f(x: Tensor) -> Tensor:\n  y = {deep}\n  return x\n{'('}")])
    assert len(judge([("__torch__", "".join(f"x{n} = 1\n" for n in range(50)))])) <= 20


def test_sources_know_one_another() -> None:
    first = "def f(x: Tensor) -> Tensor:\n  return __torch__.b.g(x)\n"
    second = "def g(x: Tensor) -> Tensor:\n  return x\n"
    assert judge([("__torch__.a", first), ("__torch__.b", second)]) == []
    assert judge([("__torch__.a", first)])
