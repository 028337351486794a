"""What the ledger says is admitted, as views ready to serve.

A view is made of rows that vouch for one another: the hub revision names an admission, whose
rows are checked against the audit log each time a view is made. Afterwards one small query a
second tells that the admission still stands, so a recall reaches every front end at once.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

import scanner
from secureload import gate, policy
from secureload.cache import TrustedCache
from secureload.errors import IntegrityError
from secureload.flow import Decision, RepoType, Source, Verdict
from secureload.gateway import evidence, waiving
from secureload.gateway.revisions import HubFile, View, is_lfs
from secureload.gateway.work import NEED
from secureload.ledger import hub_revisions, memory, plain, store, verdicts
from secureload.ledger.database import Database
from secureload.ledger.records import Admitted, HubRevisionRecord
from secureload.policy import Policy, Topics
from secureload.settings import Settings

_COMMIT = re.compile(r"[0-9a-f]{40}")

FRESH = 1.0
"""Seconds for which a view is served without asking the ledger whether it still stands."""

_REMEMBERED = 2_000
"""Views kept in memory; the rows of one take some KiB a file."""


class Catalogue:
    """Read access to what is admitted under the service's policy as it is now."""

    def __init__(
        self, settings: Settings, ledger: Database, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.cache = TrustedCache.of(settings)
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self._policy: tuple[float, Policy] | None = None
        self._waivers_until = 0.0
        self._views: dict[tuple[str, str], tuple[float, View]] = {}

    def policy(self) -> Policy:
        """The policy as its files are now, looked at once a second.

        Raises:
            PolicyError: it is no longer valid; nothing is served until it is.
        """
        if self._policy is None or self._policy[0] < self._clock():
            loaded = policy.load(self._settings.policy, self._settings)
            if self._policy is None or self._policy[1].id != loaded.id:
                self._views.clear()
            self._policy = (self._clock() + FRESH, loaded)
        return self._policy[1]

    def current(self) -> Policy:
        """The policy with the waivers approved on other machines, asked for once a second.

        Raises:
            PolicyError, CacheError: the policy or the ledger cannot be read.
        """
        if self._ledger.url and self._waivers_until < self._clock():
            self._waivers_until = self._clock() + FRESH
            if waiving.bring(self._ledger, self._settings.home):
                self._policy = None
        return self.policy()

    def topics(self, repository: str) -> Topics:
        """What the policy says of a repository on the hub."""
        return self.policy().topics(Source(kind="hub", location=repository))

    def cached(self, repository: str, revision: str) -> View | None:
        """A view made within the last second, without asking anything."""
        found = self._views.get((repository, revision))
        return found[1] if found is not None and found[0] > self._clock() else None

    def view(self, repository: str, revision: str) -> View | None:
        """What a branch, a tag, an upstream commit or a revision id stands for, if admitted.

        Raises:
            IntegrityError: the ledger's rows contradict one another.
            PolicyError, CacheError: the policy or the ledger cannot be read.
        """
        current = self.current()
        key = (repository, revision)
        known = self._views.get(key)
        with self._ledger.read() as session:
            commit = self._commit(session, repository, revision)
            if commit is None:
                self._views.pop(key, None)
                return None
            source = Source(kind="hub", location=repository, revision=commit)
            opened = gate.Gate(policy=current, settings=self._settings)
            admission = opened.key(source, commit, NEED)
            record = store.record(session, admission.digest)
            if known is not None and record == known[1].record:
                return self._keep(key, known[1])
            admitted = store.admission(session, admission.digest)
            row = hub_revisions.by_admission(session, admission.digest)
        if admitted is None or row is None or record is None:
            self._views.pop(key, None)
            return None
        if not opened.counts(source, admitted):
            return None
        view = _view(repository, row, admitted, record)
        if _COMMIT.fullmatch(revision) and revision not in (view.id, view.commit):
            # An id of old, made under another policy: it still stands for the same files,
            # or it is not served.
            with self._ledger.read() as session:
                old = hub_revisions.by_id(session, repository, revision)
            if old is None or old.artifact != row.artifact:
                return None
            view = dataclasses.replace(view, id=revision)
        return self._keep(key, view)

    def upstream_commit(self, repository: str, revision: str) -> str | None:
        """The upstream commit behind one of our own revision ids; None for anything else."""
        if not _COMMIT.fullmatch(revision):
            return None
        with self._ledger.read() as session:
            row = hub_revisions.by_id(session, repository, revision)
        return row.commit if row is not None else None

    def refusal(self, repository: str, commit: str, *, within: float) -> Verdict | None:
        """The last verdict on a commit if it was a refusal no older than so many seconds."""
        current = self.current()
        with self._ledger.read() as session:
            found = verdicts.newest(
                session,
                kind="hub",
                repository=repository,
                commit=commit,
                policy=current.id.digest,
                ruleset=scanner.ruleset(),
            )
        if found is None or found.verdict.decision is Decision.ALLOW:
            return None
        age = datetime.now(UTC) - datetime.fromisoformat(found.decided_at)
        return found.verdict if age < timedelta(seconds=within) else None

    def history(self, repository: str) -> tuple[View, ...]:
        """Every revision of a repository that is served now, newest first."""
        with self._ledger.read() as session:
            rows = hub_revisions.of_repository(session, repository)
        views = (self.view(repository, row.id) for row in rows)
        return tuple(view for view in views if view is not None)

    def branches(self, repository: str) -> tuple[tuple[str, View], ...]:
        """Each branch or tag, and the revision it stands for."""
        with self._ledger.read() as session:
            found = hub_revisions.branches(session, repository)
        named: dict[str, View] = {}
        for name, commit in found:
            if (view := self.view(repository, commit)) is not None:
                named[name or "main"] = view
        return tuple(sorted(named.items()))

    def repositories(
        self, *, like: str, limit: int, repo_type: RepoType = "model"
    ) -> tuple[View, ...]:
        """The newest admitted revision of each repository whose name contains `like`."""
        with self._ledger.read() as session:
            names = hub_revisions.repositories(session, like=like, limit=limit, repo_type=repo_type)
        newest = (next(iter(self.history(name)), None) for name in names)
        return tuple(view for view in newest if view is not None)

    def remember(self, repository: str, revision: str, commit: str) -> None:
        """Record that a branch or tag led to a commit."""
        from secureload.flow import Listing

        source = Source(kind="hub", location=repository, revision=revision)
        self.cache.remember(Listing(source=source, commit=commit, claims=()))

    def forget(self) -> None:
        """Ask the ledger anew about everything."""
        self._views.clear()
        self._policy = None

    # -- inside --------------------------------------------------------------------------

    def _commit(self, session: Any, repository: str, revision: str) -> str | None:
        if _COMMIT.fullmatch(revision):
            row = hub_revisions.by_id(session, repository, revision)
            return row.commit if row is not None else revision
        for name in (revision, None) if revision == "main" else (revision,):
            source = Source(kind="hub", location=repository, revision=name)
            if (commit := memory.latest(plain.of_session(session), source)) is not None:
                return commit
        return None

    def _keep(self, key: tuple[str, str], view: View) -> View:
        if len(self._views) >= _REMEMBERED:
            self._views.clear()
        self._views[key] = (self._clock() + FRESH, view)
        return view


def _view(repository: str, row: HubRevisionRecord, admitted: Admitted, record: str) -> View:
    oids = row.document.get("oids", {})
    files = {}
    for file in admitted.files:
        if not isinstance(oids.get(file.path), str):
            raise IntegrityError(
                f"the ledger does not know {file.path} of revision {row.id} of {repository}",
                hint="`secureload cache rm` the admission, and it is made anew",
            )
        files[file.path] = HubFile(
            path=file.path,
            size=file.size,
            sha256=file.sha256,
            oid=oids[file.path],
            lfs=is_lfs(file.path, file.size),
        )
    view = View(
        repository=repository,
        id=row.id,
        commit=admitted.key.commit,
        admission=admitted.id,
        record=record,
        policy=admitted.verdict.policy,
        ruleset=admitted.verdict.ruleset,
        files=files,
        folders=frozenset(_folders(files)),
        about=row.document.get("about", {}),
        converted=admitted.conversions,
        admitted_at=admitted.admitted_at,
        warnings=tuple(str(reason) for reason in admitted.verdict.warnings),
    )
    return dataclasses.replace(view, evidence=evidence.documents(view, admitted))


def _folders(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        for parent in PurePosixPath(path).parents:
            if str(parent) != ".":
                yield str(parent)
