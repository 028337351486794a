"""Any request of the API's document, valid or not, gets an answer that is no server error."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from secureload.cache.layout import Layout
from secureload.gateway.principals import Role
from secureload.ledger import tokens
from secureload.ledger.database import Database
from tests.secureload.gateway.conftest import World
from tests.servers.cluster import WAIT
from tests.servers.service import Service

API = "/api/secureload/v1"


def test_any_input_is_answered_without_a_server_error(alone: World, tmp_path: Path) -> None:
    """schemathesis may revoke, recall and approve: the service is its own, the token can do all."""
    layout = Layout(tmp_path / "home")
    layout.create()
    ledger = Database(layout.database, layout.locks / "ledger.lock")
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    with ledger.write() as session:
        roles = [role.value for role in Role]
        _, token = tokens.create(session, "all", roles, by="test", at=at, expires=None)
    with Service(home=layout.home, upstream=alone.hub.url, options=WAIT) as service:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "run"),
                f"{service.url}{API}/openapi.json",
                *("--checks", "not_a_server_error", "--max-examples", "5", "--seed", "1"),
                *("--phases", "fuzzing", "--mode", "all", "--no-color"),
                *("--header", f"Authorization: Bearer {token}"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tested" in done.stdout
