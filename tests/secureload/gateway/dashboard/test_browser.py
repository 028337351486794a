"""In a real browser: the whole way of a review in both colour schemes, part of it by keyboard."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from tests.secureload.gateway.dashboard import tour


def test_a_review_from_the_queue_to_a_recall(tmp_path: Path) -> None:
    said: list[str] = []
    asked: list[str] = []
    grounds: dict[str, set[str]] = {"light": set(), "dark": set()}

    def look(page: Page, name: str, _part: str) -> None:
        """At each stop, in each scheme: nothing spills over the page, and the scheme is kept."""
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            grounds[scheme].add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for width in (380, tour.WIDTH):
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is wider than a window of {width}"
        unnamed = page.evaluate(
            "() => [...document.querySelectorAll('input:not([type=hidden]), select')]"
            ".filter(e => !e.labels.length).map(e => e.name)"
        )
        assert unnamed == [], name
        headless = page.evaluate(
            "() => [...document.querySelectorAll('table')]"
            ".filter(t => !t.caption || !t.querySelector('th[scope=col]')).length"
        )
        assert headless == 0, name

    with tour.house(tmp_path) as made, tour.browser() as chromium:
        asker, page = (tour.new_page(chromium, "light"), tour.new_page(chromium, "dark"))
        for one in (asker, page):
            one.on("console", lambda message: said.append(message.text))
            one.on("request", lambda request: asked.append(request.url))
        tour.ask_by_keyboard(asker, made)
        tour.decide_and_recall(page, asker, made, look)

    assert [text for text in said if "Content Security Policy" in text] == []
    assert {url.startswith(made.service.url) for url in asked} == {True}
    assert len(grounds["light"]) == len(grounds["dark"]) == 1
    assert grounds["light"] != grounds["dark"]
