"""A Hub model resolves to one commit and its files, or to one clear error."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import pytest

from secureload import sources
from secureload.errors import (
    AccessError,
    NotFoundError,
    OfflineError,
    SecureloadError,
    SourceError,
    UsageError,
)
from secureload.flow import FileClaim, Listing
from secureload.sources import Context, TransientError, parse, transport
from tests.servers.hub import LocalHub
from tests.servers.hub_git import Entry
from tests.servers.repos import PublishedRepo

WEIGHTS = b"weights" * 5_000
FILES = {"config.json": b"{}", "pytorch_model.bin": WEIGHTS, "1_Pooling/config.json": b'{"a":1}'}


@pytest.fixture(autouse=True)
def commit(repo: PublishedRepo) -> str:
    return repo.commit(FILES)


def resolve(ctx: Context, reference: str = "hub:org/model") -> Listing:
    return sources.resolve(parse(reference), ctx)


def read(listing: Listing, path: str, ctx: Context, offset: int = 0) -> tuple[bytes, int]:
    (claim,) = (claim for claim in listing.claims if claim.path == path)
    with sources.open_stream(listing, claim, ctx, offset) as (chunks, start):
        return b"".join(chunks), start


def test_a_model_is_pinned_and_listed(ctx: Context, commit: str) -> None:
    listing = resolve(ctx)
    assert listing.commit == commit
    assert {claim.path: claim.size for claim in listing.claims} == {
        path: len(data) for path, data in FILES.items()
    }
    claims = {claim.path: claim for claim in listing.claims}
    assert claims["pytorch_model.bin"].sha256 == hashlib.sha256(WEIGHTS).hexdigest()
    assert claims["config.json"].git_oid == hashlib.sha1(b"blob 2\0{}").hexdigest()


@pytest.mark.parametrize("page", [1, 2, 3])
def test_every_page_is_read(ctx: Context, hub: LocalHub, page: int) -> None:
    hub.page = page
    assert {claim.path for claim in resolve(ctx).claims} == set(FILES)


def test_branch_tag_and_commit_all_resolve(ctx: Context, repo: PublishedRepo, commit: str) -> None:
    repo.tag("v1", commit)
    repo.tag("v2", commit, message="annotated")
    later = repo.commit({"config.json": b"[]"}, branch="next/try")
    assert {resolve(ctx, f"org/model@{r}").commit for r in ("main", "v1", "v2", commit)} == {commit}
    assert resolve(ctx, "org/model@next/try").commit == later


def test_a_model_without_an_organisation_resolves(ctx: Context, hub: LocalHub) -> None:
    commit = PublishedRepo(hub.root, "gpt2").commit(FILES)
    assert resolve(ctx, "gpt2").commit == resolve(ctx, f"gpt2@{commit}").commit == commit
    assert read(resolve(ctx, "gpt2"), "config.json", ctx)[0] == b"{}"


def test_nothing_but_the_questions_is_asked(ctx: Context, hub: LocalHub, commit: str) -> None:
    resolve(ctx)
    assert [str(seen) for seen in hub.requests] == [
        "GET /api/models/org/model",
        f"GET /api/models/org/model/tree/{commit}",
    ]


@pytest.mark.parametrize("prefix", ["datasets/", "spaces/"])
def test_each_type_is_asked_for_in_a_place_of_its_own(
    ctx: Context, hub: LocalHub, repo: PublishedRepo, prefix: str
) -> None:
    other = PublishedRepo(hub.root, f"{prefix}{repo.name}").commit({"data.parquet": WEIGHTS})
    hub.requests.clear()
    listing = resolve(ctx, f"{prefix}{repo.name}")
    assert (listing.commit, str(listing.source)) == (other, f"{prefix}org/model")
    assert read(listing, "data.parquet", ctx) == (WEIGHTS, 0)
    assert [str(seen) for seen in hub.requests] == [
        f"GET /api/{prefix}org/model",
        f"GET /api/{prefix}org/model/tree/{other}",
        f"GET /{prefix}org/model/resolve/{other}/data.parquet",
    ]
    assert sources.git_remote(listing, ctx).url == f"{hub.url}/{prefix}org/model"
    assert resolve(ctx).commit != other


@pytest.mark.parametrize("cdn", [False, True])
@pytest.mark.parametrize("offset", [0, 1, 20_000])
def test_files_are_read_from_any_offset(
    ctx: Context, hub: LocalHub, cdn: bool, offset: int
) -> None:
    hub.cdn = cdn
    assert read(resolve(ctx), "pytorch_model.bin", ctx, offset) == (WEIGHTS[offset:], offset)


def test_a_server_without_ranges_starts_over(ctx: Context, hub: LocalHub) -> None:
    listing = resolve(ctx)
    hub.misbehave("no-range")
    assert read(listing, "pytorch_model.bin", ctx, 100) == (WEIGHTS, 0)


def test_reading_uses_the_commit_though_the_branch_moves(
    ctx: Context, hub: LocalHub, repo: PublishedRepo
) -> None:
    def move() -> None:
        repo.commit({"config.json": b"[1]", "new.json": b"{}"})

    hub.misbehave("call", "/api/models/org/model/tree/*", times=1, action=move)
    listing = resolve(ctx)
    assert {claim.path for claim in listing.claims} == set(FILES)
    assert read(listing, "config.json", ctx)[0] == b"{}"


# -- who may read ------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_and_to_no_other_host(ctx: Context, hub: LocalHub) -> None:
    hub.cdn = True
    hub.require("org/model", "hf_right")
    ctx = dataclasses.replace(ctx, token="hf_right")
    assert read(resolve(ctx), "pytorch_model.bin", ctx)[0] == WEIGHTS
    sent = {seen.path.split("/")[1]: "Authorization" in seen.headers for seen in hub.requests}
    assert sent == {"api": True, "org": True, "cdn": False}


@pytest.mark.parametrize(("token", "sent"), [(None, True), (True, True), (False, False)])
def test_the_token_is_the_one_huggingface_hub_finds(
    ctx: Context, hub: LocalHub, monkeypatch: pytest.MonkeyPatch, token: bool | None, sent: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_found")
    resolve(dataclasses.replace(ctx, token=token))
    values = {seen.headers.get("Authorization") for seen in hub.requests}
    assert values == ({"Bearer hf_found"} if sent else {None})


def test_a_private_model_looks_absent(ctx: Context, hub: LocalHub) -> None:
    hub.require("org/model", "hf_right")
    with pytest.raises(NotFoundError, match="does not exist, or is private"):
        resolve(ctx)


def test_a_gated_file_says_what_to_do(ctx: Context, hub: LocalHub) -> None:
    hub.require("org/model", "hf_right", gated=True)
    with pytest.raises(AccessError, match="gated") as caught:
        read(resolve(ctx), "config.json", ctx)
    assert "accept" in caught.value.hint


def test_the_git_remote_carries_the_token_and_hides_it(ctx: Context, hub: LocalHub) -> None:
    remote = sources.git_remote(resolve(ctx), dataclasses.replace(ctx, token="hf_secret"))
    assert remote is not None
    assert remote.url == f"{hub.url}/org/model"
    assert remote.headers == ("Authorization: Bearer hf_secret",)
    assert "hf_secret" not in repr(remote)


@pytest.mark.parametrize("token", ["hf_a\r\nX-Evil: 1", "hf_é", "a b"])
def test_a_token_that_would_break_a_header_is_refused(ctx: Context, token: str) -> None:
    with pytest.raises(AccessError) as caught:
        resolve(dataclasses.replace(ctx, token=token))
    assert token not in str(caught.value)


# -- what is missing, and what fails -----------------------------------------------------


@pytest.mark.parametrize("reference", ["org/absent", "absent", "org/model@absent"])
def test_what_is_not_there_is_not_found(ctx: Context, reference: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        resolve(ctx, reference)
    assert caught.value.hint


def test_offline_asks_nobody(ctx: Context, hub: LocalHub) -> None:
    listing = resolve(ctx)
    hub.requests.clear()
    offline = dataclasses.replace(ctx, offline=True)
    by_setting = dataclasses.replace(ctx, settings=dataclasses.replace(ctx.settings, offline=True))
    for context in (offline, by_setting):
        with pytest.raises(OfflineError):
            resolve(context)
        with pytest.raises(OfflineError):
            read(listing, "config.json", context)
    assert hub.count() == 0


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again_ever_later(
    ctx: Context, hub: LocalHub, slept: list[float], code: int
) -> None:
    hub.misbehave("status", "/api/*", code=code, times=3)
    assert resolve(ctx).commit
    assert slept == [1.0, 2.0, 4.0]


def test_retry_after_is_obeyed(ctx: Context, hub: LocalHub, slept: list[float]) -> None:
    hub.misbehave("status", "/api/*", code=429, times=1, headers={"Retry-After": "17"})
    assert resolve(ctx).commit
    assert slept == [17.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("Tue, 24 Nov 2026 01:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("9" * 400, None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert transport._seconds(header, "Tue, 24 Nov 2026 01:00:00 GMT") == seconds


def test_a_wait_too_long_is_an_error_that_says_so(
    ctx: Context, hub: LocalHub, slept: list[float]
) -> None:
    hub.misbehave("status", "/api/*", code=429, headers={"Retry-After": "3600"})
    with pytest.raises(TransientError, match="429") as caught:
        resolve(ctx)
    assert "3600 seconds" in caught.value.hint
    assert slept == []


def test_a_server_that_stays_busy_is_an_error(ctx: Context, hub: LocalHub) -> None:
    hub.misbehave("status", "/api/*", code=503)
    with pytest.raises(SourceError, match="503"):
        resolve(ctx)
    assert hub.count("/api/*") == transport.TRIES


@pytest.mark.parametrize("code", [401, 403])
def test_a_bare_refusal_is_an_access_error(ctx: Context, hub: LocalHub, code: int) -> None:
    hub.misbehave("status", "/api/*", code=code)
    with pytest.raises(AccessError):
        resolve(ctx)
    assert hub.count("/api/*") == 1


def test_no_server_at_all_is_an_error_with_a_hint(ctx: Context, slept: list[float]) -> None:
    nowhere = dataclasses.replace(ctx.settings, endpoint="http://127.0.0.1:9")
    with pytest.raises(SourceError, match="could not be reached") as caught:
        resolve(dataclasses.replace(ctx, settings=nowhere))
    assert "network" in caught.value.hint
    assert len(slept) == transport.TRIES - 1


@pytest.mark.parametrize("endpoint", ["ftp://h", "huggingface.co", "https://", "http://h x"])
def test_an_endpoint_that_is_no_address_is_refused(ctx: Context, endpoint: str) -> None:
    with pytest.raises(UsageError, match="HF_ENDPOINT"):
        resolve(
            dataclasses.replace(ctx, settings=dataclasses.replace(ctx.settings, endpoint=endpoint))
        )


def test_a_cut_connection_is_transient(ctx: Context, hub: LocalHub) -> None:
    listing = resolve(ctx)
    hub.misbehave("cut", "*/pytorch_model.bin", after=1_000)
    with pytest.raises(TransientError):
        read(listing, "pytorch_model.bin", ctx)


# -- a server that lies ------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../../x", "CONFIG.JSON", "a\nb", ".git/config", ""]
)
def test_a_hostile_name_in_the_tree_is_refused(ctx: Context, hub: LocalHub, path: str) -> None:
    entry = Entry(path=path, oid="0" * 40, size=1, forced=True)
    hub.misbehave("add", "/api/models/*/tree/*", entry=entry)
    with pytest.raises(SourceError, match="lists"):
        resolve(ctx)


_FILE: dict[str, object] = {"type": "file", "oid": "0" * 40, "size": 1, "path": "x"}
_NONSENSE: tuple[dict[str, object], ...] = (
    {"size": -1}, {"size": True}, {"size": "1"}, {"size": None}, {"path": 1},
    {"oid": "../../x"}, {"oid": None}, {"type": "symlink"}, {"type": None},
    {"lfs": {"oid": "0" * 40, "size": 1}}, {"lfs": {"oid": 3, "size": 1}}, {"lfs": []},
)  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"{", b"[" * 100_000, b"null", b'{"a": 1}', b"[1]", b"[{}]",
        *(json.dumps([{**_FILE, **change}]).encode() for change in _NONSENSE),
    ],
)  # fmt: skip
def test_a_tree_that_makes_no_sense_is_an_error(ctx: Context, hub: LocalHub, answer: bytes) -> None:
    hub.misbehave("body", "/api/models/*/tree/*", body=answer)
    with pytest.raises(SourceError):
        resolve(ctx)


@pytest.mark.parametrize("sha", ['""', "null", '"main"', '"../../x"', f'"{"A" * 40}"', "1"])
def test_a_commit_that_is_none_is_an_error(ctx: Context, hub: LocalHub, sha: str) -> None:
    hub.misbehave("body", "/api/models/org/model", body=f'{{"sha": {sha}}}'.encode())
    with pytest.raises(SourceError, match="names no commit"):
        resolve(ctx)


def test_another_commit_than_the_pinned_one_is_an_error(
    ctx: Context, hub: LocalHub, commit: str
) -> None:
    hub.misbehave("body", "/api/models/*/revision/*", body=b'{"sha": "%s"}' % (b"0" * 40))
    with pytest.raises(SourceError, match="another commit"):
        resolve(ctx, f"org/model@{commit}")


def test_the_next_page_may_not_be_at_another_host(ctx: Context, hub: LocalHub) -> None:
    hub.page = 1
    hub.misbehave("redirect", "/api/models/*/tree/*", to=f"{hub.other_url}/elsewhere", times=1)
    with pytest.raises(SecureloadError):
        resolve(dataclasses.replace(ctx, token="hf_secret"))
    there = [seen for seen in hub.requests if seen.host.startswith("localhost")]
    assert there
    assert not any("Authorization" in seen.headers for seen in there)


def test_an_endless_tree_ends(ctx: Context, hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.page = 1
    monkeypatch.setattr("secureload.sources.hub.PAGES", 2)
    with pytest.raises(SourceError, match="more than 2 pages"):
        resolve(ctx)


def test_an_endless_document_ends(
    ctx: Context, hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "DOCUMENT_BYTES", 10)
    with pytest.raises(SourceError, match="too large"):
        resolve(ctx)


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://h/x", "", "http://[::1"])
def test_a_redirect_to_no_web_address_is_refused(ctx: Context, hub: LocalHub, to: str) -> None:
    hub.misbehave("redirect", "/api/*", to=to)
    with pytest.raises(SourceError, match="redirects to no usable address"):
        resolve(ctx)


def test_a_circle_of_redirects_ends(ctx: Context, hub: LocalHub) -> None:
    hub.misbehave("redirect", "/api/*", to=f"{hub.url}/api/models/org/model")
    with pytest.raises(SourceError, match="redirects more than"):
        resolve(ctx)


def test_a_redirect_may_not_leave_https() -> None:
    request = transport.Request(url="https://h.example/x", subject="x")
    with pytest.raises(SourceError, match="from https to http"):
        transport._redirected(request, request.url, "http://h.example/x")


def test_a_body_that_came_compressed_is_refused(ctx: Context, hub: LocalHub) -> None:
    listing = resolve(ctx)
    hub.misbehave("headers", "*/config.json", headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="encoded as gzip"):
        read(listing, "config.json", ctx)


@pytest.mark.parametrize("part", ["bytes 5-9/10", "bytes */10", "nonsense"])
def test_another_part_than_asked_for_is_refused(ctx: Context, hub: LocalHub, part: str) -> None:
    listing = resolve(ctx)
    hub.misbehave("headers", "*/pytorch_model.bin", headers={"Content-Range": part})
    claim = next(c for c in listing.claims if c.path == "pytorch_model.bin")
    with (
        pytest.raises(SourceError, match="another part"),
        sources.open_stream(listing, claim, ctx, 3),
    ):
        pass


def test_what_the_server_says_is_printed_plainly(ctx: Context, hub: LocalHub) -> None:
    said = {"X-Error-Code": "GatedRepo", "X-Error-Message": "\x1b[31mred" + "x" * 900}
    hub.misbehave("status", "/api/*", code=403, headers=said)
    with pytest.raises(AccessError) as caught:
        resolve(ctx)
    assert "\x1b" not in str(caught.value)
    assert len(caught.value.message) < 500


def test_a_claim_of_a_size_is_only_a_claim(ctx: Context, hub: LocalHub) -> None:
    hub.misbehave("size", "/api/models/*/tree/*", path="config.json", size=9)
    claim = next(c for c in resolve(ctx).claims if c.path == "config.json")
    assert claim == FileClaim(path="config.json", size=9, git_oid=claim.git_oid)
