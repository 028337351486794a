"""One thing in full: a verdict with all behind it, a review, an admission, a job, a difference."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from secureload.errors import SecureloadError
from secureload.gateway.api import admissions as api_admissions
from secureload.gateway.api import records
from secureload.gateway.aside import aside
from secureload.gateway.call import Call, Handler
from secureload.gateway.dashboard import difference
from secureload.gateway.dashboard.difference import Elsewhere
from secureload.gateway.dashboard.pages import Page, Pages
from secureload.gateway.dashboard.rows import HOME
from secureload.gateway.problems import NoSuchPage, Problem
from secureload.ledger import browse, recalls, reviews, store, verdicts
from secureload.ledger.records import Admitted, FindingRecord, ReviewRecord, VerdictRecord

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

_ID = re.compile(r"[0-9a-f]{6,64}")


class Reports:
    """Handlers of what is shown in full."""

    def __init__(self, parts: Services, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""
        return {
            "verdict": self.verdict,
            "difference": self.difference,
            "review": self.review,
            "admission": self.admission,
            "job": self.job,
        }

    async def verdict(self, call: Call, problem: Problem | None = None) -> None:
        """The deciding rule, every reason, the findings with their traces, the chain."""
        record = await self._verdict(call, identity(call))
        page = Page(call.scope, f"{HOME}/verdicts/{record.id}")

        def read(session: Any) -> dict[str, Any]:
            found = verdicts.findings(session, record.id)
            admission = browse.standing(session, record)
            return {
                "files": len({line.path for line in found}),
                "lines": page.slice(sorted(found, key=_worst_first)),
                "trace": trace(found),
                "signed": (signed := verdicts.attestation(session, record.id) or {}),
                "chain": drawn(signed.get("chain") or ()),
                "admission": admission,
                "admitted": store.admission(session, admission.id) if admission else None,
                "before": browse.before(session, record),
                "reviews": browse.reviews_of(session, record.id),
            }

        await self._pages.show(
            call,
            "verdict.html",
            status=problem.status if problem else 200,
            problem=problem,
            record=record,
            page=page,
            **await records.reading(self._parts, read),
        )

    async def difference(self, call: Call) -> None:
        """What a verdict's commit changes against the one last admitted before it."""
        record = await self._verdict(call, identity(call))
        elsewhere = difference.sparing(self._hub(record))

        def read(session: Any) -> tuple[Any, ...]:
            line = browse.before(session, record)
            standing = browse.standing(session, record)
            sides = [difference.side(session, record, elsewhere)]
            if line is not None:
                about = verdicts.get(session, line.verdict)
                if about is not None:
                    sides.append(difference.side(session, about, elsewhere))
            admitted = [
                store.admission(session, one.id) if one else None for one in (standing, line)
            ]
            return line, sides, admitted

        line, sides, admitted = await records.reading(self._parts, read)
        changed = None
        if line is not None and len(sides) == 2:
            layout = self._parts.catalogue.cache.layout
            for sha256, size in difference.wanted(sides, admitted):
                if not layout.blob(sha256).exists():
                    await self._bring(sha256, size)
            changed = await aside(difference.compare, layout, sides, admitted)
        await self._pages.show(call, "difference.html", record=record, before=line, changed=changed)

    async def _bring(self, sha256: str, size: int) -> None:
        """Have content on this machine where the store has it; what it has not, the page tells."""
        with contextlib.suppress(SecureloadError):
            content = await self._parts.store.open(sha256, size, check="changed")
            await content.close()

    async def review(self, call: Call, problem: Problem | None = None) -> None:
        """A review, the refusal it is about, and the decision if it is still to take."""
        review, about = await self._review(call, identity(call))
        found = await records.reading(self._parts, lambda s: verdicts.findings(s, about.id))
        await self._pages.show(
            call,
            "review.html",
            status=problem.status if problem else 200,
            problem=problem,
            review=review,
            record=about,
            lines=[line for line in found if line.finding][:10],
            own=review.requested_by == call.principal.name,
            today=self._parts.catalogue.policy().today,
        )

    async def admission(self, call: Call, problem: Problem | None = None) -> None:
        """An admission: its files, the proof of its conversion, its evidence, who loaded it."""
        asked = identity(call)

        def read(session: Any) -> Admitted | None:
            ids = store.admission_ids(session, asked)
            return store.admission(session, ids[0]) if len(ids) == 1 else None

        admitted: Admitted | None = await records.reading(self._parts, read)
        hidden = NoSuchPage(f"there is no admission {asked}", hint="it may have been recalled")
        if admitted is None:
            raise hidden
        name = admitted.key.repository if admitted.key.kind == "hub" else ""
        if not await api_admissions.may_read(self._parts, call.principal, name):
            raise hidden
        page = Page(call.scope, f"{HOME}/admissions/{admitted.id}")
        proofs = [(made, proof) for made in admitted.conversions for proof in made.tensors]
        loads = await records.reading(self._parts, lambda s: recalls.loads(s, [admitted.id]))
        line = await records.reading(
            self._parts, lambda s: next(iter(browse.lines(s, [admitted.id])), None)
        )
        await self._pages.show(
            call,
            "admission.html",
            status=problem.status if problem else 200,
            problem=problem,
            admitted=admitted,
            verdict=line.verdict if line else "",
            total=len(proofs),
            proofs=page.slice(proofs),
            loads=list(reversed(loads))[:25],
            loads_total=len(loads),
            page=page,
        )

    async def job(self, call: Call) -> None:
        """How a job stands, and where its outcome is."""
        shown = await api_admissions.job(identity(call), self._parts, call.principal)
        about = None
        if shown.commit and shown.state in ("admitted", "refused"):
            about = await records.reading(
                self._parts, lambda s: browse.newest_verdict(s, shown.repository, shown.commit)
            )
        await self._pages.show(call, "job.html", job=shown, verdict=about)

    # -- inside --------------------------------------------------------------------------

    def _hub(self, record: VerdictRecord) -> Elsewhere:
        """Asks the hub for files of a repository on it."""
        upstream, token = self._parts.upstream, self._parts.config.upstream_token

        def ask(commit: str, path: str) -> bytes | None:
            if record.kind != "hub":
                return None
            try:
                return upstream.unverified_file(
                    record.repository, commit, path, token, most=difference.TEXT_BYTES
                )
            except Problem:
                return None

        return ask

    async def _verdict(self, call: Call, verdict_id: str) -> VerdictRecord:
        return await records.readable(verdict_id, self._parts, call.principal)

    async def _review(self, call: Call, review_id: str) -> tuple[ReviewRecord, VerdictRecord]:
        record = await records.reading(self._parts, lambda s: reviews.get(s, review_id))
        if record is None:
            raise NoSuchPage(f"there is no review {review_id}")
        return record, await self._verdict(call, record.verdict)


def identity(call: Call) -> str:
    """The id in a path.

    Raises:
        NoSuchPage: it can be none.
    """
    text = call.fields["id"]
    if not _ID.fullmatch(text):
        raise NoSuchPage("there is nothing at this path")
    return text


def trace(found: tuple[FindingRecord, ...]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """The findings that have a place in a stream of opcodes, in its order, by file and member."""
    steps: dict[str, list[Mapping[str, Any]]] = {}
    for line in found:
        where = (line.finding or {}).get("where", {})
        if line.finding is not None and where.get("opcode"):
            name = f"{line.path} › {where['member']}" if where.get("member") else line.path
            steps.setdefault(name, []).append(line.finding)
    return [
        (name, sorted(those, key=lambda finding: finding["where"].get("offset") or 0))
        for name, those in sorted(steps.items())
    ]


def drawn(chain: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A chain as a tree: the links down to the tree, then each file's own; broken files first."""
    trunk, files = [], dict[str, list[Mapping[str, Any]]]()
    for link in chain:
        if link["kind"] in _OF_A_FILE:
            files.setdefault(link["subject"], []).append(link)
        else:
            trunk.append(link)
    ordered = sorted(files.items(), key=lambda item: all(link["ok"] for link in item[1]))
    return {"trunk": trunk, "files": ordered[:_FILES], "left": max(0, len(ordered) - _FILES)}


_OF_A_FILE = frozenset({"blob", "lfs-pointer", "bytes"})
_FILES = 60
"""Files whose links are drawn; of larger models the broken ones come first."""


def _worst_first(line: FindingRecord) -> tuple[int, str]:
    severity = (line.finding or {}).get("severity", -1)
    return (-severity if isinstance(severity, int) else 0, line.path)
