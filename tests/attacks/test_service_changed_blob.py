"""Someone changes a blob below the running service: the bytes are not served."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import models
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo
from tests.servers.service import Service

FILE = "/org/model/resolve/main/model.safetensors"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with LocalHub(root=tmp_path / "hub") as hub:
        PublishedRepo(hub.root, "org/model").commit(models.safe())
        with Service(
            home=tmp_path / "home", upstream=hub.url, options=("--wait", "120")
        ) as running:
            yield running


def blob(service: Service) -> Path:
    etag = service.ask(FILE, method="HEAD").headers["etag"].strip('"')
    return service.home / "blobs" / "sha256" / etag[:2] / etag


def test_changed_replaced_and_missing_bytes_are_not_served(service: Service) -> None:
    good = service.ask(FILE)
    path = blob(service)
    times = path.stat()

    path.chmod(0o600)
    changed = bytearray(good.body)
    changed[-1] ^= 1
    path.write_bytes(changed)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert service.ask(FILE).status == 503

    path.unlink()
    path.write_bytes(changed)
    assert service.ask(FILE).status == 503

    path.unlink()
    assert service.ask(FILE).status == 503
    path.symlink_to("/etc/hostname")
    assert service.ask(FILE).status == 503

    path.unlink()
    path.write_bytes(good.body)
    again = service.ask(FILE)
    assert (again.status, again.body) == (200, good.body)
