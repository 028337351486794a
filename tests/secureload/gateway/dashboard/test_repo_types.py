"""What is no model says what it is, wherever its name is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from secureload.cache.layout import Layout
from secureload.gateway.dashboard.rows import HOME
from secureload.gateway.principals import Role
from secureload.ledger.database import Database
from tests.builders import repo_types
from tests.secureload.gateway.conftest import World, tokens_of_roles
from tests.secureload.gateway.dashboard.browser import Person, text_of
from tests.servers.cluster import WAIT
from tests.servers.service import Service

API = "/api/secureload/v1"
PICKLED = {"samples.tar": repo_types.samples({"0.pickle": repo_types.PICKLED})}
LABELS = {"datasets/org/listed": "dataset", "datasets/org/barred": "dataset",
          "spaces/org/unseen": "Space", "org/safe": ""}  # fmt: skip
_BADGE = '<span class="badge"><span class="unseen">Type: </span>{}</span>'


@pytest.fixture(scope="module")
def people(alone: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Role, Person]]:
    """Who is at a service that was asked for a model, two datasets and a Space."""
    root = tmp_path_factory.mktemp("types")
    alone.publish("datasets/org/listed", repo_types.dataset())
    alone.publish("datasets/org/barred", PICKLED)
    alone.publish("spaces/org/unseen", repo_types.space())
    policy = root / "policy.yaml"
    policy.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: data}\n"
        "spec: {repoTypes: [model, dataset, space]}\n"
    )
    layout = Layout(root / "home")
    layout.create()
    given = tokens_of_roles(Database(layout.database, layout.locks / "ledger.lock"))
    options = (*WAIT, "--policy", str(policy))
    with Service(home=layout.home, upstream=alone.hub.url, options=options) as service:
        for name in LABELS:
            body = json.dumps({"repository": name, "wait": 120}).encode()
            service.ask(f"{API}/admissions", method="POST", body=body, token=given[Role.REQUESTER])
        yield {role: Person(service.url, token) for role, token in given.items()}


@pytest.fixture
def asked(people: dict[Role, Person]) -> Person:
    """A reviewer there."""
    return people[Role.REVIEWER]


def named(person: Person, path: str, link: str, **query: str) -> dict[str, str]:
    """For each row whose name leads to `link`: the name, and what comes between it and the next
    cell."""
    page = person.see(f"{HOME}{path}", **query).text
    row = re.compile(rf'<th scope="row"><a href="{HOME}/{link}/\w+">([^<]*)</a>(.*?)</th>')
    return {name: rest.strip() for name, rest in row.findall(page)}


def wanted(*names: str) -> dict[str, str]:
    return {name: _BADGE.format(label) if (label := LABELS[name]) else "" for name in names}


def test_lists_say_what_is_no_model(asked: Person) -> None:
    assert named(asked, "/admissions", "admissions") == wanted("datasets/org/listed", "org/safe")
    assert named(asked, "/verdicts", "verdicts") == wanted(*LABELS)
    assert named(asked, "/jobs", "jobs") == wanted(*LABELS)


@pytest.mark.parametrize("name", list(LABELS))
def test_a_report_says_what_is_no_model(asked: Person, name: str) -> None:
    label = f"Type: {LABELS[name]}" if LABELS[name] else ""
    for place in ("verdicts", "jobs"):
        (path,) = set(
            re.findall(
                rf'<a href="({HOME}/{place}/\w+)">{name}</a>', asked.see(f"{HOME}/{place}").text
            )
        )
        page = asked.see(path).text
        if label:
            assert re.search(rf"{name} {label}\b", text_of(page)), path
        else:
            assert "Type:" not in page, path
        if place == "verdicts":
            difference = text_of(asked.see(f"{path}/difference").text)
            assert (label in difference) if label else ("Type:" not in difference)


def test_an_admission_says_what_is_no_model(asked: Person) -> None:
    listed = asked.see(f"{HOME}/admissions").text
    for name in ("datasets/org/listed", "org/safe"):
        (path,) = re.findall(rf'<a href="({HOME}/admissions/\w+)">{name}</a>', listed)
        titled = re.search(r'<div class="titled">(.*?)</div>', asked.see(path).text, re.DOTALL)
        assert titled is not None
        badge = wanted(name)[name]
        assert (badge in titled[1]) if badge else ("Type:" not in titled[1])


def test_the_queue_and_a_review_say_what_is_no_model(people: dict[Role, Person]) -> None:
    asked = people[Role.REVIEWER]
    assert named(asked, "", "verdicts") == wanted("datasets/org/barred", "spaces/org/unseen")
    (path,) = set(
        re.findall(
            rf'<a href="({HOME}/verdicts/\w+)">datasets/org/barred</a>',
            asked.see(f"{HOME}/verdicts").text,
        )
    )
    sent = people[Role.REQUESTER].send(path, f"{path}/review", statement="we know them")
    assert sent.status_code == 303, sent.text
    assert named(asked, "/reviews", "reviews") == wanted("datasets/org/barred")
    assert "Type: dataset" in text_of(asked.see(sent.headers["location"]).text)
    assert "datasets/org/barred Type: dataset refused" in text_of(asked.see(HOME).text)
