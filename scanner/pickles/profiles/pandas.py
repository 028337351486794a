"""Names of pandas."""

from scanner.pickles.allowlist import Entry

ENTRIES: tuple[tuple[str, Entry], ...] = ()
