"""Names of torch modules."""

from scanner.pickles.allowlist import Entry

ENTRIES: tuple[tuple[str, Entry], ...] = ()
