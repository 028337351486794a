"""The log: a line an event, no secret, nothing that a terminal or a reader of lines obeys."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from secureload.gateway import logs
from secureload.gateway.principals import Role
from tests.secureload.gateway.conftest import Guarded
from tests.servers.service import Service

TOKEN = "slt_abcdefghijklmnopqrstuvwxyz0123456789"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.fixture
def root() -> Iterator[None]:
    before, level = logging.root.handlers[:], logging.root.level
    told = logging.logThreads, logging.logProcesses, logging.logMultiprocessing
    yield
    logging.logThreads, logging.logProcesses, logging.logMultiprocessing = told
    logging.root.handlers[:] = before
    logging.root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    ("said", "secret"),
    [
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        (f"a token {TOKEN} in passing", TOKEN),
        ("hub said no to hf_AbCdEfGhIjKlMnOp", "AbCdEfGhIjKlMnOp"),
        ("fetching https://alice:hunter2@example.org/x", "hunter2"),
        ("postgresql://svc:p%40ss@db/ledger is down", "p%40ss"),
        ("GET /x?access_token=opensesame&b=1", "opensesame"),
        ("GET https://s3/x?X-Amz-Signature=abc123&X-Amz-Credential=who", "abc123"),
        ("GET /signin/callback?code=c0de&state=st4te", "c0de"),
        ("{'client_secret': 'hush'}", "hush"),
        ("password=hush", "hush"),
        ("Authorization: Basic YWxpY2U6aHVudGVyMg==", "YWxpY2U6aHVudGVyMg"),
        ("{b'authorization': b'Token qwertz'}", "qwertz"),
        ("Cookie: secureload_session=abc.def.ghi", "abc.def.ghi"),
        (f"id_token {JWT} rejected", JWT.split(".")[1]),
    ],
)
def test_a_secret_is_taken_out(said: str, secret: str) -> None:
    shown = logs.scrubbed(said)
    assert secret not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "said",
    [
        "org/model@main is refused by policy `default`",
        "GET /org/model/resolve/main/tokenizer.json 200",
        "/api/models/org/x/tree/main?recursive=true",
        "basically fine; a bearer of news",
        "sha256 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert logs.scrubbed(said).replace("bearer ***", "bearer of") == said


def test_what_does_not_print_is_replaced() -> None:
    hostile = "a\r\nFAKE line\x1b[2J\x00\u202eexe.\x7f"
    shown = logs.scrubbed(hostile)
    assert shown.isprintable()
    assert "FAKE line" in shown


@pytest.mark.parametrize("kind", ["json", "text"])
def test_every_record_is_one_line(root: None, kind: logs.Format) -> None:
    stream = io.StringIO()
    logs.start(kind, "info", stream)
    logger = logging.getLogger("somebody.else")
    try:
        raise ValueError(f"first\nsecond {TOKEN}")
    except ValueError:
        logger.exception("it\nfailed with %s", TOKEN)
    logger.debug("not shown")
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert TOKEN not in written
    assert "ValueError" in written
    if kind == "json":
        said = json.loads(written)
        assert (said["level"], said["logger"]) == ("error", "somebody.else")


class Written(io.StringIO):
    """Remembers each write that is a write of the system's."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[str]] = []

    def write(self, text: str) -> int:
        self.writes.append([line.rpartition(" ")[2] for line in text.splitlines()])
        return super().write(text)


def test_lines_of_one_turn_are_one_write(root: None) -> None:
    stream = Written()
    logs.start("text", "info", stream)
    logger = logging.getLogger("somebody")

    async def run() -> None:
        logger.info("a")
        logger.info("b")
        assert stream.writes == []
        await asyncio.sleep(0)
        assert stream.writes == [["a", "b"]]
        logger.info("c")
        logger.warning("d")  # what may be the last word does not wait
        assert stream.writes[1:] == [["c", "d"]]
        logger.info("e")
        await asyncio.to_thread(logger.info, "f")
        logger.info("g")

    asyncio.run(run())
    assert [line for lines in stream.writes for line in lines] == list("abcdefg")
    logger.info("h")  # no loop: at once
    assert stream.writes[-1] == ["h"]


def test_no_line_is_lost_with_its_loop(root: None) -> None:
    stream = Written()
    logs.start("text", "info", stream)
    logger = logging.getLogger("somebody")

    async def ends_at_once(word: str) -> None:
        asyncio.get_running_loop().stop()
        logger.info(word)

    for word in "ab":
        loop = asyncio.new_event_loop()
        ending = loop.create_task(ends_at_once(word))
        loop.run_forever()
        assert ending.done()
        loop.close()
    logging.root.handlers[0].close()
    logging.root.handlers[0].flush()
    assert [line for lines in stream.writes for line in lines] == ["a", "b"]


def test_the_time_of_a_line_is_its_record_s() -> None:
    record = logging.LogRecord("somebody", logging.INFO, "", 0, "said", (), None)
    for created, shown in (
        (1_700_000_000.0, "2023-11-14T22:13:20.000Z"),
        (1_700_000_000.9996, "2023-11-14T22:13:20.999Z"),
        (1_700_000_001.25, "2023-11-14T22:13:21.250Z"),
    ):
        record.created = created
        assert json.loads(logs.Lines("json").format(record))["time"] == shown
        assert logs.Lines("text").format(record) == f"{shown} info    somebody said"


def test_the_service_logs_each_request_and_no_token(guarded: Guarded) -> None:
    service, tokens = guarded
    token = tokens[Role.READER]
    answer = service.ask(
        "/api/secureload/v1/whoami?api_key=opensesame",
        token=token,
        headers={"X-Request-Id": "from-a-proxy", "User-Agent": "evil\x9b2J"},
    )
    assert answer.headers["x-request-id"] == "from-a-proxy"
    assert service.ask("/livez").headers["x-request-id"] != "from-a-proxy"
    lines = [json.loads(line) for line in service.log().splitlines() if "from-a-proxy" in line]
    assert len(lines) == 1
    (line,) = lines
    assert line["principal"] == "reader"
    assert (line["status"], line["method"], line["route"]) == (200, "GET", "api")
    assert line["path"] == "/api/secureload/v1/whoami"
    assert line["agent"].isprintable()
    assert token not in service.log()
    assert "opensesame" not in service.log()


def test_an_id_that_is_none_is_not_taken_over(guarded: Guarded) -> None:
    answer = guarded[0].ask("/livez", headers={"X-Request-Id": "a b{}" + "x" * 200})
    assert answer.headers["x-request-id"].isalnum()


@pytest.mark.parametrize(
    "piece", ["a", "a.", "eyJ-", "eyJa", "token", "token ", "://", "basic ", "cookie", "hf_-"]
)
def test_a_long_text_is_read_once_and_not_from_each_letter_on(piece: str) -> None:
    # From each letter on, it would take minutes.
    assert logs.scrubbed(piece * (500_000 // len(piece)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x-eyJhbGciOi.e30.sig end", "x-*** end"),
        ("a-b-eyJhbGciOi.e30", "a-b-***"),
        ("path/eyJhbGciOi.e30.s?x", "path/***?x"),
        ("eyJhbGciOi and eyJa.b", "eyJhbGciOi and ***"),
        ("my.api-token=abc&x=1", "my.api-token=***&x=1"),
        ("tokens and token: abc", "tokens and token: ***"),
        ("/my_token=abc;password='p'", "/my_token=***;password='***'"),
    ],
)
def test_a_secret_within_a_longer_word_is_found(text: str, shown: str) -> None:
    assert logs.scrubbed(text) == shown


def test_the_service_answers_on_after_the_longest_address(service: Service) -> None:
    for path in (f"/{'a' * 60_000}", f"/org/safe/resolve/main/{'eyJ-' * 15_000}"):
        assert service.ask(path).status == 404
    assert service.ask("/livez").status == 200
