"""Who owns some work is known from a lock file, and an owner that lives keeps it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secureload import ownership


def test_a_living_owner_is_not_succeeded(tmp_path: Path) -> None:
    lock, work = tmp_path / "a.lock", tmp_path / "a"
    work.mkdir()
    owner = ownership.own(lock)
    assert ownership.inherit(lock, work) is None
    os.close(owner)
    found = ownership.inherit(lock, work)
    assert found is not None
    assert ownership.inherit(lock, work) is None
    os.close(found)


def test_the_lock_ends_with_the_process_however_that_ends(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    program = (
        "import os, sys; from pathlib import Path; from secureload import ownership; "
        "ownership.own(Path(sys.argv[1])); print('owned', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"owned\n"
        assert ownership.inherit(lock, tmp_path / "a") is None
        process.kill()
        process.wait()
    found = ownership.inherit(lock, tmp_path / "a")
    assert found is not None
    os.close(found)


def test_what_has_finished_leaves_nothing_to_inherit(tmp_path: Path) -> None:
    lock, work = tmp_path / "a.lock", tmp_path / "a"
    assert ownership.inherit(lock, work) is None
    assert not lock.exists()
    work.mkdir()  # work that has lost its lock file is a dead owner's
    found = ownership.inherit(lock, work)
    assert found is not None
    os.close(found)


def test_a_lock_file_that_was_cleared_up_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "a.lock"
    flock = fcntl.flock
    cleared = []

    def late(descriptor: int, how: int) -> None:
        if not cleared:  # somebody comes between the opening and the lock
            cleared.append(lock.unlink())
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    owner = ownership.own(lock)
    assert os.path.samestat(os.fstat(owner), lock.stat())
    os.close(owner)


def test_a_lock_on_a_file_that_was_cleared_up_succeeds_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, work = tmp_path / "a.lock", tmp_path / "a"
    lock.touch()
    owners = []
    flock = fcntl.flock

    def late(descriptor: int, how: int) -> None:
        if not owners:  # another one clears up, and an owner of that name comes
            lock.unlink()
            owners.append(0)
            owners[0] = ownership.own(lock)
            work.mkdir()
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    assert ownership.inherit(lock, work) is None
    os.close(owners[0])


def test_where_nothing_can_be_locked_nobody_is_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    lock, work = tmp_path / "a.lock", tmp_path / "a"
    work.mkdir()
    lock.touch()
    monkeypatch.setattr(fcntl, "flock", refused)
    assert ownership.inherit(lock, work) is None
    with pytest.raises(OSError, match="not implemented"):
        ownership.own(lock)


def test_no_link_is_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "a.lock").symlink_to(elsewhere)
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError, match="symbolic links"):
        ownership.own(tmp_path / "a.lock")
    with pytest.raises(OSError, match="symbolic links"):
        ownership.inherit(tmp_path / "a.lock", tmp_path / "a")
    assert not elsewhere.exists()
