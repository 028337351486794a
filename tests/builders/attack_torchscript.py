"""TorchScript archives whose program touches the world, or is not what torch's printer writes.

Torch itself writes two harmless archives; their source is then replaced. Each that acts
makes the file `fired` when torch loads the archive, or calls the model.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache

import torch

from tests.builders import zips
from tests.builders.gadgets import Technique

SAVE = 'torch.save([x], "fired")'
MAP = 'torch.from_file("fired", True, 8)'
SOURCE = "code/__torch__.py"
RETURN = "    return torch.relu(x)\n"
ARGUMENT = "x: Tensor)"
FIELD = "  training : bool\n"


class Relu(torch.nn.Module):
    """The harmless model."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


class Stateful(Relu):
    """The same, with a state that it unpacks itself."""

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return torch.zeros([1]), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        self.training = state[1]


class Saves(torch.nn.Module):
    """What a mobile archive's instructions may say beside a harmless `code/`."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.ops.aten.save([x], "fired")
        return x


for _one in (Relu, Stateful, Saves):
    _one.__module__ = "__main__"  # so that torch names it `__torch__.Relu`


@cache
def members(cls: type[torch.nn.Module] = Relu, *, mobile: bool = False) -> dict[str, bytes]:
    """The members of an archive that torch wrote, by their names below its folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.script(cls())
        held = io.BytesIO(
            model._save_to_buffer_for_lite_interpreter() if mobile else model.save_to_buffer()
        )
    with zipfile.ZipFile(held) as archive:
        return {
            name.partition("/")[2]: archive.read(name)
            for name in archive.namelist()
            if not name.endswith(".debug_pkl")
        }


def source(cls: type[torch.nn.Module] = Relu) -> str:
    """What torch wrote of the class."""
    return members(cls)[SOURCE].decode()


def archive(text: str | bytes | None = None, *, cls: type[torch.nn.Module] = Relu,
            also: dict[str, bytes] | None = None) -> bytes:  # fmt: skip
    """An archive with this source, or torch's own, and further members."""
    held = dict(members(cls))
    if text is not None:
        held[SOURCE] = text if isinstance(text, bytes) else text.encode()
    return zips.plain({f"m/{name}": data for name, data in (held | (also or {})).items()})


def body(*lines: str) -> str:
    """The source whose `forward` has these lines before its own."""
    return source().replace(RETURN, "".join(f"    {line}\n" for line in lines) + RETURN)


def mobile(cls: type[torch.nn.Module]) -> bytes:
    """A mobile archive whose `code/` is harmless, with the instructions of this class."""
    held = dict(members(mobile=True))
    own, others = (f"__torch__.{one.__name__}".encode() for one in (Relu, cls))
    code = members(cls, mobile=True)["bytecode.pkl"]
    held["bytecode.pkl"] = _renamed(code, others, own)
    return zips.plain({f"m/{name}": data for name, data in held.items()})


def _renamed(pickled: bytes, old: bytes, new: bytes) -> bytes:
    """The pickle with a class renamed in its texts (BINUNICODE: a length of four bytes)."""
    out, at = bytearray(), 0
    while True:
        found = pickled.find(old, at)
        if found < 0:
            return bytes(out + pickled[at:])
        size = int.from_bytes(pickled[found - 4 : found], "little")
        out += pickled[at : found - 4] + (size - len(old) + len(new)).to_bytes(4, "little") + new
        at = found + len(old)


def techniques() -> Iterator[Technique]:
    """All of them."""
    for name, data, loader in _acting():
        yield Technique(name=name, family="torchscript", data=data, file="model.pt", loader=loader)
    for name, data in _odd():
        yield Technique(
            name=name, family="torchscript", data=data, file="model.pt", loader="", runs=False
        )


def _acting() -> Iterator[tuple[str, bytes, str]]:
    """Archives that make the file, in the order of how plainly they say so."""
    text = source()
    for name, data in (
        ("saves", archive(body(SAVE))),
        ("saves, by namespace", archive(body(SAVE.replace("torch.", "ops.aten.")))),
        ("maps a file", archive(text.replace("torch.relu(x)", MAP))),
        ("within an expression", archive(
            text.replace("torch.relu(x)", f"torch.add(x, torch.sum({MAP}))"))),
        ("in a loop", archive(body("for i in range(2):", f"  {SAVE}"))),
        ("in a branch", archive(body("if True:", f"  {SAVE}", "else:", "  pass"))),
        ("by another name", archive(body("f = torch.save", 'f([x], "fired")'))),
        ("by another name of the module", archive(body("f = torch", 'f.save([x], "fired")'))),
        ("by another name of the namespace", archive(body("f = ops.aten", 'f.save([x], "fired")'))),
        ("in a closure", archive(body("def __forked_function():", f"  {SAVE}", "  return x",
                                      "f = fork(__forked_function)", "y = torch.wait(f)"))),
        ("in a function", archive(
            body("y = __torch__.helper(x)")
            + f"def helper(x: Tensor) -> Tensor:\n  {SAVE}\n  return x\n")),
        ("in a function of another file", archive(
            body("y = __torch__.y.helper(x)"),
            also={"code/__torch__/y.py":
                  f"def helper(x: Tensor) -> Tensor:\n  {SAVE}\n  return x\n".encode()})),
        ("text with escapes", archive(body(SAVE.replace("fired", "\\146ired")))),
        ("text in three quotes", archive(body(SAVE.replace('"', '"""')))),
        ("text in single quotes", archive(body(SAVE.replace('"', "'")))),
        ("text in two parts", archive(body(SAVE.replace("fired", 'fi" "red')))),
        ("a line continued", archive(body(SAVE.replace(", ", ", \\\n "), ))),
        ("carriage returns", archive(body(SAVE).replace("\n", "\r\n"))),
        ("form feed", archive(body(SAVE.replace("([x]", "(\f[x]")))),
        ("after a comment", archive("# coding: utf-7\n" + body(SAVE))),
        ("name with other case", archive(also={"code/__TORCH__.py": body(SAVE).encode()})),
        ("default of a parameter", archive(
            text.replace(ARGUMENT, f"x: Tensor={MAP})"))),
        ("value of a constant", archive(
            text.replace(FIELD, f"{FIELD}  k : Final[Tensor] = {MAP}\n"))),
        ("default in an interface", archive(
            f"class P(ModuleInterface):\n  def f(self, x: Tensor={MAP}) -> Tensor:\n    pass\n"
            + text.replace(ARGUMENT, "x: Tensor,\n    p: Optional[__torch__.P]=None)"))),
        ("while it sets its state", archive(
            source(Stateful).replace("    self.training = (state)[1]\n",
                                     "    self.training = (state)[1]\n    x = (state)[0]\n"
                                     f"    {SAVE}\n"), cls=Stateful)),
        ("in what setting its state calls", archive(
            source(Stateful).replace("    self.training = (state)[1]\n",
                                     "    self.training = (state)[1]\n"
                                     "    x = __torch__.helper((state)[0])\n")
            + f"def helper(x: Tensor) -> Tensor:\n  {SAVE}\n  return x\n", cls=Stateful)),
    ):  # fmt: skip
        yield name, data, "torchscript"
    yield "instructions other than the code", mobile(Saves), "torchscript-mobile"


def _odd() -> Iterator[tuple[str, bytes]]:
    """Archives that torch refuses, or whose harm hangs on a library that is not here."""
    text = source()
    custom = "__torch__.torch.classes.elsewhere.Thing"
    yield "operator of another library", archive(body("y = ops.elsewhere.f(x)"))
    yield "operator that no list admits", archive(body("y = torch._foobar(x, True)"))
    yield (
        "operator that trusts its indices",
        archive(body("y = torch._nested_view_from_buffer(x, x, x, x)")),
    )
    yield "resets the generator", archive(body("torch.manual_seed(0)"))
    yield "remote call", archive(body('ops.prim.rpc_sync("w", "f", ())'))
    yield "class of another library", archive(text.replace(FIELD, f"{FIELD}  c : {custom}\n"))
    yield (
        "function that nothing calls",
        archive(text + f"def helper(x: Tensor) -> Tensor:\n  {SAVE}\n  return x\n"),
    )
    yield "handed to a fork", archive(body('f = fork(torch.save, [x], "fired")'))
    yield "found by its name", archive(body('f = getattr(x, "save")', 'f("fired")'))
    yield "default of a named tuple", archive(f"class P(NamedTuple):\n  a : Tensor = {MAP}\n{text}")
    yield "value of an enumeration", archive(f"class P(Enum):\n  A = {MAP}\n{text}")
    yield "as a method", archive(body('y = (x).save("fired")'))
    yield (
        "as a method that the class has too",
        archive(
            body('y = (x).save("fired")')
            + "  def save(self: __torch__.Relu, name: str) -> NoneType:\n    return None\n"
        ),
    )
    yield "decorator", archive(text.replace("  def forward", "  @torch.save\n  def forward"))
    yield "call as a type", archive(text.replace("x: Tensor)", f"x: {MAP})"))
    yield (
        "word of the language as a parameter",
        archive(
            text.replace(ARGUMENT, "annotate: Tensor)").replace("torch.relu(x)", "annotate(x, x)")
        ),
    )
    yield (
        "self of another class",
        archive(
            text.replace("self: __torch__.Relu", "self: __torch__.Other")
            + "class Other(Module):\n  __parameters__ = []\n"
        ),
    )
    yield "zero byte", archive(text + "\0" + body(SAVE))
    yield "letters beyond ASCII", archive(body("\N{LATIN SMALL LETTER E WITH ACUTE} = x"))
    yield (
        "letters that Python folds",
        archive(body(SAVE.replace("save", "\N{LATIN SMALL LETTER LONG S}ave"))),
    )
    yield "not UTF-8", archive(text.encode() + b"\xff\xfe")
    yield "UTF-16", archive(text.encode("utf-16"))
    yield "does not parse", archive(text + "def\n")
    yield "statement that is never written", archive(body("import os"))
    yield "expression that is never written", archive(body("y = x if True else x"))
    yield "two statements on a line", archive(body("y = x; z = x"))
    yield "nested too deeply", archive(body("y = " + "(" * 500 + "x" + ")" * 500))
    yield "long chain of attributes", archive(body("y = x" + ".a" * 50_000))
    yield (
        "the same file twice",
        zips.build(
            *(zips.Entry(name=f"m/{name}", data=data) for name, data in members().items()),
            zips.Entry(name=f"m/{SOURCE}", data=body(SAVE).encode()),
        ),
    )
    yield (
        "setting its state in a loop",
        archive(
            source(Stateful).replace(
                "    self.training = (state)[1]\n",
                "    self.training = (state)[1]\n    while True:\n      pass\n",
            ),
            cls=Stateful,
        ),
    )
    yield (
        "description of the old layout",
        archive(also={"model.json": json.dumps({"protoVersion": "6", "mainModule": {}}).encode()}),
    )
    yield "more source than is parsed", archive(text + "\n" * 2_000_001)
