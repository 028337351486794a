"""The lists: the queue, verdicts, reviews, admissions, jobs, waivers, recalls, loads, the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from secureload.gateway.api import records
from secureload.gateway.api.admissions import may_read as may_read_of
from secureload.gateway.aside import aside
from secureload.gateway.call import Call, Handler
from secureload.gateway.dashboard.pages import LINES, Page, Pages, query
from secureload.gateway.dashboard.rows import HOME
from secureload.ledger import audit, browse, jobs, reviews, service, verdicts

if TYPE_CHECKING:
    from secureload.gateway.parts import Services

_DECISIONS = ("allow", "deny", "error")
_STATES = ("open", "approved", "declined")


class Lists:
    """Handlers of the lists."""

    def __init__(self, parts: Services, pages: Pages) -> None:
        self._parts = parts
        self._pages = pages

    def handlers(self) -> Mapping[str, Handler]:
        """Every handler by its row's name."""
        return {
            "queue": self.queue,
            "verdicts": self.verdicts,
            "reviews": self.reviews,
            "admissions": self.admissions,
            "jobs": self.jobs,
            "waivers": self.waivers,
            "recalls": self.recalls,
            "loads": self.loads,
            "audit": self.audit,
        }

    async def queue(self, call: Call) -> None:
        """What waits for someone: jobs at work, reviews to decide on, refusals nobody looked at."""
        page = Page(call.scope, HOME)
        running = [
            ticket
            for ticket in await self._parts.jobs.running()
            if await self._readable(call, ticket.order.repository)
        ]
        opened = await self._read(lambda s: reviews.recent(s, state="open", limit=LINES + 1))
        refused = await self._read(
            lambda s: browse.awaiting(s, limit=page.limit, offset=page.offset)
        )
        await self._pages.show(
            call,
            "queue.html",
            running=running[:LINES],
            running_more=len(running) - LINES,
            reviews=await self._with_verdicts(call, opened[:LINES]),
            reviews_more=len(opened) > LINES,
            refused=await self._mine(call, page.cut(refused)),
            page=page,
        )

    async def verdicts(self, call: Call) -> None:
        """Verdicts, newest first, of one repository or decision if asked."""
        asked = query(call.scope)
        repository = asked.get("repository", "").strip()[:200]
        decision = asked.get("decision", "")
        decision = decision if decision in _DECISIONS else ""
        page = Page(call.scope, f"{HOME}/verdicts", repository=repository, decision=decision)
        found = await self._read(
            lambda s: verdicts.recent(
                s,
                repository=repository or None,
                decision=decision or None,
                limit=page.limit,
                offset=page.offset,
            )
        )
        await self._pages.show(
            call,
            "verdicts.html",
            verdicts=await self._mine(call, page.cut(found)),
            page=page,
            repository=repository,
            decision=decision,
        )

    async def reviews(self, call: Call) -> None:
        """Reviews, newest first."""
        state = query(call.scope).get("state", "")
        state = state if state in _STATES else ""
        page = Page(call.scope, f"{HOME}/reviews", state=state)
        found = await self._read(
            lambda s: reviews.recent(s, state=state or None, limit=page.limit, offset=page.offset)
        )
        await self._pages.show(
            call,
            "reviews.html",
            reviews=await self._with_verdicts(call, page.cut(found)),
            page=page,
            state=state,
        )

    async def admissions(self, call: Call) -> None:
        """What is admitted, newest first."""
        repository = query(call.scope).get("repository", "").strip()[:200]
        page = Page(call.scope, f"{HOME}/admissions", repository=repository)
        found = await self._read(
            lambda s: browse.admissions(
                s, repository=repository or None, limit=page.limit, offset=page.offset
            )
        )
        shown = [
            line
            for line in page.cut(found)
            if await self._readable(call, line.repository if line.kind == "hub" else "")
        ]
        await self._pages.show(
            call, "admissions.html", admissions=shown, page=page, repository=repository
        )

    async def jobs(self, call: Call) -> None:
        """Jobs, newest first, and how the unfinished ones stand."""
        page = Page(call.scope, f"{HOME}/jobs")
        found = await self._read(lambda s: jobs.recent(s, limit=page.limit, offset=page.offset))
        shown = [job for job in page.cut(found) if await self._readable(call, job.repository)]
        await self._pages.show(call, "jobs.html", jobs=shown, page=page)

    async def waivers(self, call: Call) -> None:
        """The waivers that the policy in force counts with, and how often each was used."""
        page = Page(call.scope, f"{HOME}/waivers")
        current: list[dict[str, Any]] = await records.waivers(self._parts)
        uses = await aside(self._parts.catalogue.cache.waiver_uses)
        await self._pages.show(
            call, "waivers.html", waivers=page.slice(current), uses=uses, page=page
        )

    async def recalls(self, call: Call) -> None:
        """Recalls, lifted ones too, each with the loads of what it revoked for whoever may see."""
        page = Page(call.scope, f"{HOME}/recalls")
        shown = page.slice(await aside(self._parts.catalogue.cache.recalls))
        touched = await self._read(
            lambda s: {recall.id: browse.touched(s, recall) for recall in shown}
        )
        await self._pages.show(
            call,
            "recalls.html",
            recalls=shown,
            touched=touched,
            page=page,
            subject=query(call.scope).get("subject", "")[:300],
        )

    async def loads(self, call: Call) -> None:
        """Who loaded what, newest first."""
        repository = query(call.scope).get("repository", "").strip()[:200]
        page = Page(call.scope, f"{HOME}/loads", repository=repository)
        found = await self._read(
            lambda s: service.loads(
                s, repository=repository or None, limit=page.limit, offset=page.offset
            )
        )
        await self._pages.show(
            call, "loads.html", loads=page.cut(found), page=page, repository=repository
        )

    async def audit(self, call: Call) -> None:
        """The audit log, newest row first, and what to keep elsewhere."""
        page = Page(call.scope, f"{HOME}/audit")
        now = await self._read(audit.checkpoint)
        newest = max(0, now.count - page.offset)
        since = max(0, newest - page.limit)
        rows = await self._read(lambda s: service.audit_rows(s, since=since, limit=newest - since))
        await self._pages.show(
            call, "audit.html", rows=page.cut(reversed(rows)), page=page, checkpoint=now
        )

    # -- inside --------------------------------------------------------------------------

    async def _read(self, asked: Any) -> Any:
        return await records.reading(self._parts, asked)

    async def _mine(self, call: Call, found: list[Any]) -> list[Any]:
        return [one for one in found if await records.may_read(self._parts, call.principal, one)]

    async def _readable(self, call: Call, repository: str) -> bool:
        return await may_read_of(self._parts, call.principal, repository)

    async def _with_verdicts(self, call: Call, found: Any) -> list[tuple[Any, Any]]:
        """Each review with the verdict it is about, as far as whoever asks may see that."""
        pairs = await self._read(
            lambda s: [(review, verdicts.get(s, review.verdict)) for review in found]
        )
        return [
            (review, about)
            for review, about in pairs
            if about is not None and await records.may_read(self._parts, call.principal, about)
        ]
