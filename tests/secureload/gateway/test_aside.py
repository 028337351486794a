"""Calls beside the event loop: one for many who ask at once, and none that hangs the service."""

from __future__ import annotations

import asyncio
import threading

import pytest

from secureload.gateway.aside import Once, apart


def test_many_who_ask_at_once_cause_one_call() -> None:
    called: list[int] = []
    go_on = threading.Event()

    def look(value: int) -> int:
        called.append(value)
        go_on.wait(60)
        return value

    async def ask() -> list[int]:
        once = Once()
        asked = [asyncio.create_task(once.aside("key", look, 1)) for _ in range(20)]
        other = asyncio.create_task(once.aside("other", look, 2))
        await asyncio.sleep(0)
        asked.pop().cancel()  # whoever goes away ends nothing for the others
        go_on.set()
        found = [await one for one in (*asked, other)]
        return [*found, await once.aside("key", look, 3)]

    assert asyncio.run(ask()) == [*[1] * 19, 2, 3]
    assert sorted(called) == [1, 2, 3]


def test_what_goes_wrong_is_told_to_all_and_tried_anew() -> None:
    called: list[int] = []

    def fail() -> None:
        called.append(1)
        raise ValueError("no")

    async def ask() -> None:
        once = Once()
        asked = [once.aside("key", fail) for _ in range(5)]
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in told] == [ValueError] * 5
        with pytest.raises(ValueError, match="no"):
            await once.aside("key", fail)

    asyncio.run(ask())
    assert len(called) == 2


def test_what_hangs_is_left_alone() -> None:
    go_on = threading.Event()

    async def ask() -> None:
        try:
            async with asyncio.timeout(0.05):
                await apart(lambda: go_on.wait(60) and None)
        finally:
            go_on.set()

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
