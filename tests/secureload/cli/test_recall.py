"""`secureload recall` takes admissions back and lists who has them."""

from __future__ import annotations

import hashlib

from tests.secureload.cli.shell import MODEL, Shell
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


def test_a_recalled_model_is_revoked_and_refused_until_lifted(
    shell: Shell, hub: LocalHub, repo: PublishedRepo
) -> None:
    commit = repo.commit(MODEL)
    admission = shell("admit", "org/model", "--format", "json").json["admission"]

    recalled = shell("recall", f"org/model@{commit}", "--reason", "SEC-1", "--format", "json").json

    assert recalled["admissions"] == [admission]
    assert admission not in shell("cache", "list", "--format", "json").out
    refused = shell("admit", f"org/model@{commit}")
    assert refused.code == 1
    assert "SEC-1" in refused.err
    assert hub.count("*/resolve/*/pytorch_model.bin") == 1  # nothing was fetched again

    (listed,) = shell("recall", "--list", "--format", "json").json["recalls"]
    assert shell("recall", "--lift", listed["id"]).code == 0
    assert shell("admit", f"org/model@{commit}").code == 0
    assert shell("audit", "verify").code == 0
    assert shell("cache", "verify").code == 0


def test_a_made_file_is_recalled_under_every_commit(
    shell: Shell, hub: LocalHub, repo: PublishedRepo
) -> None:
    repo.commit(MODEL)
    entry = shell("admit", "org/model", "--format", "json").json
    weights = next(f for f in entry["files"] if f["path"] == "model.safetensors")

    by_output = shell("recall", f"sha256:{weights['sha256']}", "--reason", "bad weights")

    assert entry["admission"] in by_output.out
    repo.commit(MODEL | {"notes.txt": b"another commit\n"})
    assert shell("admit", "org/model").code == 1


def test_a_fetched_file_is_recalled_under_every_commit(
    shell: Shell, hub: LocalHub, repo: PublishedRepo
) -> None:
    repo.commit(MODEL)
    assert shell("admit", "org/model").code == 0
    pickle = hashlib.sha256(MODEL["pytorch_model.bin"]).hexdigest()

    assert shell("recall", f"sha256:{pickle}", "--reason", "bad pickle").code == 0

    repo.commit(MODEL | {"notes.txt": b"another commit\n"})
    refused = shell("admit", "org/model")
    assert refused.code == 1
    assert "bad pickle" in refused.err


def test_what_cannot_be_recalled_is_said(shell: Shell) -> None:
    assert shell("recall").code == 2
    assert shell("recall", "org/model", "--reason", "x").code == 2
    assert shell("recall", "abcdef123456", "--reason", "x").code == 2
    assert shell("recall", "org/model@" + "0" * 40).code == 2
    assert shell("recall", "--lift", "absent").code == 2
    assert shell("recall", "org/model@" + "0" * 40, "--reason", "x").code == 0  # beforehand
