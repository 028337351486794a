"""Names of torch training."""

from scanner.pickles.allowlist import Entry

ENTRIES: tuple[tuple[str, Entry], ...] = ()
