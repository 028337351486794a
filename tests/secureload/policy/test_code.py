from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from secureload.errors import PolicyError
from secureload.flow import Source
from secureload.policy import Policy, approved_code, load
from secureload.settings import Settings

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def write(path: Path, kind: str, spec: Any) -> str:
    document = {
        "apiVersion": "secureload/v1",
        "kind": kind,
        "metadata": {"name": path.stem},
        "spec": spec,
    }
    path.write_text(json.dumps(document))
    return str(path)


def policy(folder: Path, *approved: dict[str, Any], **spec: Any) -> Policy:
    write(folder / "code.yaml", "CodeApprovals", {"approved": list(approved)})
    remote = {"mode": "approved-digests", "file": "code.yaml"}
    path = write(folder / "policy.yaml", "TrustPolicy", {"remoteCode": remote, **spec})
    return load(path, Settings.from_environment())


def digests(found: Policy, repository: str = "org/model") -> frozenset[str] | None:
    topics = found.topics(Source(kind="hub", location=repository))
    return approved_code(topics, repository)


def test_approvals_are_read_beside_the_policy(tmp_path: Path) -> None:
    found = policy(tmp_path, {"digest": ONE}, {"digest": TWO, "repos": ["other/*"]})
    assert digests(found) == {ONE}
    assert digests(found, "other/x") == {ONE, TWO}


def test_shipped_policies_approve_nothing() -> None:
    for name in ("default", "strict", "research"):
        assert digests(load(name, Settings.from_environment())) is None


def test_the_approvals_are_part_of_the_policys_digest(tmp_path: Path) -> None:
    first = policy(tmp_path, {"digest": ONE})
    assert policy(tmp_path, {"digest": ONE}).id == first.id
    assert policy(tmp_path, {"digest": TWO}).id != first.id
    (tmp_path / "moved").mkdir()
    assert policy(tmp_path / "moved", {"digest": ONE}).id == first.id


def test_the_document_comes_back_as_it_was(tmp_path: Path) -> None:
    found = policy(tmp_path, {"digest": ONE})
    (tmp_path / "again.yaml").write_text(json.dumps(found.document()))
    again = load(str(tmp_path / "again.yaml"), Settings.from_environment())
    assert again.base.remote_code == found.base.remote_code


def test_a_rule_can_forbid_but_not_allow(tmp_path: Path) -> None:
    rule = {"name": "none", "match": {"repos": ["bad/*"]}, "remoteCode": "forbid"}
    found = policy(tmp_path, {"digest": ONE}, rules=[rule])
    assert digests(found) == {ONE}
    assert digests(found, "bad/x") is None
    remote = {"mode": "approved-digests", "file": "code.yaml"}
    path = write(
        tmp_path / "other.yaml",
        "TrustPolicy",
        {"rules": [{"name": "some", "remoteCode": remote}]},
    )
    assert digests(load(path, Settings.from_environment())) is None


@pytest.mark.parametrize(
    "entry",
    [{"digest": "sha256:1"}, {"digest": "1" * 64}, {}, {"digest": ONE, "repo": "x"}],
    ids=str,
)
def test_an_approval_that_is_not_valid_is_an_error(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"code\.yaml"):
        policy(tmp_path, entry)


@pytest.mark.parametrize("remote", ["allow", {"mode": "approved-digests"}, {"file": "x"}], ids=str)
def test_a_setting_that_is_not_valid_is_an_error(remote: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="remoteCode"):
        policy(tmp_path, remoteCode=remote)
