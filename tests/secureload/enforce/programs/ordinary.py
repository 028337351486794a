"""An ordinary program: processes, workers, caches, pickles of its own. It knows no gate."""

from __future__ import annotations

import concurrent.futures
import copy
import functools
import io
import json
import logging.config
import logging.handlers
import multiprocessing
import os
import pickle
import shelve
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any


class Point:
    """A class of the program itself."""

    def __init__(self, x: int) -> None:
        self.x = x

    def moved(self, by: int) -> Point:
        return Point(self.x + by)


def square(point: Point) -> Point:
    return Point(point.x * point.x)


def put(queue: Any, point: Point) -> None:
    queue.put(square(point))


class Numbers:
    """A data set whose items are objects of the program."""

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> Any:
        import torch

        return {"x": torch.full((2,), float(index)), "point": Point(index)}


def collate(items: list[Any]) -> Any:
    import torch

    return torch.stack([item["x"] for item in items]), [item["point"] for item in items]


def started(method: str) -> int:
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=put, args=(queue, Point(3)))
    process.start()
    found = queue.get(timeout=60)
    process.join()
    return int(found.x)


def pooled() -> list[int]:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return [point.x for point in pool.map(square, [Point(1), Point(2)])]


def executed() -> int:
    with concurrent.futures.ProcessPoolExecutor(1) as pool:
        return int(pool.submit(Point(4).moved, 1).result().x)


def managed() -> int:
    with multiprocessing.get_context("fork").Manager() as manager:
        shared = manager.dict()
        shared["point"] = Point(5)
        return int(shared["point"].x)


def loaded() -> float:
    import torch

    loader = torch.utils.data.DataLoader(Numbers(), 2, num_workers=1, collate_fn=collate)
    return float(sum(tensor.sum() + points[0].x for tensor, points in loader))


def joblibbed() -> list[int]:
    import joblib

    found = joblib.Parallel(2, backend="loky")(joblib.delayed(square)(Point(n)) for n in (2, 3))
    return [point.x for point in found]


def remembered(folder: Path) -> float:
    import joblib
    import numpy as np

    memory = joblib.Memory(folder, verbose=0)
    calls = []

    def compute(n: int) -> Any:
        calls.append(n)
        return np.arange(n)

    cached = memory.cache(compute)
    assert (cached(5) == cached(5)).all()
    return float(len(calls))


def shelved(folder: Path) -> Any:
    with shelve.open(str(folder / "shelf")) as shelf:
        shelf["a"] = {"plain": [1, 2, 3]}
    with shelve.open(str(folder / "shelf")) as shelf:
        return shelf["a"]


def saved(folder: Path) -> bool:
    import numpy as np
    import torch

    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({"model": layer.state_dict(), "optimizer": optimizer.state_dict()}, folder / "c.pt")
    found = torch.load(folder / "c.pt", weights_only=False)
    layer.load_state_dict(found["model"])
    optimizer.load_state_dict(found["optimizer"])
    buffer = io.BytesIO()
    torch.save(layer.state_dict(), buffer)
    buffer.seek(0)
    assert torch.equal(torch.load(buffer)["weight"], layer.weight)
    np.save(folder / "a.npy", np.array([1, "x", None], dtype=object), allow_pickle=True)
    return list(np.load(folder / "a.npy", allow_pickle=True)) == [1, "x", None]


def many(folder: Path) -> list[Any]:
    path = folder / "many.pkl"
    with path.open("wb") as stream:
        for n in range(3):
            pickle.dump({"n": n}, stream)
    with path.open("rb") as stream:
        return [pickle.load(stream)["n"] for _ in range(3)]


def own() -> tuple[int, int]:
    point = pickle.loads(pickle.dumps(Point(7)))
    return point.x, copy.deepcopy(point).x


def piped() -> int:
    read, write = os.pipe()
    with os.fdopen(write, "wb") as stream:
        pickle.dump(Point(8), stream)
    with os.fdopen(read, "rb") as stream:
        return int(pickle.load(stream).x)


def logged() -> int:
    logging.config.dictConfig(
        {
            "version": 1,
            "handlers": {"a": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}},
        }
    )
    record = logging.LogRecord("a", logging.INFO, "x.py", 1, "hello %s", ("you",), None)
    packed = logging.handlers.SocketHandler("localhost", 1).makePickle(record)
    return len(pickle.loads(packed[4:])["msg"])


def threaded() -> list[int]:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(pickle.loads(pickle.dumps(Point(9))).x))
    thread.start()
    thread.join()
    return found


@functools.lru_cache
def cached(n: int) -> int:
    return n + 1


def tested(folder: Path) -> int:
    (folder / "test_it.py").write_text(
        "import pickle\ndef test_it(): assert pickle.loads(b'N.') is None\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def child() -> str:
    command = [sys.executable, "-c", "import json; print(json.dumps(1))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def main(results: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    jobs: dict[str, Any] = {
        "fork": lambda: started("fork"),
        "spawn": lambda: started("spawn"),
        "forkserver": lambda: started("forkserver"),
        "pool": pooled,
        "executor": executed,
        "manager": managed,
        "dataloader": loaded,
        "loky": joblibbed,
        "memory": lambda: remembered(folder),
        "shelve": lambda: shelved(folder),
        "save": lambda: saved(folder),
        "many": lambda: many(folder),
        "own": own,
        "pipe": piped,
        "logging": logged,
        "thread": threaded,
        "lru_cache": lambda: cached(1),
        "pytest": lambda: tested(folder),
        "child": child,
    }
    found = {}
    for name, job in jobs.items():
        try:
            found[name] = job()
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    results.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
