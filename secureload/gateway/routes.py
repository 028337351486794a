"""The table of every path there is, and of the roles that may use it.

Requests are matched here before anything else sees them, so a path without a row does not
exist, and no handler is reached without one of its row's roles. A row is `METHODS template
roles`; in a template, `{repo}` is `name` or `org/name`, `{path}` any rest, any other field
one segment. The field `repo` of a row for datasets or Spaces begins with their type, as the
name does everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote

from secureload.flow import HUB_PREFIXES, RepoType, repo_type_of
from secureload.gateway.principals import Role

ANYONE: frozenset[Role] | None = None
"""Not even a known token is needed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One path: `name` is what its handler is registered under."""

    name: str
    methods: frozenset[str]
    template: str
    roles: frozenset[Role] | None
    repo_type: RepoType = "model"
    """Of which type its `{repo}` is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Matched:
    """A row and the fields of the path, decoded."""

    row: Row
    fields: Mapping[str, str]


def _row(methods: str, template: str, name: str, *roles: Role, anyone: bool = False) -> Row:
    named = frozenset(methods.split("|"))
    if "GET" in named:
        named |= {"HEAD"}
    allowed = ANYONE if anyone else frozenset(roles)
    return Row(name=name, methods=named, template=template, roles=allowed)


def _hub(repo_type: RepoType) -> tuple[Row, ...]:
    """What clients ask of the repositories of one type."""
    api, files = f"/api/{repo_type}s", f"/{HUB_PREFIXES[repo_type]}{{repo}}"
    rows = (
        _row("GET", api, "listing", *_READ),
        _row("GET", f"{api}/{{repo}}/revision/{{revision}}", "info", *_READ),
        _row("GET", f"{api}/{{repo}}/tree/{{revision}}", "tree", *_READ),
        _row("GET", f"{api}/{{repo}}/tree/{{revision}}/{{path}}", "tree", *_READ),
        _row("POST", f"{api}/{{repo}}/paths-info/{{revision}}", "paths_info", *_READ),
        _row("GET", f"{api}/{{repo}}/commits/{{revision}}", "commits", *_READ),
        _row("GET", f"{api}/{{repo}}/refs", "refs", *_READ),
        _row("GET", f"{api}/{{repo}}/auth-check", "auth_check", *_READ),
        _row("GET", f"{api}/{{repo}}", "info", *_READ),
        _row("GET", f"{files}/resolve/{{revision}}/{{path}}", "resolve", *_READ),
        _row("GET", f"{files}/raw/{{revision}}/{{path}}", "resolve", *_READ),
    )
    return tuple(replace(row, repo_type=repo_type) for row in rows)


_READ = (Role.READER, Role.REQUESTER, Role.REVIEWER, Role.ADMIN, Role.AUDITOR)
_API = "/api/secureload/v1"

ROUTES: tuple[Row, ...] = (
    # The service itself.
    _row("GET", "/livez", "livez", anyone=True),
    _row("GET", "/readyz", "readyz", anyone=True),
    _row("GET", "/metrics", "metrics", anyone=True),
    # Our own API.
    _row("GET", f"{_API}/openapi.json", "api", anyone=True),
    _row("GET", f"{_API}/whoami", "api", *_READ),
    _row("POST", f"{_API}/scans", "api", Role.REQUESTER),
    _row("POST", f"{_API}/admissions", "api", Role.REQUESTER),
    _row("GET", f"{_API}/admissions", "api", *_READ),
    _row("GET", f"{_API}/admissions/{{id}}", "api", *_READ),
    _row("GET", f"{_API}/admissions/{{id}}/evidence", "api", *_READ),
    _row("POST", f"{_API}/verifications", "api", Role.REQUESTER),
    _row("GET", f"{_API}/jobs", "api", *_READ),
    _row("GET", f"{_API}/jobs/{{id}}", "api", *_READ),
    _row("GET", f"{_API}/verdicts", "api", *_READ),
    _row("GET", f"{_API}/verdicts/{{id}}", "api", *_READ),
    _row("GET", f"{_API}/verdicts/{{id}}/report", "api", *_READ),
    _row("GET", f"{_API}/policies", "api", *_READ),
    _row("GET", f"{_API}/reviews", "api", *_READ),
    _row("POST", f"{_API}/reviews", "api", Role.REQUESTER),
    _row("GET", f"{_API}/reviews/{{id}}", "api", *_READ),
    _row("POST", f"{_API}/reviews/{{id}}/decision", "api", Role.REVIEWER),
    _row("GET", f"{_API}/waivers", "api", *_READ),
    _row("GET", f"{_API}/recalls", "api", *_READ),
    _row("POST", f"{_API}/recalls", "api", Role.REVIEWER),
    _row("POST", f"{_API}/recalls/{{id}}/lift", "api", Role.ADMIN),
    _row("GET", f"{_API}/loads", "api", Role.REVIEWER, Role.AUDITOR),
    _row("GET", f"{_API}/audit", "api", Role.AUDITOR),
    _row("GET", f"{_API}/tokens", "api", Role.ADMIN, Role.AUDITOR),
    _row("POST", f"{_API}/tokens", "api", Role.ADMIN),
    _row("DELETE", f"{_API}/tokens/{{id}}", "api", Role.ADMIN),
    # The Hub's protocol.
    _row("GET", "/api/agent-harnesses", "agent_harnesses", anyone=True),
    _row("GET", "/api/whoami-v2", "whoami", *_READ),
    *_hub("dataset"),
    *_hub("space"),
    _row("GET|POST|PUT|DELETE", "/api/datasets/{path}", "other_types", *_READ),
    _row("GET|POST|PUT|DELETE", "/api/spaces/{path}", "other_types", *_READ),
    _row("GET", "/datasets/{path}", "other_types", *_READ),
    _row("GET", "/spaces/{path}", "other_types", *_READ),
    *_hub("model"),
    _row("POST|PUT|DELETE", "/api/{path}", "read_only", *_READ),
)
"""In the order in which they are tried."""

_PATTERNS = {"repo": r"[^/]+(?:/[^/]+)?", "path": r".+"}
_FIELD = re.compile(r"\{(\w+)\}")


class Table:
    """The rows, ready to match. Further rows (a dashboard's) go before the Hub's."""

    def __init__(self, rows: Iterable[Row] = ROUTES) -> None:
        self.rows = tuple(rows)
        compiled = [(_first(row.template), row, _compiled(row.template)) for row in self.rows]
        # By the first segment, because most requests are for `/{repo}/...`, and come last.
        self._others = tuple((row, pattern) for name, row, pattern in compiled if name is None)
        self._by_first = {
            first: tuple((row, pattern) for name, row, pattern in compiled if name in (None, first))
            for first, _, _ in compiled
            if first is not None
        }

    def match(self, method: str, raw_path: str) -> Matched | frozenset[str]:
        """The first row for a path as it came, undecoded; else the methods it does have."""
        others: set[str] = set()
        first = raw_path[1:].partition("/")[0]
        for row, pattern in self._by_first.get(first, self._others):
            found = pattern.fullmatch(raw_path)
            if found is None:
                continue
            if method in row.methods:
                fields = {name: unquote(text) for name, text in found.groupdict().items()}
                if "repo" in fields:
                    fields["repo"] = _typed(fields["repo"], row.repo_type)
                return Matched(row=row, fields=fields)
            others |= row.methods
        return frozenset(others)


def _typed(repo: str, repo_type: RepoType) -> str:
    """The name with its type; one that would be of another type is made no name at all."""
    name = HUB_PREFIXES[repo_type] + repo
    return name if repo_type_of(name) == repo_type else f"{repo_type}s/{repo}"


def _first(template: str) -> str | None:
    """The first segment of a template, None where it is a field."""
    segment = template[1:].partition("/")[0]
    return None if "{" in segment else segment


def _compiled(template: str) -> re.Pattern[str]:
    parts = _FIELD.split(template)
    text = "".join(
        f"(?P<{part}>{_PATTERNS.get(part, '[^/]+')})" if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    )
    return re.compile(text)
