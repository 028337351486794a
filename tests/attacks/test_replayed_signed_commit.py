"""An old commit, signed as it was, put back in place of a newer one: a rollback.

Signature and chain are right, so only what this ledger admitted before can tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload import gate
from secureload.errors import Refused
from tests.builders import models
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo

ALICE = keys.openpgp("alice")


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublishedRepo]:
    with LocalHub(root=tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield PublishedRepo(server.root, "org/model")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    """Follows the branch, but only forwards, and wants alice's signature."""
    (tmp_path / "alice.asc").write_text(ALICE.public)
    (tmp_path / "publishers.yaml").write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
        'spec:\n  keys:\n    - {kind: openpgp, file: alice.asc, repos: ["org/*"]}\n'
    )
    path = tmp_path / "ours.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\nspec:\n"
        "  revision: {branches: follow, monotonic: true}\n"
        "  identity: {absent: deny, trustRoots: [publishers.yaml]}\n"
    )
    return path


def release(repo: PublishedRepo, text: str, **more: object) -> str:
    files = models.safe() | {"notes.txt": text.encode()}
    return repo.commit(files, sign=ALICE, **more)  # type: ignore[arg-type]


def refused(policy: Path, **asked: str) -> str:
    with pytest.raises(Refused) as error:
        gate.admit("org/model", trust_policy=policy, **asked)  # type: ignore[arg-type]
    assert "revision" in error.value.verdict.rules
    return str(error.value)


def test_a_branch_moves_on(repo: PublishedRepo, policy: Path) -> None:
    for text in ("one", "two", "two and a half", "three"):
        commit = release(repo, text)
        if text != "two and a half":
            assert gate.admit("org/model", trust_policy=policy).commit == commit


@pytest.mark.parametrize("admitted_before", [False, True])
def test_an_older_commit_under_the_branch_is_a_rollback(
    repo: PublishedRepo, policy: Path, admitted_before: bool
) -> None:
    old = release(repo, "one")
    if admitted_before:
        gate.admit("org/model", trust_policy=policy)
    new = release(repo, "two")
    assert gate.admit("org/model", trust_policy=policy).commit == new

    repo.move("main", old)

    for _ in range(2):  # asking again does not make it right
        assert "rollback" in refused(policy)
    repo.move("main", new)
    assert gate.admit("org/model", trust_policy=policy).commit == new


def test_a_commit_beside_the_branch_rewrites_history(repo: PublishedRepo, policy: Path) -> None:
    first = release(repo, "one")
    release(repo, "two")
    gate.admit("org/model", trust_policy=policy)
    other = release(repo, "another two", parents=[first])
    assert repo.tip() == other

    assert "history was rewritten" in refused(policy)


def test_a_tag_that_is_put_back_is_a_rollback(repo: PublishedRepo, policy: Path) -> None:
    old, new = release(repo, "one"), release(repo, "two")
    repo.tag("v1", new)
    assert gate.admit("org/model", revision="v1", trust_policy=policy).commit == new
    repo.tag("v1", old)
    assert "rollback" in refused(policy, revision="v1")


def test_a_commit_that_is_named_itself_is_what_was_asked_for(
    repo: PublishedRepo, policy: Path
) -> None:
    old, new = release(repo, "one"), release(repo, "two")
    assert gate.admit("org/model", trust_policy=policy).commit == new
    assert gate.admit("org/model", revision=old, trust_policy=policy).commit == old
    assert gate.admit("org/model", trust_policy=policy).commit == new  # and nothing is undone
    repo.move("main", old)
    assert "rollback" in refused(policy)


def test_a_commit_that_was_named_before_its_branch_counts_as_well(
    repo: PublishedRepo, policy: Path
) -> None:
    old, new = release(repo, "one"), release(repo, "two")
    gate.admit("org/model", revision=new, trust_policy=policy)
    assert gate.admit("org/model", trust_policy=policy).warm
    repo.move("main", old)
    assert "rollback" in refused(policy)
