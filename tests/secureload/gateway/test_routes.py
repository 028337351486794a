"""Who may do what: every role at every route, and no route without a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secureload.gateway.config import Config
from secureload.gateway.dashboard import ROWS
from secureload.gateway.principals import Role
from secureload.gateway.routes import ROUTES, Row, Table
from secureload.settings import Settings
from tests.secureload.gateway.conftest import Guarded

R, Q, V, A, U = Role.READER, Role.REQUESTER, Role.REVIEWER, Role.ADMIN, Role.AUDITOR
EVERYONE = {R, Q, V, A, U}
API = "/api/secureload/v1"
PAGES = "/dashboard"

MATRIX: dict[tuple[str, str], set[Role] | None] = {
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): None,
    ("GET", f"{API}/openapi.json"): None,
    ("GET", f"{API}/whoami"): EVERYONE,
    ("POST", f"{API}/scans"): {Q},
    ("POST", f"{API}/admissions"): {Q},
    ("GET", f"{API}/admissions"): EVERYONE,
    ("GET", f"{API}/admissions/{{id}}"): EVERYONE,
    ("GET", f"{API}/admissions/{{id}}/evidence"): EVERYONE,
    ("POST", f"{API}/verifications"): {Q},
    ("GET", f"{API}/jobs"): EVERYONE,
    ("GET", f"{API}/jobs/{{id}}"): EVERYONE,
    ("GET", f"{API}/verdicts"): EVERYONE,
    ("GET", f"{API}/verdicts/{{id}}"): EVERYONE,
    ("GET", f"{API}/verdicts/{{id}}/report"): EVERYONE,
    ("GET", f"{API}/policies"): EVERYONE,
    ("GET", f"{API}/reviews"): EVERYONE,
    ("POST", f"{API}/reviews"): {Q},
    ("GET", f"{API}/reviews/{{id}}"): EVERYONE,
    ("POST", f"{API}/reviews/{{id}}/decision"): {V},
    ("GET", f"{API}/waivers"): EVERYONE,
    ("GET", f"{API}/recalls"): EVERYONE,
    ("POST", f"{API}/recalls"): {V},
    ("POST", f"{API}/recalls/{{id}}/lift"): {A},
    ("GET", f"{API}/loads"): {V, U},
    ("GET", f"{API}/audit"): {U},
    ("GET", f"{API}/tokens"): {A, U},
    ("POST", f"{API}/tokens"): {A},
    ("DELETE", f"{API}/tokens/{{id}}"): {A},
    ("GET", "/"): EVERYONE,
    ("GET", f"{PAGES}/static/{{name}}"): None,
    ("GET", f"{PAGES}/sign-in"): None,
    ("POST", f"{PAGES}/sign-in"): None,
    ("POST", f"{PAGES}/sign-out"): None,
    ("GET", PAGES): EVERYONE,
    ("GET", f"{PAGES}/jobs"): EVERYONE,
    ("GET", f"{PAGES}/jobs/{{id}}"): EVERYONE,
    ("GET", f"{PAGES}/verdicts"): EVERYONE,
    ("GET", f"{PAGES}/verdicts/{{id}}"): EVERYONE,
    ("GET", f"{PAGES}/verdicts/{{id}}/difference"): EVERYONE,
    ("POST", f"{PAGES}/verdicts/{{id}}/review"): {Q},
    ("GET", f"{PAGES}/reviews"): EVERYONE,
    ("GET", f"{PAGES}/reviews/{{id}}"): EVERYONE,
    ("POST", f"{PAGES}/reviews/{{id}}/decision"): {V},
    ("GET", f"{PAGES}/admissions"): EVERYONE,
    ("POST", f"{PAGES}/admissions"): {Q},
    ("GET", f"{PAGES}/admissions/{{id}}"): EVERYONE,
    ("GET", f"{PAGES}/waivers"): EVERYONE,
    ("GET", f"{PAGES}/recalls"): EVERYONE,
    ("POST", f"{PAGES}/recalls"): {V},
    ("POST", f"{PAGES}/recalls/{{id}}/lift"): {A},
    ("GET", f"{PAGES}/loads"): {V, U},
    ("GET", f"{PAGES}/audit"): {U},
    ("GET", "/api/agent-harnesses"): None,
    ("GET", "/api/whoami-v2"): EVERYONE,
    **{
        (method, f"/api/{types}{path}"): EVERYONE
        for types in ("models", "datasets", "spaces")
        for method, path in (
            ("GET", ""),
            ("GET", "/{repo}"),
            ("GET", "/{repo}/revision/{revision}"),
            ("GET", "/{repo}/tree/{revision}"),
            ("GET", "/{repo}/tree/{revision}/{path}"),
            ("POST", "/{repo}/paths-info/{revision}"),
            ("GET", "/{repo}/commits/{revision}"),
            ("GET", "/{repo}/refs"),
            ("GET", "/{repo}/auth-check"),
        )
    },
    **{(m, "/api/datasets/{path}"): EVERYONE for m in ("GET", "POST", "PUT", "DELETE")},
    **{(m, "/api/spaces/{path}"): EVERYONE for m in ("GET", "POST", "PUT", "DELETE")},
    ("GET", "/datasets/{path}"): EVERYONE,
    ("GET", "/spaces/{path}"): EVERYONE,
    **{(m, "/api/{path}"): EVERYONE for m in ("POST", "PUT", "DELETE")},
    **{
        ("GET", f"{prefix}/{{repo}}/{verb}/{{revision}}/{{path}}"): EVERYONE
        for prefix in ("", "/datasets", "/spaces")
        for verb in ("resolve", "raw")
    },
}
"""What the table must say; written out here so that a change of it is a change of two files."""

FIELDS = {"repo": "org/safe", "revision": "main", "path": "config.json", "id": "0" * 32}
FIELDS["name"] = "style.css"


def fill(template: str) -> str:
    for name, value in FIELDS.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def test_the_table_is_the_matrix() -> None:
    table = {
        (method, row.template): set(row.roles) if row.roles is not None else None
        for row in (*ROWS, *ROUTES)
        for method in row.methods - {"HEAD"}
    }
    assert table == MATRIX


@pytest.mark.parametrize(
    ("path", "repo"),
    [
        ("/api/models/org/x", "org/x"),
        ("/api/datasets/org/x", "datasets/org/x"),
        ("/api/spaces/org/x/refs", "spaces/org/x"),
        ("/datasets/org/x/resolve/main/a/b", "datasets/org/x"),
        ("/datasets/x/resolve/main/a", "datasets/x"),
        ("/org/x/resolve/main/a", "org/x"),
        # What another type's rows are for is not reached by those of models.
        ("/api/models/datasets/x", "models/datasets/x"),
        ("/api/models/spaces%2Fx/refs", "models/spaces/x"),
        ("/spaces%2Fx/resolve/main/a", "models/spaces/x"),
    ],
)
def test_a_row_gives_the_name_with_its_type(path: str, repo: str) -> None:
    matched = Table().match("GET", path)
    assert not isinstance(matched, frozenset)
    assert matched.fields["repo"] == repo


def test_the_dashboards_rows_need_the_roles_of_the_api() -> None:
    rows = {(method, row.template): row.roles for row in ROWS for method in row.methods}
    public = {template for (_, template), roles in rows.items() if roles is None}
    assert public == {f"/dashboard/{name}" for name in ("static/{name}", "sign-in", "sign-out")}
    as_in_the_api = {
        "/admissions": "/admissions",
        "/verdicts/{id}/review": "/reviews",
        "/reviews/{id}/decision": "/reviews/{id}/decision",
        "/recalls": "/recalls",
        "/recalls/{id}/lift": "/recalls/{id}/lift",
    }
    posts = {template for method, template in rows if method == "POST"} - public
    assert posts == {f"/dashboard{page}" for page in as_in_the_api}
    for page, path in as_in_the_api.items():
        assert rows["POST", f"/dashboard{page}"] == MATRIX["POST", f"{API}{path}"]
    for page in ("loads", "audit"):
        assert rows["GET", f"/dashboard/{page}"] == MATRIX["GET", f"{API}/{page}"]


def test_no_route_of_the_api_is_without_a_row(tmp_path: Path) -> None:
    from secureload.gateway import app
    from secureload.gateway.parts import services

    settings = Settings(
        home=tmp_path, endpoint="http://127.0.0.1:9", policy="default", offline=True
    )
    made = app.App(services(Config(settings=settings, policy="default")))
    routes = {
        (method.upper(), path)
        for path, methods in made.api.openapi()["paths"].items()
        for method in methods
    }
    assert len(routes) > 20
    ours = {key for key in MATRIX if key[1].startswith(API) and not key[1].endswith(".json")}
    assert routes == ours


def test_a_row_without_a_handler_is_noticed(tmp_path: Path) -> None:
    from secureload.gateway import app
    from secureload.gateway.parts import services

    settings = Settings(
        home=tmp_path, endpoint="http://127.0.0.1:9", policy="default", offline=True
    )
    parts = services(Config(settings=settings, policy="default"))
    row = Row(name="new", methods=frozenset({"GET"}), template="/new", roles=frozenset({R}))
    with pytest.raises(LookupError):
        app.App(parts, rows=[row])


@pytest.mark.parametrize("role", [None, *Role], ids=lambda role: role.value if role else "nobody")
def test_every_role_at_every_route(guarded: Guarded, role: Role | None) -> None:
    service, tokens = guarded
    for (method, template), allowed in MATRIX.items():
        path = fill(template)
        answer = service.ask(
            path,
            method=method,
            token=tokens[role] if role else "",
            body=b"not json" if method in {"POST", "PUT"} else None,
        )
        needed = "it needs the role" in answer.headers.get("x-error-message", "")
        if allowed is None or role in allowed:
            assert answer.status != 401, (method, path)
            assert not needed, (method, path)
            assert answer.status < 500, (method, path, answer.body)
        elif role is None:
            assert answer.status == 401, (method, path)
        else:
            assert (answer.status, needed) == (403, True), (method, path)


def test_a_token_that_is_wrong_or_revoked_opens_nothing(
    guarded: Guarded,
) -> None:
    service, tokens = guarded
    assert service.ask(f"{API}/whoami", token="slt_wrong").status == 401
    body = json.dumps({"name": "short", "roles": ["reader"], "days": 1}).encode()
    made = service.ask(f"{API}/tokens", method="POST", body=body, token=tokens[A]).json
    assert service.ask(f"{API}/whoami", token=made["token"]).json["name"] == "short"
    gone = service.ask(f"{API}/tokens/{made['id']}", method="DELETE", token=tokens[A])
    assert gone.status == 200
    assert service.ask(f"{API}/whoami", token=made["token"]).status == 401
    listed = service.ask(f"{API}/tokens", token=tokens[U])
    assert made["token"].encode() not in listed.body


def test_a_reader_starts_no_admission(guarded: Guarded) -> None:
    service, tokens = guarded
    refused = service.ask("/api/models/org/legacy", token=tokens[R])
    assert refused.status == 403
    assert "requester" in refused.headers["x-error-message"]


def test_a_path_that_is_in_no_row_does_not_exist() -> None:
    table = Table()
    assert table.match("GET", "/nothing") == frozenset()
    assert table.match("PATCH", "/livez") == {"GET", "HEAD"}
    assert table.match("GET", "/org/model/resolve/a%2Fb/c/d").fields == {  # type: ignore[union-attr]
        "repo": "org/model",
        "revision": "a/b",
        "path": "c/d",
    }
