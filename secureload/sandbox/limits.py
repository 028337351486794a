"""Every ceiling of a confined worker, in one place, each with its unit and its reason."""

from __future__ import annotations

from scanner.frozen import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Ceilings that hold a worker. Reaching one fails the file, never the gate."""

    memory_bytes: int = 4 << 30
    """Heap of a worker; the largest JSON document read, 200 MB, takes about half of it."""

    silence_seconds: float = 300
    """Longest without a word; the dearest pickle takes about twenty seconds."""

    silence_seconds_per_gib: float = 120
    """And for each GiB of the file at hand: the slowest decompressor does 10 MB a second."""

    cpu_seconds: int = 4 * 3600
    """Processor time of one worker, all its files together."""

    message_bytes: int = 64 << 20
    """Longest message taken from a worker; a thousand findings are about one MB."""

    threads: int = 64
    """Most threads of a worker; a conversion uses five."""

    losses: int = 16
    """Workers lost over one snapshot before its other files are given up."""

    start_seconds: float = 120
    """Longest wait for a worker to stand, on a busy machine."""

    def silence(self, size: int) -> float:
        """How long a worker may be silent over a file of `size` bytes, in seconds."""
        return self.silence_seconds + self.silence_seconds_per_gib * size / (1 << 30)


LIMITS = Limits()
