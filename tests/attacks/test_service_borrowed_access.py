"""Someone without access asks for what another's token has just opened, warm and cold."""

from __future__ import annotations

from pathlib import Path

from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

PATHS = (
    "/api/models/org/private",
    "/api/models/org/private/tree/main",
    "/api/models/org/private/refs",
    "/api/models/org/private/commits/main",
    "/org/private/resolve/main/config.json",
    "/org/private/resolve/main/.secureload/admission.json",
)


def test_what_one_token_opened_stays_shut_for_others(tmp_path: Path) -> None:
    with LocalHub(root=tmp_path / "hub") as hub:
        commit = PublishedRepo(hub.root, "org/private").commit(models.safe())
        hub.require("org/private", "hf_right")
        with Service(
            home=tmp_path / "home",
            upstream=hub.url,
            options=("--wait", "120"),
            environment={"SECURELOAD_UPSTREAM_TOKEN": "hf_right"},
        ) as service:
            pinned = f"/org/private/resolve/{commit}/config.json"
            for turn in ("cold", "warm"):
                for token in ("", "hf_wrong", "hf_right "[:-2]):
                    for path in (*PATHS, pinned):
                        shut = service.ask(path, token=token)
                        assert (shut.status, shut.headers["x-error-code"]) == (
                            404,
                            "RepoNotFound",
                        ), (turn, path)
                        assert b"hf_right" not in shut.body
                listed = service.ask("/api/models", token="hf_wrong")
                assert listed.json == []
                for path in (*PATHS, pinned):
                    assert service.ask(path, token="hf_right").status == 200, (turn, path)
            api = "/api/secureload/v1"
            assert service.ask(f"{api}/verdicts").json == []
            assert service.ask(f"{api}/admissions").json == []
            assert service.ask(f"{api}/jobs").json == []
            assert "hf_right" not in service.log()
            ledger = (tmp_path / "home" / "secureload.db").read_bytes()
            assert b"hf_right" not in ledger
