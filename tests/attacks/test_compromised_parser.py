"""A parser that its input has taken over, in a worker: what it can still reach, tier by tier.

Each act is tried in every tier, as root and as nobody. In the tiers that are said to
contain it, it must fail; in the others it must get through, which shows that it could.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from secureload.sandbox import landlock
from secureload.sandbox.limits import Limits
from secureload.sandbox.lockdown import Tier
from secureload.sandbox.wire import Channel
from secureload.sandbox.worker import WorkerLostError
from tests.secureload.sandbox.hostile import NOBODY, Hostile, Reached, attempt, outcome, start

USERS = [0, NOBODY] if os.getuid() == 0 else [0]
"""0 leaves the user as it is."""

TIERS = [Tier.RLIMITS, Tier.SECCOMP, Tier.LANDLOCK, Tier.FULL]
FILES = {Tier.LANDLOCK, Tier.FULL}
CALLS = {Tier.SECCOMP, Tier.FULL}
EITHER = FILES | CALLS

PARENT = os.getpid()
_ROOM = 64 << 20
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Folders that anyone may use: what the worker is given, and what lies beside it."""

    root: Path
    given: Path
    output: Path
    outside: Path


@pytest.fixture
def ground() -> Iterator[Ground]:
    root = Path(tempfile.mkdtemp(prefix="ground-"))
    made = Ground(root=root, given=root / "given", output=root / "output", outside=root / "outside")
    for folder in (root, made.given, made.output, made.outside):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)
    (made.given / "file").write_text("given")
    (made.outside / "secret").write_text("secret")
    for file in (made.given / "file", made.outside / "secret"):
        file.chmod(0o666)
    yield made
    shutil.rmtree(root)


def tried(
    act: Callable[[], object], ground: Ground, tier: Tier, user: int, memory: int = 1 << 30
) -> Reached:
    job = Hostile(
        act=attempt(act),
        readable=(ground.given,),
        writable=(ground.output,),
        memory_bytes=memory,
        highest=tier,
    )
    return outcome(job, user=user)


tier_by_tier = pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.value)
as_users = pytest.mark.parametrize("user", USERS, ids=lambda user: "nobody" if user else "self")


@tier_by_tier
@as_users
def test_the_worker_says_truly_which_tier_it_reached(ground: Ground, tier: Tier, user: int) -> None:
    worker = start(Hostile(act=attempt(lambda: None), highest=tier), user=user)
    with closing(worker):
        assert worker.tier is tier
        assert worker.receive(Reached, within=60).through


FILE_ACTS: dict[str, tuple[Callable[[Ground], object], set[Tier]]] = {
    "read-outside": (lambda g: (g.outside / "secret").read_text(), FILES),
    "list-outside": (lambda g: next(g.outside.iterdir()), FILES),
    "write-outside": (lambda g: (g.outside / "new").write_text("x"), FILES),
    "overwrite-input": (lambda g: (g.given / "file").write_text("x"), FILES),
    "append-outside": (lambda g: (g.outside / "secret").open("a").write("x"), FILES),
    "remove-outside": (lambda g: (g.outside / "secret").unlink(), FILES),
    "rename-out": (lambda g: (g.given / "file").rename(g.outside / "taken"), FILES),
    "make-folder-outside": (lambda g: (g.outside / "folder").mkdir(), FILES),
    "climb-out": (lambda g: (g.output / ".." / "outside" / "secret").read_text(), FILES),
    "read-passwords": (lambda _: Path("/etc/passwd").read_text(), FILES),
    "list-own-descriptors": (lambda _: next(Path("/proc/self/fd").iterdir()), FILES),
    "climb-through-proc": (lambda _: next(Path("/proc/self/root/etc").iterdir()), FILES),
    "read-own-memory-map": (lambda _: Path("/proc/self/maps").read_text(), FILES),
    "read-parents-command": (lambda _: Path(f"/proc/{PARENT}/cmdline").read_bytes(), FILES),
    "open-terminal": (lambda _: os.open("/dev/null", os.O_RDWR), FILES),
    "symlink-in-output": (lambda g: (g.output / "link").symlink_to("/etc/passwd"), EITHER),
    "link-in-output": (lambda g: os.link(g.given / "file", g.output / "hard"), EITHER),
    "make-fifo": (lambda g: os.mkfifo(g.output / "fifo"), EITHER),
    "change-mode": (lambda g: (g.output).chmod(0o777), CALLS),
    "change-times": (lambda g: os.utime(g.output), CALLS),
}  # fmt: skip


@tier_by_tier
@as_users
@pytest.mark.parametrize("name", FILE_ACTS)
def test_files_out_of_reach(ground: Ground, name: str, tier: Tier, user: int) -> None:
    act, contained = FILE_ACTS[name]
    if user:  # nobody needs to own what nobody is to change
        for path in (ground.given / "file", ground.output):
            os.chown(path, user, user)

    reached = tried(lambda: act(ground), ground, tier, user)

    assert reached.through is (tier not in contained), reached.saw


@tier_by_tier
@as_users
def test_what_is_given_can_be_read_and_written(ground: Ground, tier: Tier, user: int) -> None:
    def work() -> str:
        (ground.output / "folder").mkdir()
        (ground.output / "folder" / "made").write_text((ground.given / "file").read_text())
        (ground.output / "folder" / "made").rename(ground.output / "moved")
        with tempfile.TemporaryFile(dir=ground.output) as scratch:
            scratch.write(b"x")
            scratch.flush()
            mapped = mmap.mmap(scratch.fileno(), 1, access=mmap.ACCESS_READ)
        thread = threading.Thread(target=mapped.close)
        thread.start()
        thread.join()
        return (ground.output / "moved").read_text()

    reached = tried(work, ground, tier, user)

    assert reached == Reached(through=True, saw="'given'")


def _tcp(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 5):
        pass


def _udp(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", port))


def _unix(name: str | bytes) -> None:
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(name)


@tier_by_tier
@as_users
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix", "abstract"])
def test_nobody_to_talk_to(ground: Ground, kind: str, tier: Tier, user: int) -> None:
    contained = set(CALLS)
    known = landlock.version()
    if (kind == "tcp" and known >= 4) or (kind == "abstract" and known >= 6):
        contained.add(Tier.LANDLOCK)
    family = socket.AF_INET if kind in ("tcp", "udp") else socket.AF_UNIX
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as ear:
        address = {"unix": str(ground.root / "ear"), "abstract": b"\0secureload-test-ear"}
        ear.bind(address.get(kind, ("127.0.0.1", 0)))
        if kind != "udp":
            ear.listen()
        if kind == "unix":
            (ground.root / "ear").chmod(0o777)
        where = ear.getsockname()
        acts: dict[str, Callable[[], object]] = {
            "tcp": lambda: _tcp(where[1]),
            "udp": lambda: _udp(where[1]),
        }

        reached = tried(acts.get(kind, lambda: _unix(where)), ground, tier, user)

        ear.settimeout(0.05 if tier in contained else 5)
        heard = True
        try:
            ear.recv(10) if kind == "udp" else ear.accept()[0].close()
        except TimeoutError:
            heard = False
    assert reached.through is heard is (tier not in contained), reached.saw


@tier_by_tier
@as_users
def test_no_program_is_started(ground: Ground, tier: Tier, user: int) -> None:
    mark = ground.output / "ran"
    shell = ["/bin/sh", "-c", f"echo x > '{mark}'"]

    def act(channel: Channel) -> None:
        try:
            os.execv(shell[0], shell)
        except OSError as error:
            channel.send(Reached(through=False, saw=repr(error)))

    job = Hostile(act=act, writable=(ground.output,), readable=(ground.given,), highest=tier)
    worker = start(job, user=user)
    with closing(worker):
        if tier in EITHER:
            assert not worker.receive(Reached, within=60).through
        else:
            with pytest.raises(WorkerLostError):
                worker.receive(Reached, within=60)
    assert mark.exists() is (tier not in EITHER)


@tier_by_tier
@as_users
@pytest.mark.parametrize("how", ["fork", "spawn", "vfork"])
def test_no_process_is_made(ground: Ground, how: str, tier: Tier, user: int) -> None:
    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    def spawn() -> None:
        os.posix_spawn("/bin/true", ["true"], {})

    def vfork() -> int:
        code = os.waitstatus_to_exitcode(os.system("exit 3"))
        if code != 3:
            raise OSError(code, "the shell did not run")
        return code

    act: Callable[[], object] = {"fork": fork, "spawn": spawn, "vfork": vfork}[how]
    contained = CALLS if how == "fork" else EITHER

    assert tried(act, ground, tier, user).through is (tier not in contained)


@tier_by_tier
@as_users
def test_no_signal_leaves(ground: Ground, tier: Tier, user: int) -> None:
    contained = CALLS | ({Tier.LANDLOCK} if landlock.version() >= 6 else set())
    parent = os.getpid()
    got: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, _: got.append(number))
    try:
        reached = tried(lambda: os.kill(parent, signal.SIGURG), ground, tier, user)
    finally:
        signal.signal(signal.SIGURG, before)
    if user:  # another user may not signal this one, sandbox or none
        contained = set(TIERS)
    assert reached.through is (tier not in contained), reached.saw
    assert bool(got) is reached.through


KERNEL = {
    "ptrace": 101, "unshare": 272, "mount": 165, "bpf": 321, "userfaultfd": 323, "keyctl": 250,
    "add_key": 248, "io_uring_setup": 425, "memfd_create": 319, "process_vm_readv": 310,
    "perf_event_open": 298, "setns": 308, "pidfd_open": 434, "open_by_handle_at": 304,
    "init_module": 175, "kexec_load": 246, "prlimit64": 302, "personality": 135, "ioperm": 173,
    "fanotify_init": 300, "landlock_create_ruleset": 444, "seccomp": 317, "chroot": 161,
    "setxattr": 188, "socketpair": 53, "clone3": 435, "x32-getpid": 0x40000000 | 39,
}  # fmt: skip


@as_users
@pytest.mark.parametrize("name", KERNEL)
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are x86-64's")
def test_the_kernel_answers_no_other_call(ground: Ground, name: str, user: int) -> None:
    def act() -> int:
        done: int = _libc.syscall(KERNEL[name], 0, 0, 0, 0, 0, 0)
        if done < 0:
            raise OSError(ctypes.get_errno(), name)
        return done

    reached = tried(act, ground, Tier.FULL, user)

    assert not reached.through
    # EPERM, or ENOSYS for clone3: refused before the kernel looked at the arguments.
    assert reached.saw.startswith(("PermissionError(1,", "OSError(38,")), reached.saw


def _grow() -> None:
    held = []
    while True:
        held.append(bytearray(16 << 20))


def _grow_shared() -> None:
    held = []
    for _ in range(16):
        held.append(mmap.mmap(-1, 16 << 20))
        held[-1].write(b"x" * (16 << 20))


@tier_by_tier
@as_users
def test_memory_ends(ground: Ground, tier: Tier, user: int) -> None:
    reached = tried(_grow, ground, tier, user, memory=4 * _ROOM)

    assert not reached.through
    assert reached.saw == "MemoryError()"


@pytest.mark.parametrize("tier", [Tier.SECCOMP, Tier.FULL], ids=lambda tier: tier.value)
def test_memory_shared_with_nobody_does_not_hide(ground: Ground, tier: Tier) -> None:
    assert not tried(_grow_shared, ground, tier, 0, memory=_ROOM).through


@tier_by_tier
@as_users
def test_a_file_ends(ground: Ground, tier: Tier, user: int) -> None:
    reached = tried(lambda: (ground.output / "big").write_bytes(bytes(2 << 20)), ground, tier, user)

    assert not reached.through
    assert "File too large" in reached.saw


@tier_by_tier
@as_users
def test_limits_cannot_be_raised(ground: Ground, tier: Tier, user: int) -> None:
    def act() -> None:
        try:
            most = resource.RLIM_INFINITY
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        except ValueError as error:
            raise PermissionError(str(error)) from error

    assert not tried(act, ground, tier, user).through


@tier_by_tier
def test_no_descriptor_is_inherited(ground: Ground, tier: Tier) -> None:
    secret = os.open(ground.outside / "secret", os.O_RDONLY)
    os.set_inheritable(secret, True)

    def act() -> list[int]:
        found = []
        for descriptor in range(1024):
            try:
                os.fstat(descriptor)
            except OSError:
                continue
            found.append(descriptor)
        return found

    try:
        # Five: the standard ones, which lead nowhere, and the two of the channel.
        assert tried(act, ground, tier, 0).saw.count(",") == 4
    finally:
        os.close(secret)


def test_no_environment_is_inherited(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")

    assert tried(lambda: dict(os.environ), ground, Tier.FULL, 0).saw == "{}"


@as_users
def test_no_code_is_written_into_memory(ground: Ground, user: int) -> None:
    def executable() -> None:
        mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=7)

    assert not tried(executable, ground, Tier.FULL, user).through


def lost(act: Callable[[Channel], None], *, user: int = 0, **limits: float) -> str:
    """Run an act that never ends well, and return why its worker was lost."""
    job = Hostile(act=act, cpu_seconds=1)
    worker = start(job, user=user, limits=Limits(**limits))  # type: ignore[arg-type]
    try:
        with pytest.raises(WorkerLostError) as error:
            worker.receive(Reached, within=limits.get("silence_seconds", 30))
    finally:
        worker.close()
    return error.value.why


def _spin(_: Channel) -> None:
    while True:
        pass


def test_an_endless_loop_is_ended_for_its_silence() -> None:
    assert lost(_spin, silence_seconds=0.3) == "it gave no answer in time"


@as_users
def test_an_endless_loop_is_ended_for_its_time(user: int) -> None:
    assert "using up its time" in lost(_spin, user=user)


def test_a_thread_bomb_is_ended() -> None:
    def act(_: Channel) -> None:
        with suppress(RuntimeError):
            while True:
                threading.Thread(target=threading.Event().wait).start()
        threading.Event().wait()

    assert "threads" in lost(act, threads=8)


def test_a_crash_is_named() -> None:
    assert lost(lambda _: ctypes.string_at(0)) == "it was killed by SIGSEGV"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xff\xff\xff\xff", "it sent a message of 4294967295 bytes"),
        (b"\0\0\0\4\x80\4\x95.", "something else than was asked for"),
        (b"\0\0\0\2[]", "something else than was asked for"),
        (b'\0\0\0\x0f{"through": 1.5', "something else than was asked for"),
        (b'\0\0\0\x10{"through": "x"}', "something else than was asked for"),
        ((200_000).to_bytes(4, "big") + b"[" * 200_000, "something else than was asked for"),
        (b"\0\0", "it ended with code 0"),
    ],
    ids=["huge", "pickle", "list", "cut", "mistyped", "deep", "short"],
)
def test_a_false_answer_loses_the_worker(raw: bytes, why: str) -> None:
    def act(channel: Channel) -> None:
        view = memoryview(raw)
        while view:
            view = view[os.write(channel.outgoing, view) :]

    assert why in lost(act)
