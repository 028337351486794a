"""The pages say what the ledger says, and forms do what the API does, for those who may."""

from __future__ import annotations

import json
import re

import httpx2
import pytest

from secureload.gateway.dashboard.rows import HOME
from secureload.gateway.principals import Role
from tests.builders import models, waivers
from tests.secureload.gateway.conftest import EVERYWHERE, Guarded, World
from tests.secureload.gateway.dashboard.browser import Person, text_of
from tests.servers.service import Service

API = "/api/secureload/v1"


@pytest.fixture
def people(guarded: Guarded) -> dict[Role, Person]:
    service, tokens = guarded
    return {role: Person(service.url, token) for role, token in tokens.items()}


def admit(service: Service, token: str, repository: str) -> dict[str, str]:
    """Run a model through the gate, and give the job."""
    body = json.dumps({"repository": repository, "wait": 120}).encode()
    job: dict[str, str] = service.ask(
        f"{API}/admissions", method="POST", body=body, token=token
    ).json
    return job


def verdict_of(service: Service, token: str, repository: str) -> str:
    found = service.ask(f"{API}/verdicts?repository={repository}", token=token).json
    return str(found[0]["id"])


def test_whoever_has_not_signed_in_is_asked_to_and_led_on(guarded: Guarded) -> None:
    service, tokens = guarded
    person = Person(service.url)
    asked = person.see(f"{HOME}/verdicts?decision=deny")
    assert asked.status_code == 401
    assert "needs a token" in asked.text
    form = person.form(f"{HOME}/verdicts?decision=deny", f"{HOME}/sign-in")
    wrong = person.client.post(f"{HOME}/sign-in", data={**form, "token": "slt_wrong"})
    assert (wrong.status_code, "unknown here" in wrong.text) == (401, True)
    right = person.client.post(f"{HOME}/sign-in", data={**form, "token": tokens[Role.READER]})
    assert (right.status_code, right.headers["location"]) == (
        303,
        f"{HOME}/verdicts?decision=deny",
    )
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert tokens[Role.READER] not in cookie
    assert person.see(f"{HOME}/verdicts").status_code == 200
    left = person.send(HOME, f"{HOME}/sign-out")
    assert left.status_code == 303
    assert person.see(HOME).status_code == 401


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/dashboardevil"]
)
def test_a_sign_in_leads_nowhere_else(guarded: Guarded, elsewhere: str) -> None:
    service, tokens = guarded
    person = Person(service.url)
    answer = person.send(
        f"{HOME}/sign-in", f"{HOME}/sign-in", token=tokens[Role.READER], next=elsewhere
    )
    assert answer.headers["location"] == HOME


def test_a_session_ends_with_its_token(guarded: Guarded) -> None:
    service, tokens = guarded
    admin = tokens[Role.ADMIN]
    body = json.dumps({"name": "leaving", "roles": ["reader"]}).encode()
    made = service.ask(f"{API}/tokens", method="POST", body=body, token=admin).json
    person = Person(service.url, made["token"])
    assert person.see(HOME).status_code == 200
    service.ask(f"{API}/tokens/{made['id']}", method="DELETE", token=admin)
    assert person.see(HOME).status_code == 401


def test_a_cookie_that_was_edited_is_nobody(guarded: Guarded) -> None:
    service, tokens = guarded
    person = Person(service.url, tokens[Role.REVIEWER])
    (name, value), *_ = person.client.cookies.items()
    payload, _, rest = value.partition(".")
    flipped = payload[:-1] + ("A" if payload[-1] != "A" else "B")
    answer = httpx2.get(
        f"{service.url}{HOME}", headers={"Cookie": f"{name}={flipped}.{rest}"}, trust_env=False
    )
    assert answer.status_code == 401


def test_every_page_forbids_scripts_and_has_none(people: dict[Role, Person]) -> None:
    for path in ("", "/verdicts", "/reviews", "/admissions", "/jobs", "/waivers", "/recalls"):
        page = people[Role.REVIEWER].see(f"{HOME}{path}")
        assert page.status_code == 200, path
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "<script" not in page.text
        assert not re.search(r"\son\w+=|style=\"|javascript:", page.text), path
        assert 'href="#main"' in page.text
        assert '<main id="main"' in page.text


def test_a_form_without_its_proof_or_from_elsewhere_does_nothing(
    guarded: Guarded, people: dict[Role, Person]
) -> None:
    person, action = people[Role.REVIEWER], f"{HOME}/recalls"
    typed = {"subject": f"org/safe@{'0' * 40}", "reason": "not theirs to say"}
    form = person.form(f"{HOME}/recalls", action) | typed
    for bad in ({**form, "proof": ""}, {**form, "proof": "AAAA"}, typed):
        assert person.client.post(action, data=bad).status_code == 403
    foreign = person.client.post(action, data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code == 403
    borrowed = people[Role.AUDITOR].form(HOME, f"{HOME}/sign-out")["proof"]
    assert person.client.post(action, data={**form, "proof": borrowed}).status_code == 403
    assert "not theirs to say" not in person.see(f"{HOME}/recalls").text


def test_a_page_that_is_not_there_and_one_that_is_not_theirs_say_so(
    people: dict[Role, Person],
) -> None:
    reader = people[Role.READER]
    for path in ("/nothing", "/verdicts/zz", f"/verdicts/{'0' * 32}", "/static/../app.py"):
        missing = reader.see(f"{HOME}{path}")
        assert missing.status_code == 404, path
        assert "Not found" in missing.text
        assert missing.headers["content-type"].startswith("text/html")
    barred = reader.see(f"{HOME}/audit")
    assert (barred.status_code, "it needs the role auditor" in barred.text) == (403, True)
    assert "Audit log" not in reader.see(HOME).text
    assert "Audit log" in people[Role.AUDITOR].see(HOME).text


def test_a_report_shows_the_deciding_rule_and_the_pickle_trace(
    guarded: Guarded, people: dict[Role, Person]
) -> None:
    service, tokens = guarded
    admit(service, tokens[Role.REQUESTER], "org/evil")
    verdict = verdict_of(service, tokens[Role.READER], "org/evil")
    assert verdict in people[Role.REVIEWER].see(HOME).text
    said = text_of(people[Role.REVIEWER].see(f"{HOME}/verdicts/{verdict}").text)
    assert "The deciding rule runs-shell" in said
    assert "Policy line" in said
    assert re.search(r"byte \d+ (GLOBAL|REDUCE) posix\.system", said)
    assert "Who signed unsigned" in said


def test_a_review_is_asked_for_decided_and_its_model_let_in_and_recalled(
    world: World, guarded: Guarded, people: dict[Role, Person]
) -> None:
    service, tokens = guarded
    asker, reviewer = people[Role.REQUESTER], people[Role.REVIEWER]
    world.publish("org/paged", waivers.suspicious())
    assert admit(service, tokens[Role.REQUESTER], "org/paged")["state"] == "refused"
    verdict = f"{HOME}/verdicts/{verdict_of(service, tokens[Role.READER], 'org/paged')}"

    asked = asker.send(verdict, f"{verdict}/review", statement="a table of\nour own")
    review = asked.headers["location"].partition("?")[0]
    assert "a table of our own" in reviewer.see(HOME).text
    assert "Decide</h2>" not in asker.see(review).text
    unsaid = reviewer.send(review, f"{review}/decision", comment="", decision="approve")
    assert (unsaid.status_code, 'role="alert"' in unsaid.text) == (422, True)
    done = reviewer.send(review, f"{review}/decision", comment="read it", decision="approve")
    assert done.headers["location"] == f"{review}?done=approved"
    assert "kind: Waiver" in reviewer.see(review).text
    assert "read it" in reviewer.see(f"{HOME}/waivers").text

    again = asker.send(review, f"{HOME}/admissions")
    assert again.headers["location"].startswith(f"{HOME}/jobs/")
    job = admit(service, tokens[Role.REQUESTER], "org/paged")
    assert job["state"] == "admitted"
    admission = f"{HOME}/admissions/{job['outcome']['admission']}"  # type: ignore[index]
    assert service.ask(
        "/org/paged/resolve/main/model.safetensors", token=tokens[Role.READER]
    ).status == 200  # fmt: skip
    shown = text_of(reviewer.see(admission).text)
    assert "torch-zip" in shown
    assert "blake3:" in shown
    gone = reviewer.send(admission, f"{HOME}/recalls", reason="it turned out bad")
    assert gone.headers["location"] == f"{HOME}/recalls?done=recalled"
    listed = text_of(reviewer.see(f"{HOME}/recalls").text)
    assert "it turned out bad" in listed
    assert "Loaded 1 time before" in listed
    assert reviewer.see(admission).status_code == 404


def test_nobody_decides_on_what_they_asked_for(world: World, guarded: Guarded) -> None:
    service, tokens = guarded
    body = json.dumps({"name": "two-hats", "roles": ["requester", "reviewer"]}).encode()
    token = service.ask(f"{API}/tokens", method="POST", body=body, token=tokens[Role.ADMIN]).json
    both = Person(service.url, token["token"])
    other = Person(service.url, tokens[Role.REVIEWER])
    world.publish("org/hats", waivers.suspicious())
    admit(service, tokens[Role.REQUESTER], "org/hats")
    verdict = f"{HOME}/verdicts/{verdict_of(service, tokens[Role.READER], 'org/hats')}"
    asked = both.send(verdict, f"{verdict}/review", statement="mine")
    review = asked.headers["location"].partition("?")[0]
    page = both.see(review).text
    assert "someone else decides" in page
    assert f"{review}/decision" not in page
    proof = other.form(review, f"{review}/decision")["proof"]
    own = {"proof": both.form(HOME, f"{HOME}/sign-out")["proof"]}
    assert proof != own["proof"]
    answer = both.client.post(
        f"{review}/decision", data={**own, "comment": "fine", "decision": "approve"}
    )
    assert answer.status_code == 403
    assert "open" in other.see(review).text


@EVERYWHERE
def test_the_difference_names_settings_templates_code_globals_and_tensors(
    world: World, guarded: Guarded, people: dict[Role, Person]
) -> None:
    service, tokens = guarded
    first = models.safe() | {"chat_template.jinja": b"{{ messages }}\n"}
    world.publish("org/moving", first)
    assert admit(service, tokens[Role.REQUESTER], "org/moving")["state"] == "admitted"
    config = json.loads(first["config.json"])
    config["hidden_dropout_prob_new"] = 0.25
    second = first | {
        "config.json": json.dumps(config).encode(),
        "chat_template.jinja": b"{{ messages | length }}\n",
        "model.safetensors": models.flipped(first["model.safetensors"]),
    }
    world.publish("org/moving", second)
    assert admit(service, tokens[Role.REQUESTER], "org/moving")["state"] == "admitted"
    reviewer = people[Role.REVIEWER]
    verdict = verdict_of(service, tokens[Role.READER], "org/moving")
    page = reviewer.see(f"{HOME}/verdicts/{verdict}/difference")
    said = text_of(page.text)
    assert "config.json › hidden_dropout_prob_new + added — 0.25" in said
    assert "-{{ messages }} +{{ messages | length }}" in said
    assert re.search(r"~ changed float32 [\d×]+, blake3:\w{12} float32", said)

    third = second | models.malicious("true") | {"chat_template.jinja": b"{{ 7 }}\n"}
    del third["model.safetensors"]
    world.publish("org/moving", third)
    assert admit(service, tokens[Role.REQUESTER], "org/moving")["state"] == "refused"
    verdict = verdict_of(service, tokens[Role.READER], "org/moving")
    said = text_of(reviewer.see(f"{HOME}/verdicts/{verdict}/difference").text)
    assert "posix.system + added" in said
    # Its bytes are not kept: the hub gives them again, and they are those that were judged.
    assert "-{{ messages | length }} +{{ 7 }}" in said
    assert "not admitted, so its tensors are not kept" in said


def test_a_list_has_pages(guarded: Guarded, people: dict[Role, Person]) -> None:
    auditor = people[Role.AUDITOR]
    service, tokens = guarded
    for number in range(14):
        body = json.dumps({"name": f"many{number}", "roles": ["reader"], "days": 1}).encode()
        made = service.ask(f"{API}/tokens", method="POST", body=body, token=tokens[Role.ADMIN])
        service.ask(f"{API}/tokens/{made.json['id']}", method="DELETE", token=tokens[Role.ADMIN])
    newest = auditor.see(f"{HOME}/audit").text
    older = auditor.see(f"{HOME}/audit", page="2").text
    rows = [
        [int(n) for n in re.findall(r'<th scope="row" class="number">(\d+)', page)]
        for page in (newest, older)
    ]
    assert rows[0] == sorted(rows[0], reverse=True)
    assert rows[0][-1] == rows[1][0] + 1
    assert 'rel="next"' in newest
    assert auditor.see(f"{HOME}/audit", page="99999").status_code == 200
    assert auditor.see(f"{HOME}/audit", page="-1e9").status_code == 200
