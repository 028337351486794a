"""The same few payloads in every container that some loader unpacks."""

# Tables: one technique a line, whatever its length.
# ruff: noqa: E501

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

from tests.builders import archives, zips
from tests.builders import pickles as p
from tests.builders.attack_libraries import legacy, npy, torch_zip
from tests.builders.attack_opcodes import FIRE, OLD
from tests.builders.gadgets import PY, SH, Build, New, Technique, call, code, glob, pickled, system

_RUN = glob("posix:system")

PAYLOADS: dict[str, bytes] = {
    "plain": system(),
    "protocol 0": OLD,
    "dotted": pickled(call("torch:os.system", SH)),
    "builtins": pickled(call("builtins:exec", PY)),
    "broken end": p.proto(4) + FIRE + b"\xff",
    "allowlisted": pickled(call("collections:OrderedDict", call("builtins:map", _RUN, [SH]))),
}
"""What goes into the containers: named for what is hard about it."""

GOOD = pickled({"a": 1}, protocol=2)
ENTRY = zips.Entry


def techniques() -> Iterator[Technique]:
    """All of them: each container with each payload that fits it."""
    for how, data in PAYLOADS.items():
        for family, name, content, file, loader in (*_raw(data), *_packed(data), *_joblib(data), *_arrays(data),
                                                    *_torch(data), *_archives(data)):  # fmt: skip
            yield Technique(
                name=f"{name}: {how}", family=family, data=content, file=file, loader=loader,
                fires=how in ("plain", "allowlisted"),
            )  # fmt: skip
    for family, name, content, file, loader, runs in _tricks():
        yield Technique(name=name, family=family, data=content, file=file, loader=loader, runs=runs)


Case = tuple[str, str, bytes, str, str]

_NAMES = ("model.bin", "model.pt", "model.pth", "model.ckpt", "model.p", "model.dat", "model.npy",
          "model.safetensors", "model.gguf", "model.onnx", "model.h5", "config.json", "README.md",
          "model.txt", "model", ".hidden", "model.joblib", "model.dill", "model.pickle.bak",
          "weights.PKL", "image.png", "tokenizer.model", "model.yaml", "setup.cfg", "model.zip")  # fmt: skip


def _raw(data: bytes) -> Iterator[Case]:
    if data is PAYLOADS["plain"]:
        for name in _NAMES:
            yield "odd-name", name, data, name, "pickle"
    for name in ("model.bin", "model.pt"):
        yield "torch-raw", name, data, name, "torch"


def _packed(data: bytes) -> Iterator[Case]:
    family = "compressed"
    yield family, "gzip", gzip.compress(data, mtime=0), "model.pkl.gz", "gzip"
    yield family, "gzip, other name", gzip.compress(data, mtime=0), "model.bin", "gzip"
    two = gzip.compress(data[:9], mtime=0) + gzip.compress(data[9:], mtime=0)
    yield family, "gzip of two members", two, "model.pkl.gz", "gzip"
    yield family, "bzip2", bz2.compress(data), "model.pkl.bz2", "bz2"
    two = bz2.compress(data[:9]) + bz2.compress(data[9:])
    yield family, "bzip2 of two streams", two, "model.pkl.bz2", "bz2"
    yield family, "xz", lzma.compress(data), "model.pkl.xz", "lzma"
    yield (
        family,
        "xz of two streams",
        lzma.compress(data[:9]) + lzma.compress(data[9:]),
        "m.xz",
        "lzma",
    )
    yield family, "lzma", lzma.compress(data, format=lzma.FORMAT_ALONE), "model.lzma", "lzma"
    for level in (0, 1, 6, 9):
        yield family, f"zlib {level}", zlib.compress(data, level), "model.z", "zlib"
    head = b"ZF0x" + f"{len(data):x}".ljust(17).encode()
    yield family, "joblib's first format", head + zlib.compress(data), "model.joblib", "joblib"
    cut = gzip.compress(data + bytes(500_000), mtime=0)
    yield family, "gzip cut off", cut[: len(cut) // 2], "model.pkl.gz", "gzip"
    wrong = gzip.compress(data, mtime=0)
    yield family, "gzip of a wrong CRC", wrong[:-8] + bytes(8), "model.pkl.gz", ""
    yield family, "bzip2, then text", bz2.compress(data) + b"no stream", "model.bz2", "bz2"
    yield family, "xz, then text", lzma.compress(data) + b"no stream", "model.xz", "lzma"
    yield family, "gzip padded", gzip.compress(data, mtime=0) + bytes(99), "model.gz", "gzip"
    yield family, "gzip in bzip2", bz2.compress(gzip.compress(data, mtime=0)), "model.bz2", ""


def _joblib(data: bytes) -> Iterator[Case]:
    file = "model.joblib"
    for name, content in (
        ("raw", data), ("zlib", zlib.compress(data)), ("gzip", gzip.compress(data, mtime=0)),
        ("bz2", bz2.compress(data)), ("xz", lzma.compress(data)),
        ("lzma", lzma.compress(data, format=lzma.FORMAT_ALONE)),
        ("zlib of two streams", zlib.compress(data[:9]) + zlib.compress(data[9:])),
        ("after an array", _after_array(data)),
        ("array of objects", _object_array(data)),
    ):  # fmt: skip
        yield "joblib", name, content, file, "" if "two streams" in name else "joblib"


def _wrapper(dtype: str, payload: bytes) -> bytes:
    """A `NumpyArrayWrapper` for one element; its BUILD makes joblib read what follows."""
    wrapper = New("joblib.numpy_pickle:NumpyArrayWrapper")
    state = {
        "subclass": glob("numpy:ndarray"), "shape": (1,), "order": "C",
        "dtype": call("numpy:dtype", dtype), "allow_mmap": False,
    }  # fmt: skip
    # Without the memo's opcode: what follows BUILD is the array.
    return code(Build(wrapper, state)).removesuffix(p.long_put(2)) + payload


def _after_array(data: bytes) -> bytes:
    """Eight bytes of numbers lie between the opcodes, then come opcodes again."""
    body = data[2:] if data[:1] == b"\x80" else data
    return p.proto(4) + _wrapper("<f8", bytes(8)) + p.POP + body


def _object_array(data: bytes) -> bytes:
    """An array of objects is a pickle between the opcodes."""
    return p.proto(4) + _wrapper("|O", data) + p.STOP


def _arrays(data: bytes) -> Iterator[Case]:
    family = "numpy-file"
    yield family, "npy object", npy(data), "a.npy", "numpy"
    yield family, "npy record with an object", npy(data, "[('a', '|O')]"), "a.npy", "numpy"
    yield family, "npy, other name", npy(data), "model.bin", "numpy"
    yield family, "npz", zips.plain({"a.npy": npy(data)}), "a.npz", "numpy"
    packed = zips.plain({"a.npy": npy(data)}, method=zipfile.ZIP_DEFLATED)
    yield family, "npz compressed", packed, "a.npz", "numpy"
    yield family, "npz, member without suffix", zips.plain({"a": npy(data)}), "a.npz", "numpy"
    yield family, "a pickle named npy", data, "a.npy", "numpy"


def _torch(data: bytes) -> Iterator[Case]:
    family = "torch-zip"
    yield family, "data.pkl", torch_zip(data), "model.bin", "torch"
    other = zips.plain({"any/data.pkl": data, "any/version": b"3\n"})
    yield family, "another folder", other, "model.pt", "torch"
    packed = zips.plain({"archive/data.pkl": data, "archive/version": b"3\n"},
                        method=zipfile.ZIP_DEFLATED)  # fmt: skip
    yield family, "deflated", packed, "model.pt", "torch"
    yield family, "comment", zips.build(*_members(data), comment=b"x" * 50), "model.pt", "torch"
    yield family, "odd name", torch_zip(data), "weights.onnx", "torch"
    for number in range(5):
        parts = [b""] * 5
        parts[number] = data
        loader = "torch"
        name = f"pickle {number + 1} of five"
        yield "torch-legacy", name, legacy(*parts), "model.bin", loader
    yield "torch-tar", "pickle", _tar(pickle_part=data), "model.pt", "torch"
    yield "torch-tar", "storages", _tar(storages=data), "model.pt", "torch"
    yield "torch-tar", "tensors", _tar(tensors=data), "model.pt", "torch"


def _members(data: bytes) -> tuple[zips.Entry, ...]:
    return ENTRY(name="archive/data.pkl", data=data), ENTRY(name="archive/version", data=b"3\n")


def _tar(pickle_part: bytes = b"", storages: bytes = b"", tensors: bytes = b"") -> bytes:
    none = pickle.dumps(0, 2)
    parts = {
        "sys_info": pickle.dumps({"protocol_version": 1000, "type_sizes": {}}, 2),
        "pickle": pickle_part or pickle.dumps({}, 2),
        "tensors": tensors or none,
        "storages": storages or none + pickle.dumps([], 2),
    }
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:", format=tarfile.PAX_FORMAT) as tar:
        for name, content in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return held.getvalue()


def _archives(data: bytes) -> Iterator[Case]:
    family = "archive"
    yield family, "zip", zips.plain({"model.pkl": data}), "models.zip", "archive"
    yield family, "zip, no suffix inside", zips.plain({"model": data}), "models.zip", "archive"
    yield family, "tar", archives.tar({"model.pkl": data}), "models.tar", "archive"
    packed = gzip.compress(archives.tar({"model.pkl": data}), mtime=0)
    yield family, "tar.gz", packed, "models.tar.gz", "archive" if data else ""
    yield family, "tar.xz", lzma.compress(archives.tar({"m": data})), "m.tar.xz", ""
    yield family, "torch zip in a zip", zips.plain({"m.pt": torch_zip(data)}), "m.zip", "archive"
    yield family, "torch zip in a tar", archives.tar({"m.pt": torch_zip(data)}), "m.nemo", "archive"
    inner = zips.plain({"inner.zip": zips.plain({"m.pt": torch_zip(data)})})
    yield family, "zip in a zip", inner, "model.mar", "archive"
    deep = data
    for _ in range(4):
        deep = zips.plain({"x": deep})
    yield family, "four deep", deep, "model.zip", ""
    beyond = data
    for _ in range(8):
        beyond = zips.plain({"x": beyond})
    yield family, "eight deep", beyond, "model.zip", ""


def _tricks() -> Iterator[tuple[str, str, bytes, str, str, bool]]:
    evil, good = system(), pickle.dumps({}, 2)
    family = "zip-trick"
    version = ENTRY(name="archive/version", data=b"3\n")
    main = "archive/data.pkl"
    torch = "torch"
    for name, data, loader in (
        ("prepended bytes", b"#!/bin/sh\n" + torch_zip(evil), ""),
        ("appended bytes", torch_zip(evil) + b"x" * 20, ""),
        ("duplicate, evil last", zips.build(ENTRY(name=main, data=good), ENTRY(name=main, data=evil),
         version), ""),
        ("duplicate, evil first", zips.build(ENTRY(name=main, data=evil), ENTRY(name=main,
         data=good), version), torch),
        ("wrong CRC", zips.build(ENTRY(name=main, data=evil, crc=1), version), ""),
        ("wrong local CRC", zips.build(ENTRY(name=main, data=evil, local_crc=1), version), torch),
        ("encrypted flag", zips.build(ENTRY(name=main, data=evil, flags=1), version), ""),
        ("encrypted local flag", zips.build(ENTRY(name=main, data=evil, local_flags=1), version),
         torch),
        ("other local name", zips.build(ENTRY(name=main, data=evil, local_name="archive/data.txt"),
         version), torch),
        ("other local method", zips.build(ENTRY(name=main, data=evil, local_method=8), version),
         torch),
        ("unlisted member", zips.build(ENTRY(name=main, data=good), ENTRY(name="archive/x.pkl",
         data=evil, listed=False), version), ""),
        ("second pickle", zips.build(ENTRY(name=main, data=good), version,
         ENTRY(name="archive/data/0", data=evil)), ""),
        ("pickle named as weights", zips.build(ENTRY(name=main, data=good), version,
         ENTRY(name="archive/extra.pkl", data=evil)), ""),
        ("constants.pkl", zips.build(ENTRY(name=main, data=good), version,
         ENTRY(name="archive/constants.pkl", data=evil)), ""),
        ("case of the name", zips.build(ENTRY(name="archive/DATA.PKL", data=evil), version), ""),
        ("no version", zips.build(ENTRY(name=main, data=evil)), ""),
        ("backslash name", zips.build(ENTRY(name="archive\\data.pkl", data=evil), version), ""),
        ("climbing name", zips.build(ENTRY(name="../../data.pkl", data=evil), version), ""),
        ("absolute name", zips.build(ENTRY(name="/etc/data.pkl", data=evil), version), ""),
        ("NUL in a name", zips.build(ENTRY(name="archive/data.pkl\0.txt", data=evil), version), ""),
        ("symlink member", zips.build(ENTRY(name="archive/x", data=b"/etc/passwd",
         mode=0o120777), *_members(evil)), ""),
        ("size lies", zips.build(ENTRY(name=main, data=evil, size=5), version), ""),
        ("zip in the comment", zips.build(ENTRY(name=main, data=good), version,
         comment=torch_zip(evil)), ""),
        ("two zips in a row", torch_zip(good) + torch_zip(evil), ""),
        ("pickle, then a zip", pickled({"a": 1}) + torch_zip(evil), ""),
        ("evil pickle, then a good zip", evil + torch_zip(good), "pickle"),
        ("end record cut off", torch_zip(evil)[:-22], ""),
        ("directory cut off", torch_zip(evil)[:-60], ""),
        ("unknown method", zips.build(ENTRY(name=main, data=evil, method=99), version), ""),
    ):  # fmt: skip
        yield family, name, data, "model.bin", loader, loader != "" or "evil" in name
    family = "polyglot"
    header = b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}'
    safe = len(header).to_bytes(8, "little") + header + b"x"
    tail = len(evil).to_bytes(8, "little")
    for name, data, file, loader in (
        ("pickle before safetensors", evil + safe, "model.safetensors", "pickle"),
        ("safetensors, then a zip", safe + torch_zip(evil), "model.safetensors", ""),
        ("safetensors with a pickle inside", safe[:-1] + evil + tail, "model.safetensors", ""),
        ("PNG, then a zip", b"\x89PNG\r\n\x1a\n" + bytes(30) + torch_zip(evil), "a.png", ""),
        ("PDF, then a zip", b"%PDF-1.4\n" + torch_zip(evil), "a.pdf", ""),
        ("GGUF, then a zip", b"GGUF\3\0\0\0" + bytes(16) + torch_zip(evil), "m.gguf", ""),
        ("JSON, then a zip", b'{"a": 1}\n' + torch_zip(evil), "config.json", ""),
        ("text, then a zip", b"hello\n" * 20 + torch_zip(evil), "README.md", ""),
        ("tar, then a zip", archives.tar({"a": b"x"}) + torch_zip(evil), "a.tar", ""),
        ("npy, then a pickle", _numbers() + evil, "a.npy", ""),
        ("numbers that are a pickle", evil + _numbers(), "model.bin", "pickle"),
        ("gzip, then a zip", gzip.compress(b"x", mtime=0) + torch_zip(evil), "a.gz", ""),
        ("legacy file, then a pickle", legacy(b"", b"", b"", b"", b"") + evil, "model.bin", ""),
        ("zip whose head is a pickle", p.program(FIRE) + torch_zip(good), "model.pt", "pickle"),
        ("pickle in a tar's gap", archives.tar({"a": evil}), "a.bin", "archive"),
    ):  # fmt: skip
        yield family, name, data, file, loader, bool(loader)


def _numbers() -> bytes:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header.encode() + bytes(8)
