"""`secureload --server URL scan|admit|verify`: the same verbs, with a service doing the work.

Exit codes are those of the verbs themselves, so that a CI job may use either.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import click

from secureload.cli.console import (
    exit_code,
    fail_with,
    printable,
    save,
    say,
    show_json,
    show_verdict,
    verdict_json,
    write,
)
from secureload.cli.options import format_option, quiet_option
from secureload.errors import AccessError, NotFoundError, Refused, SourceError, UsageError
from secureload.progress import progress

if TYPE_CHECKING:
    from secureload.flow import Verdict

_API = "/api/secureload/v1"

_POLL = 20.0
"""Seconds that the service holds one request while a job runs."""

_TIMEOUT = 660.0
"""Seconds to wait for one answer: a scan may take ten minutes."""

_EXIT = {"allow": 0, "deny": 1, "error": 2}


_Sent = tuple[str, tuple[str, IO[bytes], str]]
"""A field of an upload: its name, then the file's name, the open file and its type."""


@click.command("scan")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True))
@format_option("text", "json", "sarif", "junit", "markdown")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report to FILE, whole or not at all.",
)
@quiet_option
@click.pass_obj
def scan(
    server: str, paths: tuple[str, ...], format_: str, output: Path | None, quiet: bool
) -> int:
    """Send files and folders to the service and have them judged by its policy.

    Nothing is kept there. Exit code 0 allowed, 1 refused, 2 not readable to the end.
    """
    files = dict(_files(paths))
    with contextlib.ExitStack() as stack:
        sent: list[_Sent] = [
            ("files", (name, stack.enter_context(path.open("rb")), "application/octet-stream"))
            for name, path in files.items()
        ]
        answer = _send(server, "POST", f"/scans?format={format_}", files=sent)
    text = answer.text
    if output is not None:
        save(text, output)
    else:
        write(text)
    return _EXIT.get(answer.headers.get("X-Secureload-Decision", ""), 2)


@click.command("admit")
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@click.option("--again", is_flag=True, help="Judge anew what is admitted already.")
@format_option("text", "json")
@quiet_option
@click.pass_obj
def admit(
    server: str, reference: str, revision: str | None, again: bool, format_: str, quiet: bool
) -> int:
    """Have the service run a model on its hub through the gate.

    Exit code 0 admitted, 1 refused, 2 no decision.
    """
    asked = _model(reference, revision) | {"again": again}
    outcome = _job(server, "/admissions", asked, quiet=quiet)
    verdict = _verdict(outcome)
    if outcome["state"] == "refused":
        if format_ == "json":
            show_json({"schema": "secureload.admission/1", **verdict_json(verdict)})
            return exit_code(verdict.decision)
        return fail_with(Refused(verdict))
    found = {name: outcome.get(name, "") for name in ("admission", "revision_id")}
    if format_ == "json":
        show_json({"schema": "secureload.admission/1", **verdict_json(verdict), **found})
        return 0
    show_verdict(verdict)
    say(f"  served as revision {found['revision_id']}")
    return 0


@click.command("verify")
@click.argument("reference", metavar="REF")
@click.option("--revision", metavar="REV", help="Branch, tag or commit, if REF names none.")
@format_option("text", "json")
@quiet_option
@click.pass_obj
def verify(server: str, reference: str, revision: str | None, format_: str, quiet: bool) -> int:
    """Have the service verify a signature, by its trust roots, down to the bytes.

    Exit code 0 for `verified` alone, 1 for every other status, 2 when there is no answer.
    """
    outcome = _job(server, "/verifications", _model(reference, revision), quiet=quiet)
    document: dict[str, Any] = outcome.get("document") or {}
    status = str(document.get("status", ""))
    if not status:
        raise SourceError("the service's answer has no status")
    if format_ == "json":
        show_json(document)
    else:
        say(f"{printable(status)}  {printable(str(document.get('source')))}")
        say(f"  {printable(str(document.get('detail', '')))}")
        for link in document.get("chain", ()):
            mark = "ok" if link["ok"] else "NO"
            say(f"  {mark}  {link['kind']:<11}  {printable(link['subject'])}  {link['digest']}")
    return 0 if status == "verified" else 1


VERBS: Mapping[str, click.Command] = {"scan": scan, "admit": admit, "verify": verify}
"""What a service can do in the place of this machine."""


def _model(reference: str, revision: str | None) -> dict[str, Any]:
    from secureload.sources import parse

    source = parse(reference, revision)
    if source.kind != "hub":
        raise UsageError(
            f"{reference} is not on the service's hub",
            hint="a service admits org/name[@revision]; scan local files with `scan`",
        )
    return {"repository": source.location, "revision": source.revision or "main"}


def _files(paths: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Each file and its name in the report, relative to the path that was given.

    Raises:
        UsageError: two files would have one name, or one cannot be sent.
    """
    seen: set[str] = set()
    for given in map(Path, paths):
        below = [given] if not given.is_dir() else sorted(given.rglob("*"))
        for path in below:
            if path.is_dir():
                continue
            name = path.relative_to(given).as_posix() if given.is_dir() else path.name
            if not path.is_file():
                raise UsageError(f"{path} is no plain file")
            if name in seen:
                raise UsageError(
                    f"two of these paths hold a file {name}", hint="scan them one by one"
                )
            seen.add(name)
            yield name, path
    if not seen:
        raise UsageError("there is no file to scan", hint="check the paths")


def _job(server: str, path: str, asked: dict[str, Any], *, quiet: bool) -> dict[str, Any]:
    """Start a job and wait for it; gives the outcome of one that ended with an answer."""
    with progress(quiet=quiet) as shown:
        job = _json(_send(server, "POST", path, body=asked | {"wait": _POLL}))
        while job["state"] in ("queued", "running"):
            place = job.get("place")
            shown(
                job.get("stage") or (f"number {place} in the queue" if place else "waiting"), 0, 0
            )
            time.sleep(1.0)
            job = _json(_send(server, "GET", f"/jobs/{quote(str(job['id']))}"))
    outcome: dict[str, Any] = job["outcome"] | {"state": job["state"]}
    if job["state"] == "failed":
        raise SourceError(str(outcome.get("message")), hint=str(outcome.get("hint", "")))
    return outcome


def _verdict(outcome: Mapping[str, Any]) -> Verdict:
    import msgspec

    from secureload.flow import Verdict
    from secureload.learned import learned

    try:
        return msgspec.convert(outcome["verdict"], learned(Verdict))
    except (KeyError, msgspec.ValidationError) as error:
        raise SourceError("the service's answer has no verdict") from error


def _json(answer: Any) -> dict[str, Any]:
    try:
        document: dict[str, Any] = answer.json()
        _ = document["id"], document["state"], document["outcome"]
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            "the service's answer makes no sense", hint="is this the address of a service?"
        ) from error
    return document


def _send(
    server: str,
    method: str,
    path: str,
    *,
    body: dict[str, Any] | None = None,
    files: list[_Sent] | None = None,
) -> Any:
    """Send one request to the service's API.

    Raises:
        UsageError, AccessError, NotFoundError, SourceError: what it answered, or why not.
    """
    from huggingface_hub.errors import HTTPError
    from huggingface_hub.utils import get_session

    if not re.fullmatch(r"https?://[^\s/?#@]+(?:/[^\s?#@]*)?", server):
        raise UsageError(f"{server!r} is no address of a service", hint="give --server https://...")
    headers = {"User-Agent": "secureload", "Accept": "application/json"}
    if token := os.environ.get("SECURELOAD_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    session = get_session()
    try:
        request = session.build_request(
            method,
            f"{server.rstrip('/')}{_API}{path}",
            headers=headers,
            timeout=_TIMEOUT,
            **({"json": body} if body is not None else {}),
            **({"files": files} if files is not None else {}),
        )
        answer = session.send(request, follow_redirects=False)
    except HTTPError as error:
        raise SourceError(
            f"{server} could not be reached: {error or type(error).__name__}",
            hint="check the address, the network and any proxy",
        ) from error
    if answer.status_code < 300:
        return answer
    raise _problem(server, answer)


def _problem(server: str, answer: Any) -> Exception:
    try:
        said = json.loads(answer.content)
        detail, hint = str(said["detail"]), str(said.get("hint", ""))
    except (ValueError, KeyError, TypeError):
        detail, hint = f"{server} answered {answer.status_code}", "is this a service's address?"
    kind = {401: AccessError, 403: AccessError, 404: NotFoundError, 422: UsageError}
    if answer.status_code == 401:
        hint = "set SECURELOAD_TOKEN to a token of the service"
    return kind.get(answer.status_code, SourceError)(detail, hint=hint)
