"""The Hub's protocol, byte for byte: what each answer holds, and what none may."""

from __future__ import annotations

import hashlib

import pytest

from tests.builders import models
from tests.secureload.gateway.conftest import EVERYWHERE, World
from tests.servers.service import Service

pytestmark = EVERYWHERE

FILE = "/org/legacy/resolve/main/model.safetensors"


def test_a_converted_model_has_a_revision_of_its_own(world: World, service: Service) -> None:
    info = service.ask("/api/models/org/legacy?blobs=true").json

    assert info["sha"] != world.commits["org/legacy"]
    assert info["secureload"]["upstream"] == world.commits["org/legacy"]
    names = {sibling["rfilename"] for sibling in info["siblings"]}
    assert "model.safetensors" in names
    assert not [name for name in names if name.endswith(".bin")]
    for revision in (info["sha"], world.commits["org/legacy"]):
        again = service.ask(f"/api/models/org/legacy/revision/{revision}?blobs=true")
        assert again.json == info


def test_a_model_served_as_it_was_published_keeps_its_commit(
    world: World, service: Service
) -> None:
    assert service.ask("/api/models/org/safe").json["sha"] == world.commits["org/safe"]


def test_what_a_file_is_said_to_be_is_what_it_is(service: Service) -> None:
    for entry in service.ask("/api/models/org/legacy/tree/main?recursive=true").json:
        path = f"/org/legacy/resolve/main/{entry['path']}"
        head = service.ask(path, method="HEAD")
        body = service.ask(path).body
        assert len(body) == entry["size"] == int(head.headers["content-length"])
        if "lfs" in entry:
            assert hashlib.sha256(body).hexdigest() == entry["lfs"]["oid"]
            assert head.headers["x-linked-etag"] == head.headers["etag"]
            assert head.headers["etag"] == f'"{entry["lfs"]["oid"]}"'
        else:
            plain = hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()
            assert head.headers["etag"] == f'"{entry["oid"]}"' == f'"{plain}"'


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=5-", 5, None),
        ("bytes=-7", -7, None),
        ("bytes=0-999999", 0, None),
    ],
)
def test_a_range_gives_that_part(service: Service, asked: str, begin: int, end: int | None) -> None:
    whole = service.ask(FILE).body
    part = service.ask(FILE, headers={"Range": asked})
    assert part.status == 206
    assert part.body == whole[begin:end]
    first = whole.index(part.body)
    said = f"bytes {first}-{first + len(part.body) - 1}/{len(whole)}"
    assert part.headers["content-range"] == said


def test_odd_ranges_are_refused_or_answered_whole(service: Service) -> None:
    whole = service.ask(FILE)
    for asked in ("bytes=9-5", "bytes=0-1,4-5", "pages=1-2", "bytes=-", "bytes=x-y"):
        assert service.ask(FILE, headers={"Range": asked}).body == whole.body
    beyond = service.ask(FILE, headers={"Range": f"bytes={len(whole.body)}-"})
    assert beyond.status == 416
    assert beyond.headers["content-range"] == f"bytes */{len(whole.body)}"
    old = {"Range": "bytes=0-1", "If-Range": '"another"'}
    assert service.ask(FILE, headers=old).status == 200
    known = {"If-None-Match": whole.headers["etag"]}
    assert service.ask(FILE, headers=known).status == 304


def test_no_answer_leads_off_the_service(world: World, service: Service) -> None:
    for path in (FILE, "/org/safe/resolve/main/config.json", "/api/models/org/legacy"):
        for method in ("GET", "HEAD"):
            answer = service.ask(path, method=method)
            assert answer.status == 200
            assert not [name for name in answer.headers if "xet" in name]
            assert "location" not in answer.headers
            assert world.hub.url not in str(answer.headers) + str(answer.body)


def test_pages_of_a_tree_join_to_the_whole(service: Service) -> None:
    whole = service.ask("/api/models/org/legacy/tree/main?recursive=true").json
    joined = []
    path = "/api/models/org/legacy/tree/main?recursive=true&limit=2"
    while path:
        page = service.ask(path)
        joined += page.json
        link = page.headers.get("link", "")
        path = link.partition(">")[0].partition("<")[2].removeprefix(service.url)
    assert joined == whole
    assert len(whole) > 2


def test_paths_info_takes_a_form_and_json(service: Service) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    path = "/api/models/org/legacy/paths-info/main"
    by_form = service.ask(path, method="POST", body=b"paths=config.json&paths=absent", headers=form)
    by_json = service.ask(path, method="POST", body=b'{"paths": ["config.json", "absent"]}')
    assert [entry["path"] for entry in by_form.json] == ["config.json"]
    assert by_json.json == by_form.json
    for body in (b"{", b"[]", b'{"paths": 5}', b'{"paths": [5]}'):
        assert service.ask(path, method="POST", body=body).status == 422


def test_missing_things_have_the_hubs_codes(service: Service) -> None:
    cases = {
        "/api/models/org/absent": (404, "RepoNotFound"),
        "/api/models/org/..%2f..": (404, "RepoNotFound"),
        "/api/models/org/legacy/revision/absent": (404, "RevisionNotFound"),
        "/org/legacy/resolve/main/absent.json": (404, "EntryNotFound"),
        "/org/legacy/resolve/main/pytorch_model.bin": (404, "EntryNotFound"),
        "/api/models/org/legacy/tree/main/absent": (404, "EntryNotFound"),
        "/api/models/org/evil": (403, "GatedRepo"),
        "/api/datasets/org/data": (403, "GatedRepo"),
        "/api/models/org/gated/auth-check": (403, "GatedRepo"),
        "/org/private/resolve/main/config.json": (404, "RepoNotFound"),
    }
    for path, (status, code) in cases.items():
        answer = service.ask(path)
        assert (path, answer.status, answer.headers.get("x-error-code")) == (path, status, code)
        assert answer.headers["x-error-message"] == answer.json["error"]
    head = service.ask("/org/legacy/resolve/main/absent.json", method="HEAD")
    assert head.headers["x-repo-commit"] == service.ask("/api/models/org/legacy").json["sha"]


def test_a_repository_without_a_file_that_is_needed_says_what_is_there(
    world: World, service: Service
) -> None:
    world.publish("org/pictures", {"a.png": b"png", "ink.safetensors": b"x"})
    for _ in range(2):
        answer = service.ask("/api/models/org/pictures")
        assert (answer.status, answer.headers.get("x-error-code")) == (404, "EntryNotFound")
        assert "there are only" in answer.json["error"]
        assert "'a.png', 'ink.safetensors'" in answer.json["error"]


def test_a_refusal_says_why(service: Service) -> None:
    refused = service.ask("/org/evil/resolve/main/config.json")
    assert refused.status == 403
    assert "runs-shell" in {reason["rule"] for reason in refused.json["reasons"]}
    assert "posix.system" in refused.headers["x-error-message"]


def test_every_variant_of_the_weights_is_served(world: World, service: Service) -> None:
    half = {"pytorch_model.fp16.bin": models.legacy()["pytorch_model.bin"]}
    world.publish("org/variants", models.safe() | half)
    listed = service.ask("/api/models/org/variants/tree/main").json
    names = {entry["path"] for entry in listed}
    assert {"model.safetensors", "model.fp16.safetensors"} <= names
    assert not [name for name in names if name.endswith(".bin")]


def test_the_evidence_is_beside_the_files(world: World, service: Service) -> None:
    found = service.ask("/org/legacy/resolve/main/.secureload/admission.json").json
    assert found["upstream"]["commit"] == world.commits["org/legacy"]
    served = {
        entry["path"]: entry["size"]
        for entry in service.ask("/api/models/org/legacy/tree/main?recursive=true").json
    }
    assert {file["path"]: file["size"] for file in found["files"]} == served
    assert service.ask("/org/legacy/resolve/main/.secureload/absent.json").status == 404


def test_a_token_of_the_hub_opens_only_what_the_hub_opens_to_it(service: Service) -> None:
    for name in ("org/gated", "org/private"):
        path = f"/{name}/resolve/main/config.json"
        assert service.ask(path, token="hf_right").status == 200
        assert service.ask(path, token="hf_wrong").status in {403, 404}
        assert service.ask(path).status in {403, 404}
        assert service.ask(path, token="hf_right").status == 200
    listed = {model["id"] for model in service.ask("/api/models").json}
    assert not listed & {"org/gated", "org/private"}


def test_there_is_nothing_but_the_table(service: Service) -> None:
    for path in ("/nothing", "/docs", "/org/legacy.git/info/refs", "/api/secureload/v1/docs"):
        assert service.ask(path).status in {404, 405}, path
    assert service.ask("/livez", method="POST", body=b"").status == 405
    assert service.ask("/api/repos/create", method="POST", body=b"{}").status == 403
