"""`secureload verify`: one status of eleven is a yes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secureload.cli.shell import MODEL, Shell
from tests.servers.keys import openpgp
from tests.servers.repos import PublishedRepo

pytestmark = pytest.mark.usefixtures("hub")


def test_verify_exits_0_for_verified_alone(
    shell: Shell, repo: PublishedRepo, publishers: Path
) -> None:
    signed = repo.commit(MODEL, sign=openpgp("alice"))
    unsigned = repo.commit(MODEL)
    said = shell("verify", f"org/model@{signed}", "--trust-root", publishers, "--format", "json")
    assert said.code == 0
    assert said.json["schema"] == "secureload.verification/1"
    assert said.json["status"] == "verified"
    assert said.json["chain"]
    assert (
        openpgp("alice").fingerprint
        in shell("verify", f"org/model@{signed}", "--trust-root", publishers).out
    )
    assert shell("verify", f"org/model@{signed}").code == 1
    said = shell("verify", f"org/model@{unsigned}", "--format", "json")
    assert (said.code, said.json["status"]) == (1, "unsigned")
    assert shell("cache", "list", "--format", "json").json["admissions"] == []
