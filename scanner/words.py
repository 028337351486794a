"""Numbers of things, as people write them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `0 files`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
