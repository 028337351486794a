from __future__ import annotations

import ctypes
import io
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from secureload.errors import SecureloadError
from secureload.registry.backstop import BackstopError, guard


def marked(tmp_path: Path) -> Path:
    return tmp_path / "executed"


class Payload:
    """Unpickles to the making of a file: harmless, and visible."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def by_load(data: bytes) -> None:
    pickle.loads(data)


def by_python_unpickler(data: bytes) -> None:
    pickle._loads(data)  # type: ignore[attr-defined]


def by_early_bound_unpickler(data: bytes) -> None:
    pickle.Unpickler(io.BytesIO(data)).load()


def by_torch(data: bytes) -> None:
    import torch

    torch.load(io.BytesIO(data), weights_only=False)


def by_numpy(data: bytes) -> None:
    import numpy as np

    np.load(io.BytesIO(data), allow_pickle=True)


@pytest.mark.parametrize(
    "unpickle", [by_load, by_python_unpickler, by_early_bound_unpickler, by_torch, by_numpy]
)
def test_unpickling_is_stopped_before_anything_runs(
    unpickle: Callable[[bytes], None], tmp_path: Path
) -> None:
    data = pickle.dumps(Payload(marked(tmp_path)))
    with guard(), pytest.raises(Exception) as stopped:  # noqa: PT011  torch rewraps it
        unpickle(data)
    assert not marked(tmp_path).exists()
    chain: list[str] = []
    error: BaseException | None = stopped.value
    while error is not None:
        chain.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    assert {"BackstopError", "UnpicklingError"} & set(chain)


def by_subprocess(path: Path) -> None:
    subprocess.run(["touch", str(path)], check=True)


def by_system(path: Path) -> None:
    os.system(f"touch '{path}'")


def by_popen(path: Path) -> None:
    os.popen(f"touch '{path}'").close()


def by_posix_spawn(path: Path) -> None:
    pid = os.posix_spawn("/usr/bin/touch", ["touch", str(path)], {})
    os.waitpid(pid, 0)


def by_fork(path: Path) -> None:
    if os.fork() == 0:
        path.touch()
        os._exit(0)


def by_exec(path: Path) -> None:
    os.execv("/usr/bin/touch", ["touch", str(path)])


def by_spawning(path: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=path.touch)
    process.start()
    process.join()


def by_multiprocessing(path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=path.touch)
    process.start()
    process.join()


@pytest.mark.parametrize(
    "start",
    [
        *(by_subprocess, by_system, by_popen, by_posix_spawn, by_fork, by_exec),
        *(by_multiprocessing, by_spawning),
    ],
)
def test_starting_a_process_is_stopped(start: Callable[[Path], None], tmp_path: Path) -> None:
    with guard(), pytest.raises(BackstopError, match="start a process"):
        start(marked(tmp_path))
    assert not marked(tmp_path).exists()


@pytest.fixture
def listener() -> socket.socket:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(0.2)
    return listening


def test_a_connection_is_stopped_before_it_is_made(listener: socket.socket) -> None:
    with listener:
        address = listener.getsockname()
        with guard(), pytest.raises(BackstopError, match="use the network"):
            socket.create_connection(address, timeout=1)
        with pytest.raises(TimeoutError):
            listener.accept()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: socket.getaddrinfo("localhost", 80),
        lambda: socket.gethostbyname("localhost"),
        lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    ],
    ids=["getaddrinfo", "gethostbyname", "datagram"],
)
def test_names_and_datagrams_are_stopped(ask: Callable[[], object]) -> None:
    with guard(), pytest.raises(BackstopError):
        ask()


def test_threads_started_inside_are_guarded_too() -> None:
    with guard(), ThreadPoolExecutor(2) as pool:
        attempts = [pool.submit(by_load, pickle.dumps(Path("x"))) for _ in range(4)]
        assert all(isinstance(attempt.exception(), BackstopError) for attempt in attempts)


def test_other_threads_keep_their_freedom() -> None:
    results: list[object] = []
    inside, done = threading.Event(), threading.Event()

    def outsider() -> None:
        inside.wait(10)
        results.append(pickle.loads(pickle.dumps(Path("free"))))
        done.set()

    other = threading.Thread(target=outsider)
    other.start()
    with guard():
        inside.set()
        assert done.wait(10)
    other.join()
    assert results == [Path("free")]


def test_everything_is_allowed_again_afterwards(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), guard():
        _ = 1 / 0
    assert pickle.loads(pickle.dumps(Path("free"))) == Path("free")
    by_subprocess(marked(tmp_path))
    assert marked(tmp_path).exists()


def test_guards_nest() -> None:
    with guard():
        with guard():
            pass
        with pytest.raises(BackstopError):
            by_load(pickle.dumps(Path("x")))


def test_the_environment_is_strict_inside_and_restored_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("USE_HUB_KERNELS", "yes")
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with guard(), guard():
        assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_HUB_DISABLE_XET"] == "1"
        assert os.environ["USE_HUB_KERNELS"] == "NO"
        assert os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] == "1"
    assert os.environ["USE_HUB_KERNELS"] == "yes"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    assert "HF_HUB_OFFLINE" not in os.environ


def test_a_hub_client_first_imported_inside_is_online_afterwards() -> None:
    probe = (
        "from secureload.registry.backstop import guard\n"
        "with guard():\n"
        "    import huggingface_hub\n"
        "print(huggingface_hub.constants.HF_HUB_OFFLINE)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"


def test_a_module_that_starts_a_process_while_imported_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        f"import subprocess\nsubprocess.run(['touch', {str(marked(tmp_path))!r}], check=True)\n"
    )
    (tmp_path / "asks_the_system.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with guard():
        __import__("asks_the_system")
    sys.modules.pop("asks_the_system")
    assert marked(tmp_path).exists()


def test_plain_work_is_not_disturbed(tmp_path: Path) -> None:
    with guard():
        (tmp_path / "a").write_text("b")
        assert (tmp_path / "a").read_text() == "b"
        assert ctypes.sizeof(ctypes.c_int) == 4
        assert pickle.loads(pickle.dumps({"plain": [1, 2.0, "x"]})) == {"plain": [1, 2.0, "x"]}


def test_the_error_is_one_of_ours_and_one_that_libraries_let_through() -> None:
    assert issubclass(BackstopError, SecureloadError)
    assert issubclass(BackstopError, OSError)
