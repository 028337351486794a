"""From a request to what may be served: access, view, or a job and a wait.

A branch means its last admitted commit. Where the policy follows branches, a request finds
out in passing whether the hub has a newer one, and has it admitted behind the scenes: the
branch moves when that is done, and stays where it is if the newer commit is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import time
from collections.abc import Callable

import msgspec

from secureload.errors import UsageError
from secureload.flow import RepoType, Source, Verdict, repo_type_of
from secureload.gateway.aside import Once, aside
from secureload.gateway.catalogue import Catalogue
from secureload.gateway.config import Config
from secureload.gateway.jobs import Jobs, Ticket
from secureload.gateway.principals import Principal, Role
from secureload.gateway.problems import (
    EntryNotFound,
    Forbidden,
    Gated,
    NotYet,
    Problem,
    RefusedByPolicy,
    RepoNotFound,
    RevisionNotFound,
    Unavailable,
    Unconvertible,
)
from secureload.gateway.revisions import View
from secureload.gateway.upstream import Upstream
from secureload.gateway.work import Order, Outcome
from secureload.learned import learned
from secureload.policy import Topics
from secureload.sources import parse

_COMMIT = re.compile(r"[0-9a-f]{40}")

RETRY = 30
"""Seconds after which a client may try again what failed here."""


class Admissions:
    """What the front and the API ask; `upstream` checks who may read, `jobs` does the work.

    `count` is told of each revision asked for: `hit` where it is admitted already, else `miss`.
    """

    def __init__(
        self,
        config: Config,
        catalogue: Catalogue,
        upstream: Upstream,
        jobs: Jobs,
        *,
        count: Callable[[str], None] = lambda _result: None,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._upstream = upstream
        self._jobs = jobs
        self._count = count
        self._once = Once()
        self._failed: dict[tuple[str, str], tuple[float, Outcome]] = {}
        self._refreshing: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def check_access(self, principal: Principal, repository: str) -> None:
        """Let those pass who may read a repository.

        Whoever has an account here is let in by their role and the policy; for others the
        hub is asked, with their own token or none.

        Raises:
            Forbidden: the policy admits nothing of this type.
            RepoNotFound, Gated, Unavailable: see `Upstream.check_access`.
        """
        _check_name(repository)
        if (repo_type := repo_type_of(repository)) != "model":
            self.check_type(repo_type, self._catalogue.topics(repository))
        if not principal.known and not self._upstream.offline:
            await self._upstream.check_access(repository, principal.upstream, principal.credentials)

    def check_type(self, repo_type: RepoType, topics: Topics | None = None) -> None:
        """Say at once that datasets, or Spaces, are nothing that this service admits.

        `topics` are what the policy says of the repository asked for, of all if absent.

        Raises:
            Forbidden: the policy's `repoTypes` does not name this type.
        """
        allowed = (topics or self._catalogue.policy().base).repo_types
        if repo_type in allowed:
            return
        what = " and ".join(f"{one}s" for one in allowed) or "nothing"
        raise Forbidden(
            f"this service admits {what} only, no {repo_type}s",
            hint="unset HF_ENDPOINT for them, or ask whoever runs this service",
        )

    async def view(self, principal: Principal, repository: str, revision: str) -> View:
        """The admitted revision that a request is about, admitting it first if need be.

        Raises:
            RefusedByPolicy: the gate says no.
            NotYet: the admission takes longer than a request may wait.
            Problem: the hub says no, or cannot be reached.
        """
        await self.check_access(principal, repository)
        view = self._catalogue.cached(repository, revision)
        if view is None:
            look = self._catalogue.view
            view = await self._once.aside((repository, revision), look, repository, revision)
        self._count("miss" if view is None else "hit")
        if view is not None:
            self._follow(principal, repository, revision)
            return view
        return await self._admit(principal, repository, revision)

    def order(self, principal: Principal, repository: str, revision: str) -> Order:
        """The order that admits a revision."""
        config = self._config
        return Order(
            kind="admit",
            policy=config.settings.policy,
            home=str(config.settings.home),
            upstream=config.settings.endpoint,
            offline=config.settings.offline,
            repository=repository,
            revision=revision,
            token=config.upstream_token or principal.upstream,
        )

    async def request(self, principal: Principal, repository: str, revision: str) -> Ticket:
        """Start the admission of a revision, or join the one that runs.

        Raises:
            Forbidden: whoever asks may not start one.
            Unavailable: too many wait already.
        """
        if Role.REQUESTER not in principal.roles:
            raise Forbidden(
                f"{repository}@{revision} is not admitted, and you may not ask for it to be",
                hint="ask someone whose token has the role `requester`",
            )
        return await self._jobs.submit(
            self.order(principal, repository, revision), by=principal.name
        )

    async def close(self) -> None:
        """Stop looking for newer commits."""
        for task in list(self._refreshing.values()):
            task.cancel()

    # -- inside --------------------------------------------------------------------------

    async def _admit(self, principal: Principal, repository: str, revision: str) -> View:
        own = await aside(self._catalogue.upstream_commit, repository, revision)
        if own is not None and own != revision:
            return await self._again(principal, repository, revision, own)
        commit = await self._ask_commit(principal, repository, revision)
        if commit is not None:
            if commit != revision:
                view = await aside(self._catalogue.view, repository, commit)
                if view is not None:
                    await aside(self._catalogue.remember, repository, revision, commit)
                    return view
            await self._raise_refusal(repository, commit)
        await self._have_admitted(principal, repository, revision, commit or revision)
        view = await aside(self._catalogue.view, repository, revision)
        if view is None:
            raise Unavailable(
                f"{repository}@{revision} was admitted and taken back at once", seconds=5
            )
        return view

    async def _again(
        self, principal: Principal, repository: str, revision: str, commit: str
    ) -> View:
        """Judge anew what an id of ours stood for; the id is served only for the same files."""
        await self._raise_refusal(repository, commit)
        fresh = await aside(self._catalogue.view, repository, commit)
        if fresh is None:
            await self._have_admitted(principal, repository, commit, commit)
            fresh = await aside(self._catalogue.view, repository, commit)
        view = await aside(self._catalogue.view, repository, revision)
        if view is not None:
            return view
        now = f"; it is now revision {fresh.id}" if fresh is not None else ""
        raise RevisionNotFound(
            f"revision {revision} of {repository} was made under another policy, from upstream "
            f"commit {commit}{now}"
        )

    async def _ask_commit(self, principal: Principal, repository: str, revision: str) -> str | None:
        if _COMMIT.fullmatch(revision) or self._upstream.offline:
            return revision if _COMMIT.fullmatch(revision) else None
        token, credentials = principal.upstream, principal.credentials
        if principal.known:  # let in by us, so it is we who ask
            token, credentials = self._config.upstream_token, ""
        return await self._upstream.commit(repository, revision, token, credentials)

    async def _raise_refusal(self, repository: str, commit: str) -> None:
        verdict = await aside(
            self._catalogue.refusal, repository, commit, within=self._config.refusal
        )
        if verdict is not None:
            raise RefusedByPolicy(verdict)

    async def _have_admitted(
        self, principal: Principal, repository: str, revision: str, commit: str
    ) -> None:
        """Start the admission or join it, and wait; what came instead is raised.

        What failed for a reason of its own would fail again, however often clients try: its
        answer stands for a while. Nobody is kept from asking for the admission itself.
        """
        until, failed = self._failed.get((repository, commit), (0.0, None))
        if failed is not None and time.monotonic() < until:
            # Made anew: an exception raised twice would keep the frames of both requests.
            raise problem_of(failed, self.order(principal, repository, revision))
        ticket = await self.request(principal, repository, revision)
        waited = await self._jobs.wait(ticket.id, self._config.wait)
        if waited.outcome is None:
            raise not_yet(waited)
        if waited.outcome.state == "admitted":
            self._failed.pop((repository, commit), None)
            return
        if seconds := self._stands(waited.outcome):
            now = time.monotonic()
            self._failed = {key: one for key, one in self._failed.items() if one[0] > now}
            self._failed[repository, commit] = (now + seconds, waited.outcome)
        raise problem_of(waited.outcome, waited.order)

    def _stands(self, outcome: Outcome) -> float:
        """Seconds for which the answer to a failed admission stands."""
        if outcome.fault == "conversion":
            return self._config.refusal
        return RETRY if outcome.fault == "internal" else 0.0

    def _follow(self, principal: Principal, repository: str, revision: str) -> None:
        """Look behind the scenes whether a branch has moved on."""
        if _COMMIT.fullmatch(revision) or self._upstream.offline:
            return
        key = (repository, revision)
        credentials = "" if principal.known else principal.credentials
        if key in self._refreshing or self._upstream.is_fresh(repository, revision, credentials):
            return
        source = Source(kind="hub", location=repository, revision=revision)
        if self._catalogue.policy().topics(source).revision.branches != "follow":
            return
        task = asyncio.create_task(self._refresh(principal, repository, revision))
        self._refreshing[key] = task
        task.add_done_callback(lambda _: self._refreshing.pop(key, None))

    async def _refresh(self, principal: Principal, repository: str, revision: str) -> None:
        with contextlib.suppress(Problem):  # what is admitted stays, whatever the hub says
            commit = await self._ask_commit(principal, repository, revision)
            if commit is None:
                return
            view = await aside(self._catalogue.view, repository, commit)
            if view is not None:
                await aside(self._catalogue.remember, repository, revision, commit)
                return
            await self._raise_refusal(repository, commit)
            if Role.REQUESTER in principal.roles:
                await self.request(principal, repository, revision)


def not_yet(ticket: Ticket) -> NotYet:
    """The answer while a job is unfinished: its place in the queue, and where to look."""
    where = f"is number {ticket.place} in the queue" if ticket.place else "is being admitted"
    stage = f" ({ticket.stage})" if ticket.stage else ""
    return NotYet(
        f"{ticket.order.repository}@{ticket.order.revision} {where}{stage}",
        hint="ask again, or set HF_HUB_ETAG_TIMEOUT and HF_HUB_DOWNLOAD_TIMEOUT higher",
        seconds=min(60, 5 + 5 * ticket.place),
        headers={"Location": f"/api/secureload/v1/jobs/{ticket.id}"},
        more={"job": ticket.id, "place": ticket.place, "stage": ticket.stage},
    )


def problem_of(outcome: Outcome, order: Order) -> Problem:
    """The answer for a job that did not end with an admission."""
    if outcome.state == "refused" and outcome.verdict is not None:
        return RefusedByPolicy(msgspec.convert(outcome.verdict, learned(Verdict)))
    if outcome.fault == "not-found":
        kind = RevisionNotFound if "revision" in outcome.message else RepoNotFound
        return kind(outcome.message, hint=outcome.hint)
    if outcome.fault == "no-file":
        return EntryNotFound(outcome.message, hint=outcome.hint)
    if outcome.fault == "conversion":
        subject = f"{order.repository}@{order.revision}"
        return Unconvertible(f"{subject}: {outcome.message}", hint=outcome.hint)
    if outcome.fault == "access":
        return Gated(outcome.message, hint="the service's own token may not read it either")
    # What went wrong here may name this machine's folders: the job's record has it in full.
    what = "an accident in this service" if outcome.fault == "internal" else outcome.message
    return Unavailable(
        f"{order.repository}@{order.revision} could not be admitted: {what}",
        hint="" if outcome.fault == "internal" else outcome.hint,
        seconds=RETRY,
    )


@functools.lru_cache(maxsize=4_096)
def _check_name(repository: str) -> None:
    """Good names are remembered: each request has one."""
    try:
        parse(f"hub:{repository}")
    except UsageError as error:
        raise RepoNotFound(error.message) from error
