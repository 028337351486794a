"""`secureload audit`: a log that shows its own damage."""

from __future__ import annotations

import pytest

from tests.secureload.cli.shell import MODEL, Shell
from tests.servers.repos import PublishedRepo

pytestmark = pytest.mark.usefixtures("hub")


def test_the_audit_log_is_verified_exported_and_held_to_a_checkpoint(
    shell: Shell, repo: PublishedRepo
) -> None:
    repo.commit(MODEL)
    shell("admit", "org/model")
    said = shell("audit", "verify", "--format", "json")
    assert (said.code, said.json["whole"]) == (0, True)
    point = said.json["checkpoint"]
    assert len(shell("audit", "export").out.splitlines()) == point["count"] > 0
    assert shell("audit", "verify", "--checkpoint", f"{point['count']}:{point['head']}").code == 0
    later = f"{point['count'] + 1}:{point['head']}"
    assert shell("audit", "verify", "--checkpoint", later).code == 1
    other = f"{point['count']}:{'0' * 64}"
    assert shell("audit", "verify", "--checkpoint", other).code == 1
