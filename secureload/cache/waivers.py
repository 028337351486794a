"""Waivers approved on one machine of an installation, brought to the others by the ledger."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from secureload.cache.layout import troubles
from secureload.ledger import reviews
from secureload.ledger.database import Database

_LOG = logging.getLogger("secureload.waivers")


def bring(ledger: Database, home: Path) -> bool:
    """Have the waivers here that were approved on other machines; true if one is new.

    Raises:
        CacheError: the ledger cannot be read, or the disk refused.
    """
    new = False
    with ledger.read() as session, troubles(home):
        for review_id, text in reviews.waivers(session):
            place = place_of(home, review_id)
            if place.exists():
                continue
            if not reviews.is_logged(session, review_id, text):
                _LOG.error("the waiver of review %s is not in the audit log", review_id)
                continue
            write(place, text)
            new = True
    return new


def place_of(home: Path, review_id: str) -> Path:
    """Where the waiver of an approved review lies."""
    return home / "waivers" / f"review-{review_id[:12]}.yaml"


def write(place: Path, text: str, check: Callable[[Path], None] = lambda _draft: None) -> None:
    """Write a file so that it is there whole or not at all; `check` may refuse it before."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=place.parent, suffix=".draft")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        check(Path(name))
        Path(name).rename(place)
    finally:
        Path(name).unlink(missing_ok=True)
