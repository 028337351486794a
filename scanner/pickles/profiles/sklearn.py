"""Names of sklearn."""

from scanner.pickles.allowlist import Entry

ENTRIES: tuple[tuple[str, Entry], ...] = ()
