"""How a safetensors file begins, which other readers must be able to tell from their own."""

from __future__ import annotations


def safetensors_head(head: bytes) -> bool:
    """Whether nine bytes are a plausible header length and the brace of a JSON object."""
    return len(head) == 9 and head[8:] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40
