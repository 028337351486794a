"""People and workloads at a whole service, set up by a file, with a real issuer behind it."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from secureload.gateway.oidc.sign_in import ROWS
from tests.servers.issuer import CLIENT, SECRET, Issuer
from tests.servers.service import Service

AUDIENCE = "https://models.example.org"
API = "/api/secureload/v1"

SETUP = """
apiVersion: secureload/v1
kind: Service
metadata: {{name: gateway}}
spec:
  offline: true
  logFormat: json
  limits: {{uploadBytes: 1000, downloads: 2}}
  oidc:
    - name: corp
      issuer: {people}
      clientId: {client}
      clientSecretFile: {secret}
      scopes: [openid, email, groups]
      nameClaim: email
      grants:
        - {{roles: [reader, requester], claims: {{groups: ml-*}}}}
        - {{roles: [reviewer], claims: {{groups: security}}}}
    - name: ci
      issuer: {workloads}
      audience: {audience}
      grants:
        - {{roles: [requester], claims: {{repository: org/*, ref: refs/heads/main}}}}
"""


@dataclass(frozen=True)
class World:
    people: Issuer
    workloads: Issuer
    service: Service


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("oidc")
    (root / "secret").write_text(f"{SECRET}\n")
    with Issuer() as people, Issuer() as workloads:
        text = SETUP.format(
            people=people.url,
            workloads=workloads.url,
            client=CLIENT,
            secret=root / "secret",
            audience=AUDIENCE,
        )
        (root / "serve.yaml").write_text(text)
        options = ("--config", str(root / "serve.yaml"))
        with Service(home=root / "home", upstream="http://127.0.0.1:9", options=options) as one:
            yield World(people, workloads, one)


class Browser:
    """As much of one as a sign-in needs: cookies, no redirects followed by itself."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def get(self, url: str) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=180)
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection.request("GET", f"{parts.path}?{parts.query}", headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read().decode()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        headers = {name.lower(): value for name, value in answer.getheaders()}
        connection.close()
        return answer.status, headers, body


def begun(world: World, browser: Browser) -> str:
    """Go as far as the issuer's answer; returns where it sends the browser."""
    status, headers, _ = browser.get(f"{world.service.url}/sign-in")
    assert status == 303
    return browser.get(headers["location"])[1]["location"]


def token_in(page: str) -> str:
    found = re.search(r"slt_[\w-]+", page)
    assert found
    return found[0]


def test_the_pages_are_for_whoever_comes() -> None:
    assert {(row.template, row.roles) for row in ROWS} == {
        ("/sign-in", None),
        ("/sign-in/callback", None),
    }


def test_a_person_signs_in(world: World) -> None:
    browser = Browser()
    back = begun(world, browser)
    status, headers, page = browser.get(back)
    assert status == 200
    assert "no-store" in headers["cache-control"]
    token = token_in(page)
    who = world.service.ask(f"{API}/whoami", token=token).json
    assert who["name"] == "corp:alice@example.org"
    assert set(who["roles"]) == {"reader", "requester"}
    # The browser has a session of the dashboard, without any token typed in.
    assert browser.get(f"{world.service.url}/dashboard")[0] == 200
    assert Browser().get(f"{world.service.url}/dashboard")[0] == 401
    log = world.service.log()
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert token not in log
    assert SECRET not in log
    assert code not in log


def test_an_answer_is_good_once_and_in_its_own_browser(world: World) -> None:
    browser = Browser()
    back = begun(world, browser)
    kept = dict(browser.cookies)
    assert Browser().get(back)[0] == 401  # another's browser
    state = parse_qs(urlsplit(back).query)["state"][0]
    other = back.replace(state, "A" * len(state))
    assert browser.get(other)[0] == 401  # another state
    assert browser.get(back)[0] == 200
    browser.cookies = kept
    assert browser.get(back)[0] == 401  # the same again


def test_an_answer_to_another_sign_in_of_this_browser_is_not_taken(world: World) -> None:
    first, browser = Browser(), Browser()
    code = parse_qs(urlsplit(begun(world, first)).query)["code"][0]
    back = begun(world, browser)
    query = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    # The code of a sign-in that someone else began: PKCE and nonce are not ours.
    mixed = f"{world.service.url}/sign-in/callback?{urlencode({**query, 'code': code})}"
    assert browser.get(mixed)[0] == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"nonce": "another"}, 401),
        ({"iss": "https://evil.example"}, 401),
        ({"aud": "another-client"}, 401),
        ({"aud": [CLIENT, "other"]}, 401),
        ({"aud": [CLIENT, "other"], "azp": "other"}, 401),
        ({"exp": int(time.time()) - 3_600, "iat": int(time.time()) - 7_200}, 401),
        ({"email_verified": False}, 401),
        ({"groups": ["staff"]}, 403),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, dict) else str(part),
)
def test_an_id_token_that_is_not_good_signs_nobody_in(
    world: World, change: dict[str, object], status: int
) -> None:
    browser = Browser()
    back = begun(world, browser)
    world.people.change = dict(change)
    try:
        found, headers, page = browser.get(back)
    finally:
        world.people.change = {}
    assert found == status
    assert "slt_" not in page
    assert "set-cookie" not in headers


def test_the_issuers_no_is_passed_on_without_its_markup(world: World) -> None:
    browser = Browser()
    back = begun(world, browser)
    state = parse_qs(urlsplit(back).query)["state"][0]
    query = urlencode({"error": "access_denied<script>", "state": state})
    status, _, page = browser.get(f"{world.service.url}/sign-in/callback?{query}")
    assert status == 401
    assert "access_denied" in page
    assert "<script>" not in page


def test_a_workload_asks_with_its_platforms_token(world: World) -> None:
    claims = {"aud": AUDIENCE, "sub": "repo:org/app:ref:refs/heads/main"}
    main = {"repository": "org/app", "ref": "refs/heads/main"}
    token = world.workloads.sign({**claims, **main})
    who = world.service.ask(f"{API}/whoami", token=token).json
    assert who["name"] == "ci:repo:org/app:ref:refs/heads/main"
    assert who["roles"] == ["requester"]
    branch = world.workloads.sign({**claims, **main, "ref": "refs/heads/other"})
    assert world.service.ask(f"{API}/whoami", token=branch).status == 403
    assert world.service.ask(f"{API}/tokens", token=token).status == 403
    assert token not in world.service.log()


def test_tokens_of_others_open_nothing(world: World) -> None:
    # A person's token is no workload's, and another issuer's is nobody's.
    people = world.people.sign({"aud": CLIENT, "email": "a@example.org", "email_verified": True})
    assert world.service.ask(f"{API}/whoami", token=people).status == 401
    with Issuer() as other:
        token = other.sign({"aud": AUDIENCE, "repository": "org/app", "ref": "refs/heads/main"})
        assert world.service.ask(f"{API}/whoami", token=token).status == 401


def test_the_files_limits_hold(world: World) -> None:
    main = {"repository": "org/app", "ref": "refs/heads/main"}
    token = world.workloads.sign({"aud": AUDIENCE, **main})
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        + b"a" * 2_000
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = world.service.ask(
        f"{API}/scans", method="POST", token=token, body=body, headers=headers
    )
    assert answer.status == 413, json.dumps(answer.json)
