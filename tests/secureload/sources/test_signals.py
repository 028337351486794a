"""The Hub's own scan, in the shapes it has had; what is not understood is unavailable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from secureload.sources import signals

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


def issue(level: object, path: object = "a.bin") -> dict[str, object]:
    return {"path": path, "level": level}


@pytest.mark.parametrize(
    ("info", "state"),
    [
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": []}}, "safe"),
        ({"securityRepoStatus": {"scansDone": False, "filesWithIssues": []}}, "pending"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [issue("unsafe")]}},
         "unsafe"),
        ({"securityRepoStatus": {"scansDone": False, "filesWithIssues": [issue("UNSAFE")]}},
         "unsafe"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [issue("suspicious")]}},
         "suspicious"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [issue("new word")]}},
         "suspicious"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [issue("queued")]}},
         "pending"),
        ({"securityStatus": {"scansDone": True, "hasUnsafeFile": False}}, "safe"),
        ({"securityStatus": {"scansDone": True, "hasUnsafeFile": True,
                             "dangerousPickles": ["a.bin"]}}, "unsafe"),
        ({"securityStatus": {"scansDone": True, "hasUnsafeFile": False,
                             "clamAVInfectedFiles": ["a.bin"]}}, "unsafe"),
        ({}, "unavailable"),
        ({"securityRepoStatus": None}, "unavailable"),
        ({"securityRepoStatus": "fine"}, "unavailable"),
        ({"securityRepoStatus": {"scansDone": "yes", "filesWithIssues": []}}, "unavailable"),
        ({"securityRepoStatus": {"scansDone": True}}, "unavailable"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": "none"}}, "unavailable"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [issue(1)]}},
         "unavailable"),
        ({"securityRepoStatus": {"scansDone": True, "filesWithIssues": [7]}}, "unavailable"),
    ],
)  # fmt: skip
def test_every_shape_has_its_state(info: dict[str, Any], state: str) -> None:
    signal = signals.read(info, AT).signal
    assert signal is not None
    assert signal.state == state
    assert signal.asked_at == "2026-05-01T12:00:00Z"


def test_files_with_issues_are_named_and_the_words_are_kept() -> None:
    status = {"scansDone": True, "filesWithIssues": [issue("unsafe", "evil.bin")]}
    signal = signals.read({"securityRepoStatus": status}, AT).signal
    assert signal is not None
    assert signal.files == (("evil.bin", "unsafe"),)
    assert "evil.bin" in signal.said


@pytest.mark.parametrize(
    ("info", "ids"),
    [
        ({"_id": "a", "id": "org/m", "authorData": {"_id": "b"}},
         {"repository": "a", "account": "b", "name": "org/m"}),
        ({"_id": "a", "author": "org"}, {"repository": "a"}),
        ({"_id": 7, "authorData": "x", "id": ""}, {}),
    ],
)  # fmt: skip
def test_ids_are_read_where_they_are(info: dict[str, Any], ids: dict[str, str]) -> None:
    assert signals.read(info, AT).ids == ids
