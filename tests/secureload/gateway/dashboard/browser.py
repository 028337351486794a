"""A person at the dashboard without a browser: cookies, forms as the pages have them, links."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx2


class Forms(HTMLParser):
    """The forms of a page: where each goes, and its fields with what they hold."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((named.get("action", ""), {}))
        elif tag == "input" and self.found:
            self.found[-1][1][named["name"]] = named.get("value", "")


class Person:
    """Whoever uses the dashboard at `url`; signed in when given a token."""

    def __init__(self, url: str, token: str = "") -> None:
        self.client = httpx2.Client(base_url=url, timeout=180, trust_env=False)
        if token:
            answer = self.send("/dashboard/sign-in", "/dashboard/sign-in", token=token)
            assert answer.status_code == 303, answer.text

    def see(self, path: str, **query: str) -> httpx2.Response:
        """A page, wherever it leads."""
        return self.client.get(path, params=query or None, follow_redirects=True)

    def form(self, page: str, action: str) -> dict[str, str]:
        """The fields of the form on a page that goes to `action`."""
        found = [fields for to, fields in Forms(self.see(page).text).found if to == action]
        assert found, f"{page} has no form for {action}"
        return found[0]

    def send(self, page: str, action: str, **typed: Any) -> httpx2.Response:
        """Fill in and send a form, without following where it leads."""
        return self.client.post(action, data={**self.form(page, action), **typed})


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
