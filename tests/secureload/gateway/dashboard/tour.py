"""The tour of a reviewer: a real browser from the queue to a recall, seen once by the test and
once by whoever makes the pictures for the documentation:

    python -m tests.secureload.gateway.dashboard.tour docs/images
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect, sync_playwright

from secureload.cache.layout import Layout
from secureload.gateway.dashboard.rows import HOME
from secureload.gateway.principals import Role
from secureload.ledger import tokens
from secureload.ledger.database import Database
from tests.builders import models, waivers
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

API = "/api/secureload/v1"
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
WIDTH = 1180

_POLICY = """apiVersion: secureload/v1
kind: TrustPolicy
metadata: {name: house}
spec:
  extends: default
  identity: {trustRoots: [publishers.yaml]}
"""
_ROOT = """apiVersion: secureload/v1
kind: TrustRoot
metadata: {name: publishers}
spec:
  keys:
    - {kind: openpgp, file: publisher.asc, repos: ["acme/*"]}
"""
_BEFORE = b"{% for m in messages %}\n<|{{ m.role }}|> {{ m.content }}\n{% endfor %}\n"
_AFTER = (
    b"{% for m in messages %}\n{% if m.role == 'system' %}{% continue %}{% endif %}\n"
    b"<|{{ m.role }}|> {{ m.content }}\n{% endfor %}\n"
)

Snap = Callable[[Page, str, str], None]
"""Called at each stop with the page, the stop's name, and the part of the page it is about."""


@dataclass(frozen=True, kw_only=True)
class House:
    """A service with people who have tokens, and models that wait to be judged."""

    service: Service
    repo: PublishedRepo
    tokens: dict[str, str]

    def admit(self, repository: str) -> Any:
        """Run a model through the gate, and give the job."""
        body = json.dumps({"repository": repository, "wait": 120}).encode()
        token = self.tokens["nora"]
        return self.service.ask(f"{API}/admissions", method="POST", body=body, token=token).json


@contextmanager
def house(root: Path) -> Iterator[House]:
    """One signed model admitted, its next revision refused, one that would run a command."""
    key = keys.openpgp("Acme Models")
    home = root / "home"
    (root / "policy").mkdir(parents=True)
    (root / "policy/house.yaml").write_text(_POLICY)
    (root / "policy/publishers.yaml").write_text(_ROOT)
    (root / "policy/publisher.asc").write_text(key.public)
    layout = Layout(home)
    layout.create()
    given = {}
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    with Database(layout.database, layout.locks / "ledger.lock").write() as session:
        for name, roles in {
            "nora": [Role.REQUESTER],
            "ravi": [Role.REVIEWER, Role.AUDITOR],
        }.items():
            named = [role.value for role in roles]
            _, given[name] = tokens.create(session, name, named, by="ops", at=now, expires=None)
    first = models.legacy() | {
        "chat_template.jinja": _BEFORE,
        "README.md": b"# Names in text\n",
    }
    config = json.loads(first["config.json"]) | {"attention_dropout": 0.2, "max_length": 384}
    second = first | {
        "config.json": json.dumps(config, indent=2).encode(),
        "chat_template.jinja": _AFTER,
        "vocab.txt": waivers.ODD,
    }
    with LocalHub(root=root / "hub") as hub:
        PublishedRepo(hub.root, "acme/sentiment").commit(models.malicious("id"))
        repo = PublishedRepo(hub.root, "acme/names")
        repo.commit(first, sign=key)
        policy = str(root / "policy/house.yaml")
        with Service(
            home=home, upstream=hub.url, options=("--wait", "120", "--policy", policy)
        ) as service:
            made = House(service=service, repo=repo, tokens=given)
            assert made.admit("acme/names")["state"] == "admitted"
            repo.commit(second, sign=key, message="Second")
            assert made.admit("acme/names")["state"] == "refused"
            assert made.admit("acme/sentiment")["state"] == "refused"
            yield made


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's Chromium, told to talk to nobody else."""
    found = shutil.which("chromium")
    assert found, "apt-get install --no-install-recommends chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield started
        finally:
            started.close()


def sign_in(page: Page, made: House, name: str) -> None:
    """Sign in with the keyboard alone: the field has the focus already."""
    page.goto(f"{made.service.url}{HOME}")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type(made.tokens[name])
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Queue")


def tab_to(page: Page, name: str, *, most: int = 90) -> None:
    """Press Tab until the element with this text or name has the focus, and shows that it has."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement; return [e.innerText || '', e.name || '',"
            " getComputedStyle(e).outlineStyle] }"
        )
        if name in (focused[0].strip(), focused[1]):
            assert focused[2] == "solid", f"{name} has the focus and does not show it"
            return
    raise AssertionError(f"{name} cannot be reached with the keyboard")


def ask_by_keyboard(page: Page, made: House) -> None:
    """The requester's way: queue, report, a statement; no mouse."""
    sign_in(page, made, "nora")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "acme/names")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("acme/names")
    tab_to(page, "statement")
    page.keyboard.type("The vocabulary is in our own format; see ticket 4411.")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("request for a review")


def decide_and_recall(page: Page, asker: Page, made: House, snap: Snap) -> None:
    """The reviewer's way: queue, report, difference, approval; admitted, loaded, recalled."""
    heading = page.get_by_role("heading", level=1)
    sign_in(page, made, "ravi")
    snap(page, "queue", "body")
    page.get_by_role("link", name="acme/sentiment").click()
    expect(page.locator(".reason.first")).to_contain_text("runs-shell")
    expect(page.locator(".trace")).to_contain_text("posix.system")
    snap(page, "report", "body")
    page.get_by_role("link", name="Queue", exact=True).click()
    page.get_by_role("link", name="acme/names").click()
    expect(page.get_by_text("The vocabulary is in our own format")).to_be_visible()
    page.get_by_role("link", name="The whole report").click()
    expect(page.locator(".chain li.ok").first).to_be_visible()
    assert page.locator(".chain li.broken").count() == 0
    snap(page, "chain", "section:has(.chain)")
    page.get_by_role("link", name="Difference").click()
    expect(page.locator("#main")).to_contain_text("max_length")
    snap(page, "difference", "body")
    page.go_back()
    page.get_by_role("link", name="Asked by nora").click()
    page.get_by_label("What you found").fill("Read it: 1024 bytes of table, no code.")
    page.get_by_label("Last day").fill((datetime.now(UTC) + timedelta(days=14)).date().isoformat())
    snap(page, "review", "body")
    page.get_by_role("button", name="Approve and waive").click()
    expect(page.get_by_role("status")).to_contain_text("Approved")
    expect(page.locator("pre.document")).to_contain_text("kind: Waiver")

    asker.reload()
    with asker.expect_navigation():
        asker.get_by_role("button", name="Ask for the admission again").click()
    for _ in range(240):
        if asker.locator(".titled .badge").inner_text() not in ("queued", "running"):
            break
        asker.wait_for_timeout(250)
        with asker.expect_navigation():  # else the page before might be read once more
            asker.get_by_role("link", name="Look again").click()
    expect(asker.locator(".titled .badge")).to_have_text("admitted")

    answer = made.service.ask(
        "/acme/names/resolve/main/model.safetensors", token=made.tokens["nora"],
        headers={"User-Agent": "hf_hub/2.4.0; python/3.12"},
    )  # fmt: skip
    assert answer.status == 200
    page.get_by_role("link", name="Admitted", exact=True).click()
    page.get_by_role("row", name="acme/names").first.get_by_role("link").first.click()
    expect(page.locator("#proof + p")).to_contain_text("torch-zip")
    expect(page.locator("#main")).to_contain_text("blake3:")
    snap(page, "admission", "body")
    page.get_by_label("Reason").fill("The publisher's key was stolen.")
    page.get_by_role("button", name="Recall").click()
    expect(page.get_by_role("status")).to_contain_text("Recalled")
    expect(page.locator("details")).to_contain_text("nora")
    snap(page, "recall", "body")
    page.get_by_role("link", name="Audit log").click()
    expect(heading).to_have_text("Audit log")
    expect(page.locator("tbody tr").first).to_contain_text("recalled")
    refused = made.service.ask(
        "/acme/names/resolve/main/model.safetensors", token=made.tokens["nora"]
    )
    assert refused.status == 403


def new_page(chromium: Browser, scheme: Any) -> Page:
    """A page of a fresh profile that logs nothing to the console and calls nobody else."""
    context = chromium.new_context(
        color_scheme=scheme,
        viewport={"width": WIDTH, "height": 900},
        reduced_motion="reduce",
        locale="en-GB",
    )
    page = context.new_page()
    page.set_default_timeout(60_000)  # machines under test are slow
    expect.set_options(timeout=60_000)
    return page


def _pictures(folder: Path) -> None:
    """Walk the tour and keep a picture of each stop, in the scheme that suits it."""
    from PIL import Image

    def snap(page: Page, name: str, part: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            taken = page.locator(part).screenshot()
            image = Image.open(io.BytesIO(taken)).convert("RGB")
            image = image.crop((0, 0, image.width, min(image.height, 1_250)))
            reduced = image.quantize(96, dither=Image.Dither.NONE)
            reduced.save(folder / f"dashboard-{name}-{scheme}.png", optimize=True)
        page.emulate_media(color_scheme="light")

    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        house(Path(scratch)) as made,
        browser() as chromium,
    ):
        asker, page = new_page(chromium, "light"), new_page(chromium, "light")
        ask_by_keyboard(asker, made)
        decide_and_recall(page, asker, made, snap)


if __name__ == "__main__":
    _pictures(Path(sys.argv[1]))
