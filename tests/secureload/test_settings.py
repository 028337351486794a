"""What the environment says, read when asked."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from secureload.settings import Settings


@pytest.mark.parametrize("top", [None, "", "cache", "~/x"])
def test_the_cache_lies_where_platformdirs_says(
    top: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECURELOAD_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if top is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / top) if top == "cache" else top)

    told = Path(platformdirs.user_cache_dir("secureload")).expanduser().absolute()
    assert Settings.from_environment().home == told


def test_the_environment_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURELOAD_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "yes")
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.test/")

    found = Settings.from_environment()
    assert (found.home, found.offline, found.endpoint) == (tmp_path, True, "http://hub.test")
