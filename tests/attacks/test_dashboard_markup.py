"""A publisher writes markup, terminal codes and reversed text where a reviewer will read them."""

from __future__ import annotations

import json
from pathlib import Path

from tests.builders import models, waivers
from tests.secureload.gateway.dashboard.browser import Person
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

MARKUP = "<img src=x onerror=alert(1)>"
NAME = f"notes \"{MARKUP}' \u202egnp.txt"
KEY = "</code><script>alert(2)</script>\x1b[2J"


def test_a_page_shows_it_as_text_and_lets_nothing_hide(tmp_path: Path) -> None:
    with LocalHub(root=tmp_path / "hub") as hub:
        repo = PublishedRepo(hub.root, "org/loud")
        with Service(
            home=tmp_path / "home", upstream=hub.url, options=("--wait", "120")
        ) as service:

            def admit() -> None:
                body = json.dumps({"repository": "org/loud", "wait": 120}).encode()
                service.ask("/api/secureload/v1/admissions", method="POST", body=body)

            def newest() -> str:
                found = service.ask("/api/secureload/v1/verdicts?repository=org/loud").json
                return f"/dashboard/verdicts/{found[0]['id']}"

            files = models.safe() | {"extra.json": b"{}"}
            repo.commit(files)
            admit()
            person = Person(service.url)
            said = {KEY: MARKUP, f"{MARKUP} chat_template": f"{KEY}\n{MARKUP}"}
            repo.commit(files | {"extra.json": json.dumps(said).encode(), "vocab.txt": waivers.ODD})
            admit()
            difference = person.see(f"{newest()}/difference").text
            repo.commit(files | {NAME: waivers.ODD, "vocab.txt": waivers.ODD})
            admit()
            report = person.see(newest()).text
            bad = person.see("/dashboard/verdicts", repository=f'"{MARKUP}').text

    for page in (difference, report, bad):
        assert "<img src=x" not in page
        assert "<script" not in page
        assert "\u202e" not in page
        assert "\x1b" not in page
    assert "&lt;script&gt;alert(2)&lt;/script&gt;\\x1b[2J" in difference
    assert "&lt;img src=x onerror=alert(1)&gt;" in difference
    assert "&#34;&lt;img src=x onerror=alert(1)&gt;" in bad
