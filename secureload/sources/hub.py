"""The Hugging Face Hub, or anything that speaks its protocol at `$HF_ENDPOINT`.

One request pins the commit, a few list the tree at that commit, and files come from
`/{repo}/resolve/{commit}/{path}`, where `{repo}` of a dataset is `datasets/org/name`. Nothing
the server says names a file on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urljoin

from secureload.errors import AccessError, OfflineError, SourceError, UsageError
from secureload.flow import FileClaim, GitRemote, Listing, Source
from secureload.sources import base, signals, transport
from secureload.sources.base import Context, SourceType
from secureload.sources.transport import Request

PAGES = 1_000
"""Most pages of one tree; the Hub sends 1,000 entries a page."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def resolve(source: Source, ctx: Context) -> Listing:
    """Pin the commit of a repository of the Hub and list its tree there.

    Raises:
        OfflineError, NotFoundError, AccessError, SourceError: see `sources.resolve`.
    """
    if ctx.no_network:
        raise OfflineError(
            f"{source} is not in the trusted cache, and the network is forbidden",
            hint="admit it once while online, or unset HF_HUB_OFFLINE and local_files_only",
        )
    about = f"{_endpoint(ctx)}/api/{source.repo_type}s/{source.name}"
    asked = source.revision
    pin = f"{about}/revision/{quote(asked, safe='')}" if asked else about
    if ctx.signals:
        pin += "?securityStatus=true"
    info, _ = transport.fetch_json(_request(pin, str(source), ctx), ctx)
    commit = info.get("sha") if isinstance(info, dict) else None
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise SourceError(
            f"{source}: the server names no commit",
            hint="an empty repository has none; is HF_ENDPOINT the address of a Hub?",
        )
    if asked and _COMMIT.fullmatch(asked) and asked != commit:
        raise SourceError(f"{source}: the server answers with another commit, {commit}")
    listed = base.listing(source, commit, _tree(f"{about}/tree/{commit}", source, ctx))
    upstream = signals.read(info, datetime.now(UTC))
    # Not asked is another thing than asked and not told.
    return replace(listed, upstream=upstream if ctx.signals else replace(upstream, signal=None))


def remote(listing: Listing, ctx: Context) -> GitRemote:
    """The repository as git fetches it, with the token if there is one."""
    headers = tuple(f"{name}: {value}" for name, value in _secret(ctx).items())
    return GitRemote(url=f"{_endpoint(ctx)}/{listing.source.location}", headers=headers)


@contextmanager
def open_stream(
    listing: Listing, claim: FileClaim, ctx: Context, offset: int = 0
) -> Iterator[tuple[Iterator[bytes], int]]:
    """Open a file at the listing's commit, from `offset` on where the server can.

    Raises:
        TransientError: asking again may help.
        OfflineError, NotFoundError, AccessError, SourceError: see `sources.resolve`.
    """
    if ctx.no_network:
        raise OfflineError(f"{claim.path} of {listing.source} needs the network")
    url = f"{_endpoint(ctx)}/{listing.source.location}/resolve/{listing.commit}/{quote(claim.path)}"
    wanted = {"Range": f"bytes={offset}-"} if offset else {}
    request = _request(url, f"{claim.path} of {listing.source}", ctx, wanted)
    with transport.send(request) as response:
        yield transport.chunks(request, response), transport.start(request, response, offset)


def _tree(url: str, source: Source, ctx: Context) -> Iterator[FileClaim]:
    page: str | None = f"{url}?recursive=true&expand=false"
    for _ in range(PAGES):
        if page is None:
            return
        entries, headers = transport.fetch_json(_request(page, f"the files of {source}", ctx), ctx)
        if not isinstance(entries, list):
            raise SourceError(f"{source}: the server's list of files is no list")
        for entry in entries:
            if claim := _claim(entry, source):
                yield claim
        page = _next(page, headers.get("Link", ""), source)
    raise SourceError(f"{source}: the list of files has more than {PAGES:,} pages")


def _claim(entry: Any, source: Source) -> FileClaim | None:
    """One entry of a tree; None for a folder."""
    try:
        if entry["type"] == "directory":
            return None
        lfs = entry.get("lfs")
        claim = FileClaim(
            path=_text(entry["path"]),
            size=_count(entry["size"] if lfs is None else lfs["size"]),
            git_oid=_digest(entry["oid"], _COMMIT),
            sha256=None if lfs is None else _digest(lfs["oid"].removeprefix("sha256:"), _SHA256),
        )
        known = entry["type"] == "file"
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise SourceError(
            f"{source}: the server's list of files holds an entry that makes no sense"
        ) from error
    if not known:
        raise SourceError(f"{source}: {claim.path!r} is neither a file nor a folder")
    return claim


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _digest(value: object, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError(value)
    return value


_LINK = re.compile(r"<([^<>]*)>([^<]*)")


def _next(page: str, header: str, source: Source) -> str | None:
    """The next page's address; it may not lead the token to another host."""
    for target, parameters in _LINK.findall(header):
        if 'rel="next"' in parameters or "rel=next" in parameters:
            url: str = urljoin(page, target)
            if transport.origin(url) != transport.origin(page):
                raise SourceError(f"{source}: the list of files goes on at another host")
            return url
    return None


def _request(
    url: str, subject: str, ctx: Context, headers: Mapping[str, str] | None = None
) -> Request:
    return Request(
        url=url,
        subject=subject,
        headers=headers or {},
        secret=_secret(ctx),
        advice=f"accept its terms at {_endpoint(ctx)} if it is gated, then log in with "
        "`hf auth login` or pass token=",
    )


def _endpoint(ctx: Context) -> str:
    endpoint = ctx.settings.endpoint.rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?", endpoint):
        raise UsageError(
            f"HF_ENDPOINT is {endpoint!r}, which is no address of a Hub",
            hint="unset it, or give something like https://huggingface.co",
        )
    return endpoint


def _secret(ctx: Context) -> dict[str, str]:
    """The token's header, as huggingface_hub would choose it; empty without a token."""
    if ctx.token is False:
        return {}
    token: str | None
    if isinstance(ctx.token, str):
        token = ctx.token
    else:
        from huggingface_hub import constants, get_token

        implicit = not constants.HF_HUB_DISABLE_IMPLICIT_TOKEN
        token = get_token() if ctx.token or implicit else None
        if ctx.token and not token:
            raise AccessError(
                "token=True asks for a login, and there is none",
                hint="log in with `hf auth login`, or set HF_TOKEN",
            )
    if not token:
        return {}
    if not token.isascii() or not token.isprintable() or " " in token:
        raise AccessError("the token holds characters that no token has", hint="check HF_TOKEN")
    return {"Authorization": f"Bearer {token}"}


SOURCE = SourceType(kind="hub", resolve=resolve, remote=remote, open_stream=open_stream)
