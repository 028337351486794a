"""Our own API: strict about what comes in, never a server error, each subject end to end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from secureload.gateway.principals import Role
from tests.builders import models, waivers
from tests.secureload.gateway.conftest import EVERYWHERE, Guarded, World
from tests.servers.loopback import ROOT
from tests.servers.service import Reply, Service

pytestmark = EVERYWHERE

API = "/api/secureload/v1"
ZEROS = "0" * 40


def post(service: Service, path: str, body: Any, token: str = "") -> Reply:
    return service.ask(f"{API}{path}", method="POST", body=json.dumps(body).encode(), token=token)


def upload(service: Service, files: dict[str, bytes], query: str = "") -> Reply:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n".encode()
        + content
        + b"\r\n"
        for name, content in files.items()
    ]
    return service.ask(
        f"{API}/scans{query}",
        method="POST",
        body=b"".join(parts) + f"--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )


def test_an_admission_is_asked_for_and_seen(world: World, service: Service) -> None:
    world.publish("org/asked", models.safe())
    job = post(service, "/admissions", {"repository": "org/asked", "wait": 120}).json
    assert job["state"] == "admitted"
    assert service.ask(f"{API}/jobs/{job['id']}").json["state"] == "admitted"
    admission = job["outcome"]["admission"]
    shown = service.ask(f"{API}/admissions/{admission}").json
    assert shown["commit"] == job["commit"]
    assert admission in {
        one["admission"] for one in service.ask(f"{API}/admissions?repository=org/asked").json
    }
    assert service.ask(f"{API}/admissions/{admission}/evidence").json == {}


def test_a_job_without_a_wait_is_accepted(world: World, service: Service) -> None:
    world.publish("org/later", models.safe())
    accepted = post(service, "/admissions", {"repository": "org/later"})
    assert accepted.status == 202
    assert accepted.headers["location"].endswith(accepted.json["id"])
    done = post(service, "/admissions", {"repository": "org/later", "wait": 120}).json
    assert done["state"] == "admitted"


def test_a_refusal_has_a_verdict_and_a_report(service: Service) -> None:
    job = post(service, "/admissions", {"repository": "org/evil", "wait": 120}).json
    assert job["state"] == "refused"
    (verdict, *_) = service.ask(f"{API}/verdicts?repository=org/evil&decision=deny").json
    report = service.ask(f"{API}/verdicts/{verdict['id']}/report").json
    rules = {line["finding"]["rule"] for line in report["findings"] if line["finding"]}
    assert "runs-shell" in rules
    assert report["attestation"]["status"] == "unsigned"


def test_a_verification_says_who_signed(service: Service) -> None:
    job = post(service, "/verifications", {"repository": "org/safe", "wait": 120}).json
    assert job["state"] == "done"
    assert job["outcome"]["document"]["status"] == "unsigned"


def test_an_upload_is_scanned_as_the_command_line_would(service: Service) -> None:
    evil = models.malicious("true")["pytorch_model.bin"]
    answer = upload(service, {"folder/model.bin": evil, "config.json": b"{}"})
    assert answer.status == 200, answer.body
    assert answer.headers["x-secureload-decision"] == "deny"
    verdicts = {file["path"]: file["verdict"] for file in answer.json["files"]}
    assert verdicts == {"folder/model.bin": "malicious", "config.json": "clean"}
    sarif = upload(service, {"model.bin": evil}, "?format=sarif")
    assert sarif.json["runs"][0]["results"]
    assert not list((service.home / "uploads").iterdir())


@pytest.mark.parametrize("name", ["../up", "/abs", "a/../../b", "", "a\\b", ".git/config"])
def test_an_upload_cannot_leave_its_folder(service: Service, name: str) -> None:
    assert upload(service, {name: b"{}"}).status == 422


def test_what_is_no_upload_is_refused(service: Service) -> None:
    assert post(service, "/scans", {}).status == 422
    assert upload(service, {}).status in {400, 422}
    assert upload(service, {"a": b"1", "a/b": b"2"}).status == 422
    huge = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(3 << 30)}
    too_large = service.ask(f"{API}/scans", method="POST", body=b"", headers=huge)
    assert too_large.status == 413


def test_nobody_decides_on_what_they_asked_for(guarded: Guarded) -> None:
    service, tokens = guarded
    both = post(
        service, "/tokens", {"name": "both", "roles": ["requester", "reviewer"]}, tokens[Role.ADMIN]
    ).json["token"]
    assert post(service, "/admissions", {"repository": "org/evil", "wait": 120}, both).json[
        "state"
    ] == "refused"  # fmt: skip
    (verdict, *_) = service.ask(f"{API}/verdicts?repository=org/evil", token=both).json
    asked = {"verdict": verdict["id"], "statement": "it is only a test"}
    review = post(service, "/reviews", asked, both).json
    decision = {"approve": False, "comment": "no"}

    own = post(service, f"/reviews/{review['id']}/decision", decision, both)
    assert (own.status, own.headers["x-error-code"]) == (403, "GatedRepo")
    other = post(service, f"/reviews/{review['id']}/decision", decision, tokens[Role.REVIEWER])
    assert other.json["state"] == "declined"
    assert other.json["decided_by"] == "reviewer"
    again = post(service, f"/reviews/{review['id']}/decision", decision, tokens[Role.REVIEWER])
    assert again.status == 409


def test_an_approved_review_lets_the_model_in_until_its_waiver_expires(
    world: World, guarded: Guarded
) -> None:
    service, tokens = guarded
    asker, reviewer = tokens[Role.REQUESTER], tokens[Role.REVIEWER]
    world.publish("org/odd", waivers.suspicious())
    body = {"repository": "org/odd", "wait": 120}
    assert post(service, "/admissions", body, asker).json["state"] == "refused"
    (verdict, *_) = service.ask(f"{API}/verdicts?repository=org/odd", token=asker).json
    asked = {"verdict": verdict["id"], "statement": "only names something"}
    review = post(service, "/reviews", asked, asker).json
    path = f"/reviews/{review['id']}/decision"

    late = {"approve": True, "comment": "for ever", "expires": "2999-01-01"}
    assert post(service, path, late, reviewer).status == 409
    approved = post(service, path, {"approve": True, "comment": "SEC-7"}, reviewer)

    assert approved.status == 200, approved.body
    assert "kind: Waiver" in approved.json["waiver"]
    assert post(service, "/admissions", body, asker).json["state"] == "admitted"
    every = service.ask(f"{API}/waivers", token=asker).json
    (waiver,) = [one for one in every if one["repos"] == ["org/odd"]]
    assert (waiver["owner"], waiver["approved_by"]) == ("requester", ["reviewer"])
    if world.cluster is not None:
        said = by_hand(world, "org/odd")
        assert said.returncode == 0, said.stdout + said.stderr
        assert "waived by requester" in said.stdout


def by_hand(world: World, name: str) -> subprocess.CompletedProcess[str]:
    """Admit a model on one more machine of an installation, with the command line."""
    assert world.cluster is not None
    own = {
        "HF_ENDPOINT": world.hub.url,
        "SECURELOAD_HOME": str(world.cluster.root / "by-hand"),
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-m", "secureload.cli", "admit", name, "--format", "json"],
        env={**os.environ, **world.cluster.environment, **own},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_nothing_excuses_is_not_approved(guarded: Guarded) -> None:
    service, tokens = guarded
    asker = tokens[Role.REQUESTER]
    post(service, "/admissions", {"repository": "org/evil", "wait": 120}, asker)
    (verdict, *_) = service.ask(f"{API}/verdicts?repository=org/evil", token=asker).json
    asked = {"verdict": verdict["id"], "statement": "please"}
    review = post(service, "/reviews", asked, asker).json
    decision = {"approve": True, "comment": "fine"}
    answer = post(service, f"/reviews/{review['id']}/decision", decision, tokens[Role.REVIEWER])
    assert answer.status == 409
    assert "malicious" in answer.json["detail"]


def test_a_recall_reaches_clients_and_names_who_fetched(world: World, guarded: Guarded) -> None:
    service, tokens = guarded
    commit = world.publish("org/recalled", models.safe())
    path = "/org/recalled/resolve/main/model.safetensors"
    assert service.ask(path, token=tokens[Role.REQUESTER]).status == 200
    loads = f"{API}/loads?repository=org/recalled"
    while not service.ask(loads, token=tokens[Role.AUDITOR]).json:
        pass

    asked = {"subject": f"org/recalled@{commit}", "reason": "SEC-118"}
    recalled = post(service, "/recalls", asked, tokens[Role.REVIEWER]).json

    assert len(recalled["admissions"]) == 1
    assert [load["client"] for load in recalled["loads"]] == ["requester"]
    refused = service.ask(path, token=tokens[Role.REQUESTER])
    assert refused.status == 403
    assert "SEC-118" in refused.headers["x-error-message"]
    pinned = service.ask(f"/org/recalled/resolve/{commit}/config.json", token=tokens[Role.READER])
    assert pinned.status == 403
    (standing,) = [
        one for one in service.ask(f"{API}/recalls", token=tokens[Role.READER]).json
        if one["subject"].endswith(commit)
    ]  # fmt: skip
    lifted = post(service, f"/recalls/{standing['id']}/lift", {}, tokens[Role.ADMIN])
    assert lifted.json["lifted_by"] == "admin"


def test_the_policy_in_force_is_shown(service: Service) -> None:
    shown = service.ask(f"{API}/policies").json
    assert shown["digest"] == service.ask("/readyz").json["policy"]
    assert shown["document"]["kind"] == "TrustPolicy"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/admissions", {}),
        ("/admissions", {"repository": "/etc"}),
        ("/admissions", {"repository": "../x"}),
        ("/admissions", {"repository": "org/safe", "unknown": 1}),
        ("/admissions", {"repository": "org/safe", "revision": "-x"}),
        ("/admissions", {"repository": 5}),
        ("/admissions", []),
        ("/verifications", {"repository": "org/safe", "wait": "soon"}),
        ("/reviews", {"verdict": "x", "statement": "y"}),
    ],
)
def test_what_is_not_valid_is_refused(service: Service, path: str, body: Any) -> None:
    answer = post(service, path, body)
    assert answer.status == 422, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["detail"]
