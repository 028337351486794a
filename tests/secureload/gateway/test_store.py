"""The store: nothing goes out unmeasured, and nothing is measured by everyone who asks."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from secureload.cache.layout import Layout
from secureload.digests import sha256_descriptor
from secureload.errors import CacheError, IntegrityError
from secureload.gateway import store
from secureload.gateway.store import FolderStore
from secureload.ledger.database import Database

CONTENT = b"weights " * 1_000
NAME = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path)
    made.create()
    made.blob(NAME).parent.mkdir(parents=True, exist_ok=True)
    made.blob(NAME).write_bytes(CONTENT)
    return made


def opened(layout: Layout) -> FolderStore:
    return FolderStore(layout, Database(layout.database, layout.locks / "ledger.lock"))


class Slow:
    """A measurement that waits until it may go on, and counts how often it was begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self.may = threading.Event()
        monkeypatch.setattr(store, "sha256_descriptor", self)

    def __call__(self, descriptor: int) -> str:
        self.begun += 1
        assert self.may.wait(60)
        return sha256_descriptor(descriptor)


async def read(folder: FolderStore, size: int = len(CONTENT)) -> bytes:
    content = await folder.open(NAME, size, check="always")
    try:
        return b"".join([chunk async for chunk in content.chunks(0, size)])
    finally:
        await content.close()


def test_many_who_ask_at_once_wait_for_one_measurement(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = Slow(monkeypatch)

    async def run() -> list[bytes]:
        folder = opened(layout)
        asking = [asyncio.create_task(read(folder)) for _ in range(200)]
        while not slow.begun:
            await asyncio.sleep(0.01)
        slow.may.set()
        found = await asyncio.gather(*asking)
        assert await read(folder) == CONTENT
        return found

    assert asyncio.run(run()) == [CONTENT] * 200
    assert slow.begun == 1


def test_whoever_asked_first_may_go_away(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)

    async def run() -> bytes:
        folder = opened(layout)
        first = asyncio.create_task(read(folder))
        while not slow.begun:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(read(folder))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        slow.may.set()
        return await second

    assert asyncio.run(run()) == CONTENT
    assert slow.begun == 1


def test_changed_bytes_go_to_nobody(layout: Layout) -> None:
    layout.blob(NAME).write_bytes(CONTENT[:-1] + b"!")

    async def run() -> list[bytes | BaseException]:
        folder = opened(layout)
        return await asyncio.gather(*(read(folder) for _ in range(5)), return_exceptions=True)

    found = asyncio.run(run())
    assert [type(one) for one in found] == [IntegrityError] * 5


def test_bytes_changed_after_they_were_measured_go_to_nobody(layout: Layout) -> None:
    async def run() -> None:
        folder = opened(layout)
        assert await read(folder) == CONTENT
        layout.blob(NAME).unlink()
        layout.blob(NAME).write_bytes(CONTENT[:-1] + b"!")
        with pytest.raises(IntegrityError, match="changed"):
            await read(folder)

    asyncio.run(run())


def test_a_file_put_in_its_place_while_it_is_measured_vouches_for_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(descriptor: int) -> str:
        layout.blob(NAME).rename(layout.blob(NAME).with_suffix(".away"))
        layout.blob(NAME).write_bytes(CONTENT[:-1] + b"!")
        return sha256_descriptor(descriptor)

    async def run() -> None:
        folder = opened(layout)
        monkeypatch.setattr(store, "sha256_descriptor", measured)
        assert await read(folder) == CONTENT  # the file that was measured
        monkeypatch.setattr(store, "sha256_descriptor", sha256_descriptor)
        with pytest.raises(IntegrityError, match="changed"):
            await read(folder)

    asyncio.run(run())


def test_what_is_missing_or_of_another_size_is_not_served(layout: Layout) -> None:
    async def run() -> None:
        folder = opened(layout)
        with pytest.raises(IntegrityError, match="changed"):
            await read(folder, size=len(CONTENT) - 1)
        layout.blob(NAME).unlink()
        with pytest.raises(IntegrityError, match="missing"):
            await read(folder)

    asyncio.run(run())


def test_what_is_not_there_is_told_from_what_cannot_be_opened_now(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = hashlib.sha256(b"absent").hexdigest()
    with pytest.raises(IntegrityError, match="missing"):
        asyncio.run(opened(layout).open(absent, 6, check="always"))
    for number in (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES):
        with monkeypatch.context() as patch:

            def fails(*_: object, number: int = number) -> int:
                raise OSError(number, os.strerror(number))

            patch.setattr(store.os, "open", fails)
            with pytest.raises(CacheError, match="cannot be opened"):
                opened(layout)._descriptor(NAME)
    assert asyncio.run(read(opened(layout))) == CONTENT
