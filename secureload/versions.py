"""What a recorded admission depends on in the gate itself, told without importing it.

Raise a number here when the same input gives other output, so that old admissions are made
again. The scanner's part is its `ruleset`.
"""

from __future__ import annotations

from functools import cache

SELECTION = 1
"""How `selection` chooses files by their names."""

NAMING = 1
"""How converted tensors are named, tied and laid out."""

CONVERTERS = {
    "torch-zip": 1,
    "torch-legacy": 1,
    "torch-tar": 1,
    "foreign-safetensors": 1,
    "tensorflow-h5": 1,
    "flax-msgpack": 1,
    "safetensors": 1,
}
"""How each format is read, by the converter's name."""


@cache
def conversion() -> str:
    """Identify all converters together: equal versions give equal bytes for equal inputs."""
    import hashlib
    from pathlib import Path

    scrubber = Path(__file__).with_name("convert") / "configs.py"
    parts = [f"{name}/{version}" for name, version in CONVERTERS.items()]
    digest = hashlib.sha256(scrubber.read_bytes()).hexdigest()
    return ",".join([f"rules/{NAMING}", *parts, f"scrub/{digest[:12]}"])
