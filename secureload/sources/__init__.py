"""Where models come from: the Hub, a local folder, a git repository.

`parse` reads a reference, `resolve` pins one commit and lists its files, `open_stream`
gives their bytes. Nothing here is verified: a `Listing` holds claims. A new kind of source
is one module named after it that declares `SOURCE`.
"""

from __future__ import annotations

from importlib import import_module

from secureload.flow import FileClaim, GitRemote, Listing, Source
from secureload.sources.base import Context, Opened, SourceType, TransientError
from secureload.sources.reference import check, parse

__all__ = ["Context", "TransientError", "git_remote", "open_stream", "parse", "resolve"]


def resolve(source: Source, ctx: Context) -> Listing:
    """Pin `source` to one commit and list the files it is said to hold there.

    Raises:
        UsageError: the source is not well formed.
        OfflineError: the answer needs the network, and the context forbids it.
        NotFoundError: the repository, revision or folder does not exist, or is hidden.
        AccessError: the repository is gated or private, or a folder unreadable.
        SourceError: the source could not be reached, or answered with nonsense.
    """
    check(source)
    return _type_of(source).resolve(source, ctx)


def git_remote(listing: Listing, ctx: Context) -> GitRemote | None:
    """Say where the raw git objects of a listing are; None for a local folder."""
    check(listing.source)
    return _type_of(listing.source).remote(listing, ctx)


def open_stream(listing: Listing, claim: FileClaim, ctx: Context, offset: int = 0) -> Opened:
    """Open one file of a listing: a context manager that gives chunks and their start.

    The start is `offset`, or 0 where the source cannot begin in the middle.

    Raises:
        TransientError: asking again may help, while opening or between chunks.
        SourceError: as for `resolve`.
    """
    check(listing.source)
    return _type_of(listing.source).open_stream(listing, claim, ctx, offset)


def _type_of(source: Source) -> SourceType:
    declared: SourceType = import_module(f"{__name__}.{source.kind}").SOURCE
    return declared
