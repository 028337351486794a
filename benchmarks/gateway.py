"""The service, side by side with nginx serving the same file from the same disk.

    python benchmarks/gateway.py [--size 1GB] [--repeat 5] [--clients 200] [--seconds 30]

Needs nginx (`apt-get install nginx-light`). Everything is on loopback, warm, and on the cores of
this machine, clients too; both write a line of log for each request. Throughput is one client
fetching the whole file; ratios are medians over rounds, each way measured once a round, in turn.
`HEAD` is 16 connections asking for a file's metadata, in rounds too; beside the rate, which clients
and other work on the machine share in, stands the processor time that the service took for one.

The last part has many clients at once for some time, each asking for metadata, then for a random
megabyte. It reports errors and the service's memory, read each second: a tenth of the time is
warm-up, and from there on the slope of a straight line through what was read says whether it grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.builders import models  # noqa: E402
from tests.servers.hub import LocalHub  # noqa: E402
from tests.servers.repos import PublishedRepo  # noqa: E402
from tests.servers.service import Service  # noqa: E402

UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 1 << 20, "GiB": 1 << 30}
PART = 1 << 20


def size_of(text: str) -> int:
    for unit, count in UNITS.items():
        if text.endswith(unit):
            return int(float(text.removesuffix(unit)) * count)
    return int(text)


def weights(size: int) -> bytes:
    """A safetensors file of one tensor with random bytes."""
    header = {"x": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = random.Random(0).randbytes(1 << 20)
    body = (block * (size // len(block) + 1))[:size]
    return len(text).to_bytes(8, "little") + text + body


@contextmanager
def nginx(folder: Path, file: Path) -> Iterator[str]:
    """nginx with its usual settings for static files, two processes, sendfile on."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        sys.exit("nginx is not installed: apt-get install nginx-light")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (folder / "root").mkdir(parents=True)
    (folder / "root" / "file").hardlink_to(file)
    (folder / "root").chmod(0o755)
    config = folder / "nginx.conf"
    config.write_text(
        f"worker_processes 2; pid {folder}/pid; error_log {folder}/error.log; daemon off;\n"
        "user root; events { worker_connections 2048; }\n"
        f"http {{ access_log {folder}/access.log; sendfile on; tcp_nopush on;\n"
        f"client_body_temp_path {folder}/b; proxy_temp_path {folder}/p;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/root;\n"
        "keepalive_requests 1000000; } }\n"
    )
    process = subprocess.Popen([program, "-c", str(config), "-p", str(folder)])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/file"
    finally:
        process.terminate()
        process.wait()


def fetch(url: str) -> float:
    """Bytes a second of one whole download, received and thrown away."""
    parts = urlsplit(url)
    buffer = bytearray(1 << 20)
    begun = time.perf_counter()
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as link:
        link.sendall(f"GET {parts.path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        total = 0
        while got := link.recv_into(buffer):
            if not total and not bytes(buffer[:12]).startswith(b"HTTP/1.1 200"):
                sys.exit(f"{url} answered {bytes(buffer[:200])!r}")
            total += got
    return total / (time.perf_counter() - begun)


class Tally:
    """What one kind of request came to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.errors = 0

    def percentile(self, share: float) -> float:
        ordered = sorted(self.seconds) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> bool:
    """One request on a connection that stays; true if it was answered well and in full."""
    writer.write(text.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    good = head[9:12] in (b"200", b"206")
    if text.startswith("GET"):
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        await reader.readexactly(length)
    return good


async def crowd(url: str, clients: int, seconds: float, *, size: int) -> dict[str, Tally]:
    """Clients that ask for metadata and, where `size` is given, for a random part of a file."""
    parts = urlsplit(url)
    tallies = {"HEAD": Tally(), "GET": Tally()}
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        dice = random.Random(number)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
        try:
            while time.monotonic() < end:
                begin = dice.randrange(max(1, size - PART)) if size else 0
                asked = {"HEAD": f"HEAD {parts.path} HTTP/1.1\r\nHost: x\r\n\r\n"}
                if size:
                    part = f"Range: bytes={begin}-{begin + PART - 1}"
                    asked["GET"] = f"GET {parts.path} HTTP/1.1\r\nHost: x\r\n{part}\r\n\r\n"
                for kind, text in asked.items():
                    begun = time.perf_counter()
                    if not await ask(reader, writer, text):
                        tallies[kind].errors += 1
                    tallies[kind].seconds.append(time.perf_counter() - begun)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            tallies["HEAD"].errors += 1
        finally:
            writer.close()

    await asyncio.gather(*(client(number) for number in range(clients)))
    return tallies


def in_process(url: str, clients: int, seconds: float, size: int) -> dict[str, dict[str, float]]:
    """Run a crowd in a process of its own, and give its figures."""
    command = [sys.executable, __file__, "--crowd", url, str(clients), str(seconds), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, dict[str, float]] = json.loads(done.stdout)
    return figures


def memory(pid: int) -> float:
    """Resident MiB of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def processor(pid: int) -> float:
    """Seconds of processor time that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


SPANS = 10
"""Parts of the last measurement, each with connections of its own. The first is warm-up."""

AFTER = 15.0
"""Seconds after the crowd has gone: threads that nobody needs have ended by then."""


class Memory:
    """A process's resident memory in MiB, read each second while the block runs."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.read: list[tuple[float, float]] = []

    def _read(self) -> None:
        begun = time.monotonic()
        while True:
            self.read.append((time.monotonic() - begun, memory(self._pid)))
            if self._end.wait(1.0):
                return

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def since(self, share: float) -> list[tuple[float, float]]:
        """What was read after this share of the time."""
        return [one for one in self.read if one[0] >= share * self.read[-1][0]]

    def slope(self, share: float) -> float:
        """MiB a minute after this share of the time."""
        seconds, sizes = zip(*self.since(share), strict=True)
        return 60 * statistics.linear_regression(seconds, sizes).slope


def crowded(url: str, pid: int, options: argparse.Namespace) -> dict[str, object]:
    """The crowd at the service in spans: the figures of all of it, and the service's memory."""
    before = memory(pid)
    with Memory(pid) as sizes:
        spans = [
            in_process(url, options.clients, options.seconds / SPANS, options.size)
            for _ in range(SPANS)
        ]
    time.sleep(AFTER)
    figures: dict[str, dict[str, float]] = {}
    for kind in spans[0]:
        of_kind = [span[kind] for span in spans]
        requests = sum(one["requests"] for one in of_kind)
        figures[kind] = {
            "requests": requests,
            "errors": sum(one["errors"] for one in of_kind),
            "per second": requests / options.seconds,
            "p50 ms": statistics.median(one["p50 ms"] for one in of_kind),
            "p99 ms": max(one["p99 ms"] for one in of_kind),
        }
    found = {
        "before": before,
        "warm": sizes.since(1 / SPANS)[0][1],
        "middle": sizes.since(0.5)[0][1],
        "end": sizes.read[-1][1],
        "after": memory(pid),
        "most": max(size for _, size in sizes.read),
        "a minute after warm-up": sizes.slope(1 / SPANS),
        "a minute in the second half": sizes.slope(0.5),
    }
    return {"kinds": figures, "memory": found}


def main() -> None:
    if sys.argv[1:2] == ["--crowd"]:
        url, clients, seconds, size = sys.argv[2:]
        found = asyncio.run(crowd(url, int(clients), float(seconds), size=int(size)))
        shown = {
            kind: {
                "requests": len(tally.seconds),
                "errors": tally.errors,
                "per second": len(tally.seconds) / float(seconds),
                "p50 ms": 1_000 * tally.percentile(0.50),
                "p99 ms": 1_000 * tally.percentile(0.99),
            }
            for kind, tally in found.items()
            if tally.seconds or tally.errors
        }
        print(json.dumps(shown))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--size", type=size_of, default=size_of("1GB"))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    with (
        tempfile.TemporaryDirectory(prefix="gateway-") as name,
        LocalHub(root=Path(name) / "hub") as hub,
    ):
        root = Path(name)
        root.chmod(0o755)
        files = models.safe() | {"model.safetensors": weights(options.size)}
        PublishedRepo(hub.root, "org/model").commit(files)
        with Service(home=root / "home", upstream=hub.url, options=("--wait", "600")) as service:
            service.ask("/api/models/org/model")
            ours = f"{service.url}/org/model/resolve/main/model.safetensors"
            blob = max((root / "home/blobs").rglob("*"), key=lambda path: path.stat().st_size)
            assert service.process is not None
            pid = service.process.pid
            with nginx(root / "nginx", blob) as theirs:
                figures = measure(ours, theirs, pid, options)
                some = min(10.0, options.seconds)
                found = crowded(ours, pid, options)
                figures["crowd"] = {
                    "secureload": found["kinds"],
                    "nginx": in_process(theirs, options.clients, some, options.size),
                }
                figures["memory MiB"] = found["memory"]
    show(figures, options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def measure(ours: str, theirs: str, pid: int, options: argparse.Namespace) -> dict[str, object]:
    ratios, speeds = [], {"secureload": [], "nginx": []}  # type: ignore[var-annotated]
    for way in (ours, theirs):
        fetch(way)  # warm
    for _ in range(options.repeat):
        speeds["secureload"].append(fetch(ours))
        speeds["nginx"].append(fetch(theirs))
        ratios.append(speeds["secureload"][-1] / speeds["nginx"][-1])
    seconds = min(4.0, options.seconds)
    heads: dict[str, list[dict[str, float]]] = {"secureload": [], "nginx": []}
    for _ in range(options.repeat):
        begun = processor(pid)
        heads["secureload"].append(in_process(ours, 16, seconds, 0)["HEAD"])
        heads["secureload"][-1]["µs"] = 1e6 * (processor(pid) - begun)
        heads["secureload"][-1]["µs"] /= heads["secureload"][-1]["requests"]
        heads["nginx"].append(in_process(theirs, 16, seconds, 0)["HEAD"])
    return {
        "throughput": {name: statistics.median(found) for name, found in speeds.items()},
        "throughput ratio": statistics.median(ratios),
        "head": {
            name: {key: statistics.median(one[key] for one in found) for key in found[0]}
            for name, found in heads.items()
        },
        "head ratio": statistics.median(
            ours["per second"] / theirs["per second"]
            for ours, theirs in zip(heads["secureload"], heads["nginx"], strict=True)
        ),
    }


def show(figures: dict[str, object], options: argparse.Namespace) -> None:
    speeds, heads, crowded = figures["throughput"], figures["head"], figures["crowd"]
    print(f"one client, {options.size:,} bytes, warm")
    for name in ("secureload", "nginx"):
        print(f"  {name:<12}{speeds[name] / 1e9:8.2f} GB/s")  # type: ignore[index]
    print(f"  {'ratio':<12}{figures['throughput ratio']:8.2f}")
    print("HEAD, 16 connections")
    for name in ("secureload", "nginx"):
        head = heads[name]  # type: ignore[index]
        taken = f"   {head['µs']:.0f} µs of processor time each" if "µs" in head else ""
        print(f"  {name:<12}{head['per second']:8.0f} /s   p99 {head['p99 ms']:.1f} ms{taken}")
    print(f"  {'ratio':<12}{figures['head ratio']:8.2f}")
    print(f"{options.clients} clients for {options.seconds:.0f} s")
    for name, kinds in crowded.items():  # type: ignore[attr-defined]
        for kind, found in kinds.items():
            print(
                f"  {name:<12}{kind:<5}{found['per second']:8.0f} /s   "
                f"p99 {found['p99 ms']:.0f} ms   {found['errors']} errors"
            )
    print("memory of the service in MiB")
    for when, size in figures["memory MiB"].items():  # type: ignore[attr-defined]
        print(f"  {when:<28}{size:8.2f}")


if __name__ == "__main__":
    main()
