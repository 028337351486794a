"""Scanning through workers: as in this process, and one result a file whatever happens."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import scanner
from scanner import FileResult, FileVerdict, Status
from scanner.engine import Options, examine, failed, prepare
from scanner.walk import Found
from secureload.sandbox import Sandbox, Tier, forked
from secureload.sandbox.jobs import Scanning
from secureload.sandbox.limits import Limits
from secureload.sandbox.wire import Channel
from secureload.sandbox.worker import Worker, fork
from tests.secureload.cli.shell import EVIL, FIXTURES
from tests.secureload.sandbox.hostile import Hostile


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_report_is_the_same_as_without(jobs: int) -> None:
    root = FIXTURES / "distilbert-token"
    with forked(jobs=jobs) as confined:
        report = scanner.scan([root], examine=confined.examine)
    assert report == scanner.scan([root])
    assert confined.tier is not Tier.NONE


def test_links_given_are_followed_and_those_met_are_not(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "real.pkl").write_bytes(EVIL)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link.pkl").symlink_to(tmp_path / "elsewhere" / "real.pkl")
    with forked() as confined:
        given = scanner.scan([tmp_path / "here" / "link.pkl"], examine=confined.examine)
        met = scanner.scan([tmp_path / "here"], examine=confined.examine)
    assert [file.verdict for file in given] == [FileVerdict.MALICIOUS]
    assert [file.status for file in met] == [Status.UNRECOGNISED]


def test_relative_paths_and_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(os.fsdecode(b"odd\xff.txt")).write_text("text\n")
    with forked() as confined:
        assert scanner.scan(["."], examine=confined.examine) == scanner.scan(["."])


def test_large_members_are_unpacked_into_the_scratch_folder_alone(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("text.txt", b"line\n" * (2 << 20))
    with forked() as confined:
        report = scanner.scan([tmp_path], examine=confined.examine)
    assert report == scanner.scan([tmp_path])
    assert report.files[0].status is Status.EXAMINED


@dataclass(frozen=True, kw_only=True)
class _Misled(Hostile):
    """A scanning worker that goes astray over files whose name says so."""

    astray: Callable[[Channel, Found], None] = lambda channel, found: None

    def work(self, channel: Channel) -> None:
        while True:
            found = channel.receive(Found)
            if "evil" in found.shown:
                self.astray(channel, found)
            channel.send(examine(found, Options()))


@pytest.fixture(scope="module", autouse=True)
def prepared() -> None:
    """What workers inherit, they need not import under a deadline."""
    prepare()


def scan_misled(
    folder: Path, astray: Callable[[Channel, Found], None], limits: Limits, jobs: int = 1
) -> dict[str, FileResult]:
    """Scan `folder` with workers that go astray over some of its files."""

    def spawn(job: object) -> Worker:
        assert isinstance(job, Scanning)
        confines = job.confines
        misled = _Misled(
            act=lambda _: None, astray=astray, readable=confines.readable, memory_bytes=512 << 20
        )
        return fork(misled, limits=limits)

    scratch = folder.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    confined = Sandbox(spawn, scratch, jobs=jobs, limits=limits)
    report = scanner.scan([folder], examine=confined.examine)
    return {file.path: file for file in report}


def _die(*_: object) -> None:
    ctypes.string_at(0)


def _leave(*_: object) -> None:
    os._exit(0)


def _hang(*_: object) -> None:
    time.sleep(60)


def _eat(*_: object) -> None:
    held = []
    while True:
        held.append(bytearray(16 << 20))


def _garble(channel: Channel, _: Found) -> None:
    os.write(channel.outgoing, b"\0\0\0\5nonsense")


def _flood(channel: Channel, _: Found) -> None:
    os.write(channel.outgoing, b"\x7f\xff\xff\xff")


def _clean(found: Found, **changes: object) -> FileResult:
    made = FileResult(
        path=found.shown,
        format="safetensors",
        size=4,
        sha256=None,
        status=Status.EXAMINED,
        findings=(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def _name_another(channel: Channel, found: Found) -> None:
    channel.send(_clean(found, path="c.txt"))


def _lie_about_size(channel: Channel, found: Found) -> None:
    channel.send(_clean(found, size=5))


def _invent_a_digest(channel: Channel, found: Found) -> None:
    channel.send(_clean(found, sha256="../../etc/passwd"))


def _deny(*_: object) -> None:
    # The worker is a process of its own, which may read nothing more from here on.
    globals()["examine"] = lambda found, _: failed(found, "Permission denied")


def _answer_twice(channel: Channel, found: Found) -> None:
    channel.send(_clean(found))
    channel.send(_clean(found, path="c.txt"))


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("astray", "why"),
    [
        (_die, "SIGSEGV"),
        (_leave, "ended with code 0"),
        (_hang, "no answer in time"),
        (_eat, "more memory than it may have"),
        (_garble, "something else than was asked for"),
        (_flood, "bytes; at most"),
        (_name_another, "another file"),
        (_lie_about_size, "another size"),
        (_invent_a_digest, "a digest that is none"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_lost_worker_is_one_failed_file(
    tmp_path: Path, astray: Callable[[Channel, Found], None], why: str, jobs: int
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a.txt", "b-evil.txt", "c.txt", "d.txt"):
        (folder / name).write_text("text")

    # Two seconds are far more than an honest answer takes, on a busy machine too.
    limits = Limits(silence_seconds=2 if astray is _hang else 60)
    found = scan_misled(folder, astray, limits, jobs)

    failed = {name for name, file in found.items() if file.status is Status.FAILED}
    assert failed == {"b-evil.txt"}
    assert found["b-evil.txt"].verdict is FileVerdict.ERROR
    assert why in found["b-evil.txt"].findings[0].message
    assert all(found[name] == scanner.scan_file(folder / name) for name in ("a.txt", "c.txt"))


def test_a_file_that_may_not_be_read_says_so_and_keeps_its_size(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a.txt", "b-evil.txt", "c.txt"):
        (folder / name).write_text("text")

    found = scan_misled(folder, _deny, Limits())

    for name in ("b-evil.txt", "c.txt"):
        assert (found[name].status, found[name].size) == (Status.FAILED, 4)
        assert found[name].findings[0].message == "the file cannot be read: Permission denied"
    assert found["a.txt"].status is Status.EXAMINED


def test_an_answer_too_many_is_no_answer_for_the_next_file(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a-evil.txt").write_text("text")
    (folder / "b.pkl").write_bytes(EVIL)

    found = scan_misled(folder, _answer_twice, Limits())

    assert found["b.pkl"].verdict is not FileVerdict.CLEAN


def test_a_folder_of_killers_comes_to_an_end(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(8):
        (folder / f"evil{number}").write_text("text")

    found = scan_misled(folder, _die, Limits(losses=3))

    assert {file.status for file in found.values()} == {Status.FAILED}
    assert sum("too many" in file.findings[0].message for file in found.values()) == 5


def test_where_nothing_can_be_forked_the_tier_is_none(tmp_path: Path) -> None:
    confined = Sandbox(None, tmp_path)
    report = scanner.scan([FIXTURES / "distilbert-token" / "pt-zip"], examine=confined.examine)
    assert report.files
    assert confined.tier is Tier.NONE
