"""Fire techniques under their real loaders, each in a forked child with a folder of its own.

Run as `python -m tests.attacks.firing PLAN RESULT` in a scratch folder: PLAN is a JSON list of
{id, path, loader, proof}; RESULT gets, for each id, whether the proof was there, or what
was raised. A child lives five seconds at most.
"""

from __future__ import annotations

import _thread
import contextlib
import io
import json
import os
import pickle
import re
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

_SECONDS = 12.0
_SETTLE = 1.0


def _both(path: str) -> None:
    """Both unpicklers: C in a child of the child, then Python's own."""
    data = Path(path).read_bytes()
    first = Path.cwd() / "c"
    first.mkdir()
    Path("c/read-me").write_text("x")
    pid = os.fork()
    if pid == 0:
        os.chdir("c")
        _run(lambda: pickle.loads(data), starts_thread=b"hread" in data)
    os.waitpid(pid, 0)
    pickle._loads(data)  # type: ignore[attr-defined]


def _all(path: str) -> None:
    with Path(path).open("rb") as file:
        while True:
            pickle.load(file)


def _torch(path: str) -> None:
    import torch

    torch.load(path, weights_only=False)


def _torchscript(path: str) -> None:
    """Load the archive and call the model; setting it up may act already."""
    import torch

    torch.jit.load(path)(torch.ones(2))


def _torchscript_mobile(path: str) -> None:
    import torch
    from torch.jit.mobile import _load_for_lite_interpreter

    _load_for_lite_interpreter(path)(torch.ones(2))


def _numpy(path: str) -> None:
    import numpy

    held = numpy.load(path, allow_pickle=True)
    if hasattr(held, "files"):
        for name in held.files:
            held[name]


def _opened(module: str) -> Callable[[str], None]:
    def load(path: str) -> None:
        with __import__(module).open(path, "rb") as file:
            pickle.load(file)

    return load


def _joblib(path: str) -> None:
    __import__("joblib").load(path)


def _zlib(path: str) -> None:
    import zlib

    pickle.loads(zlib.decompress(Path(path).read_bytes()))


def _archive(path: str) -> None:
    """Unpack an archive, then unpickle or torch.load every file in it, deeper ones too."""
    for kind in ("zip", "tar"):
        with contextlib.suppress(Exception):
            shutil.unpack_archive(path, "unpacked", kind)
    for found in sorted(Path("unpacked").rglob("*")):
        if found.is_file():
            with contextlib.suppress(Exception):
                if found.suffix == ".zip":
                    shutil.unpack_archive(found, found.with_suffix(""), "zip")
                    for inner in sorted(found.with_suffix("").rglob("*")):
                        if inner.is_file():
                            _torch(str(inner))
                else:
                    _torch(str(found))


def _yaml(path: str) -> None:
    import yaml

    yaml.unsafe_load(Path(path).read_text())


def _jinja(path: str) -> None:
    """As a chat template would be rendered by an environment that is no sandbox."""
    import jinja2

    text = Path(path).read_text()
    if text.startswith(("{\n", '{"')):
        text = json.loads(text)["chat_template"]
        text = text[0]["template"] if isinstance(text, list) else text
    jinja2.Template(text).render(messages=[])


def _python(path: str) -> None:
    import runpy

    runpy.run_path(path)


def _site(path: str) -> None:
    """As the interpreter takes a `.pth` file when it starts."""
    import site

    site.addpackage(str(Path(path).parent), Path(path).name, set())


def _notebook(path: str) -> None:
    """As a kernel would run the cells, one after the other."""
    names: dict[str, Any] = {}
    for cell in json.loads(Path(path).read_text())["cells"]:
        exec("".join(cell["source"]), names)


def _logging(path: str) -> None:
    import logging.config

    logging.config.dictConfig(json.loads(Path(path).read_text()))


def _shell(path: str) -> None:
    import subprocess

    subprocess.run(["sh", path], check=False)


LOADERS: dict[str, Callable[[str], None]] = {
    "pickle": _both,
    "pickle-c": lambda path: pickle.loads(Path(path).read_bytes()),
    "pickle-python": lambda path: pickle._loads(Path(path).read_bytes()),  # type: ignore[attr-defined]
    "pickle-stream": lambda path: pickle.load(io.BytesIO(Path(path).read_bytes())),
    "pickle-file": lambda path: pickle.load(Path(path).open("rb")),  # noqa: SIM115
    "pickle-utf8": lambda path: pickle.loads(Path(path).read_bytes(), encoding="utf-8"),
    "pickle-all": _all,
    "pickle-buffers": lambda path: pickle.loads(Path(path).read_bytes(), buffers=[b""] * 9),
    "torch": _torch,
    "torchscript": _torchscript,
    "torchscript-mobile": _torchscript_mobile,
    "numpy": _numpy,
    "joblib": _joblib,
    "gzip": _opened("gzip"),
    "bz2": _opened("bz2"),
    "lzma": _opened("lzma"),
    "zlib": _zlib,
    "archive": _archive,
    "yaml": _yaml,
    "jinja": _jinja,
    "python": _python,
    "shell": _shell,
    "site": _site,
    "notebook": _notebook,
    "logging": _logging,
}


def _run(act: Callable[[], Any], *, starts_thread: bool = False) -> None:
    """Act, note what was raised, and end as an interpreter ends; never returns."""
    try:
        act()
    except BaseException as error:
        Path("raised").write_text(f"{type(error).__name__}: {error}"[:300])
    with contextlib.suppress(BaseException):
        import atexit
        import threading

        for thread in threading.enumerate():
            if thread is not threading.current_thread():
                thread.join(0.3)
        if starts_thread:
            time.sleep(0.2)
        until = time.monotonic() + 1
        while _thread._count() and time.monotonic() < until:
            time.sleep(0.01)
        atexit._run_exitfuncs()
    os._exit(0)


def _watch(event: str, args: tuple[Any, ...], proof: str) -> None:
    executed = getattr(args[0], "co_filename", "") if event == "exec" else ""
    if event == proof or (proof == "import" and executed.endswith("antigravity.py")):
        if event == "import" and args[0] not in ("x", "antigravity"):
            return
        if event == "open" and "read-me" not in str(args[0]) and not str(args[0]).endswith(".py"):
            return
        os.close(os.open(os.path.join(_HERE[0], "fired"), os.O_CREAT | os.O_WRONLY))  # noqa: PTH118
        raise PermissionError(f"{event} was seen, and stopped")


_HERE = [""]


def _child(one: dict[str, str]) -> None:
    os.setsid()
    _HERE[0] = os.getcwd()  # noqa: PTH109
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.argv = ["x"]
    Path("read-me").write_text("x")
    if one["proof"] != "file":
        sys.addaudithook(lambda event, args: _watch(event, args, one["proof"]))
    threads = b"hread" in Path(one["path"]).read_bytes()
    _run(lambda: LOADERS[one["loader"]](one["path"]), starts_thread=threads)


def _there(folder: Path, loader: str, proof: str) -> bool:
    def made(where: Path) -> bool:
        return any(where.glob("fired*"))

    if loader == "pickle":
        # Both unpicklers must fire; an event tells of either.
        return made(folder) and (proof != "file" or made(folder / "c"))
    return made(folder)


def fire(plan: list[dict[str, str]], scratch: Path, jobs: int = 3) -> dict[str, str]:
    """Return, for each id, `fired` or why not."""
    results: dict[str, str] = {}
    waiting = list(plan)
    running: dict[int, tuple[dict[str, str], Path, float]] = {}
    settling: list[tuple[dict[str, str], Path, float, str]] = []
    number = 0
    while waiting or running or settling:
        while waiting and len(running) < jobs:
            one = waiting.pop(0)
            folder = scratch / str(number)
            folder.mkdir()
            number += 1
            pid = os.fork()
            if pid == 0:
                os.chdir(folder)
                _child(one)
                os._exit(0)
            running[pid] = (one, folder, time.monotonic())
        for pid, (one, folder, since) in list(running.items()):
            done, _ = os.waitpid(pid, os.WNOHANG)
            late = time.monotonic() - since > _SECONDS
            if not done and late:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            if done or late:
                del running[pid]
                said = folder / "raised"
                why = "took too long" if late else "nothing happened"
                why = said.read_text() if said.exists() else why
                settling.append((one, folder, time.monotonic(), why))
        for item in list(settling):
            one, folder, since, why = item
            if _there(folder, one["loader"], one["proof"]):
                results[one["id"]] = "fired"
                settling.remove(item)
            elif time.monotonic() - since > _SETTLE:
                results[one["id"]] = why
                settling.remove(item)
        time.sleep(0.002)
    return results


_HEAVY = re.compile(rb"torch|numpy|sympy|sqlalchemy|transformers")


def main(plan: str, result: str) -> None:
    """Fire what needs little in a small process first: a large one is slow to fork."""
    warnings.simplefilter("ignore")
    everything = json.loads(Path(plan).read_text())
    small, large = [], []
    for one in everything:
        heavy = one["loader"].startswith(("torch", "numpy", "archive"))
        heavy = heavy or bool(_HEAVY.search(Path(one["path"]).read_bytes()))
        (large if heavy else small).append(one)
    results = fire(small, _scratch("small"))
    if large:
        import torch._inductor.codecache
        import torch.hub
        import torch.package
        import torch.utils.cpp_extension

        torch.set_num_threads(1)
        results |= fire(large, _scratch("large"))
    Path(result).write_text(json.dumps(results))


def _scratch(name: str) -> Path:
    folder = Path.cwd() / name
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main(*sys.argv[1:])
