"""The dashboard's rows of the table: every page and every form, and the roles that may use it."""

from __future__ import annotations

from secureload.gateway.principals import Role
from secureload.gateway.routes import ANYONE, Row

HOME = "/dashboard"
"""Where the pages are; nothing else is below it."""

_ALL = frozenset(Role)


def _get(path: str, name: str, *roles: Role, anyone: bool = False) -> Row:
    allowed = ANYONE if anyone else frozenset(roles) or _ALL
    methods = frozenset({"GET", "HEAD"})
    return Row(name=f"dashboard.{name}", methods=methods, template=path, roles=allowed)


def _post(path: str, name: str, *roles: Role, anyone: bool = False) -> Row:
    allowed = ANYONE if anyone else frozenset(roles)
    return Row(
        name=f"dashboard.{name}",
        methods=frozenset({"POST"}),
        template=f"{HOME}{path}",
        roles=allowed,
    )


ROWS: tuple[Row, ...] = (
    _get("/", "root"),
    _get(f"{HOME}/static/{{name}}", "static", anyone=True),
    _get(f"{HOME}/sign-in", "sign_in_page", anyone=True),
    _post("/sign-in", "sign_in", anyone=True),
    _post("/sign-out", "sign_out", anyone=True),
    _get(HOME, "queue"),
    _get(f"{HOME}/jobs", "jobs"),
    _get(f"{HOME}/jobs/{{id}}", "job"),
    _get(f"{HOME}/verdicts", "verdicts"),
    _get(f"{HOME}/verdicts/{{id}}", "verdict"),
    _get(f"{HOME}/verdicts/{{id}}/difference", "difference"),
    _get(f"{HOME}/reviews", "reviews"),
    _get(f"{HOME}/reviews/{{id}}", "review"),
    _get(f"{HOME}/admissions", "admissions"),
    _get(f"{HOME}/admissions/{{id}}", "admission"),
    _get(f"{HOME}/waivers", "waivers"),
    _get(f"{HOME}/recalls", "recalls"),
    _get(f"{HOME}/loads", "loads", Role.REVIEWER, Role.AUDITOR),
    _get(f"{HOME}/audit", "audit", Role.AUDITOR),
    _post("/admissions", "admit", Role.REQUESTER),
    _post("/verdicts/{id}/review", "ask", Role.REQUESTER),
    _post("/reviews/{id}/decision", "decide", Role.REVIEWER),
    _post("/recalls", "recall", Role.REVIEWER),
    _post("/recalls/{id}/lift", "lift", Role.ADMIN),
)
"""As for the API: what a form does needs the role that the API's own row needs."""

BY_NAME = {row.name.removeprefix("dashboard."): row for row in ROWS}
