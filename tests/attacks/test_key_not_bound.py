"""A trusted key signs for repositories whose names only resemble those it is bound to."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.flow import SignatureStatus
from secureload.signatures.trust import matches
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


@pytest.mark.parametrize("name", ["org2/name", "ORG/name", "org/name2"])
def test_a_similar_name_is_another_repository(tmp_path: Path, name: str) -> None:
    case = Case(tmp_path, name)
    case.trust(keys.ssh("carol"), repos=["org/name"])

    commit = case.repo.commit(FILES, sign=keys.ssh("carol"))

    assert case.attest(commit).status is SignatureStatus.KEY_NOT_ALLOWED


@pytest.mark.parametrize(
    "location",
    [
        "https://git.example/org/../evil/model",
        "https://git.example/org/%2e%2e",
        "https://git.example/org/%2E./x",
        "https://git.example.evil/org/model",
        "https://git.example/org/sub/model",
    ],
)
def test_an_address_that_leaves_the_folder_is_not_below_it(location: str) -> None:
    assert matches("https://git.example/org/model", "https://git.example/org/*")
    assert not matches(location, "https://git.example/org/*")
