"""Attack: approve one's own waiver, under one's own name or the same name written otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.errors import Refused
from tests.builders import waivers
from tests.secureload.evidence import samples

OWNER = "team@example.org"


@pytest.mark.parametrize(
    "approvers",
    [
        [OWNER],
        [OWNER.upper()],
        [f" {OWNER} ", OWNER],
        [" "],
        ["second@example.org", "Second@Example.org"],
        ["second@example.org", OWNER],
    ],
)
def test_two_people_besides_the_owner_have_to_agree(tmp_path: Path, approvers: list[str]) -> None:
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    waivers.write(tmp_path / "home/waivers/vocab.yaml", model, owner=OWNER, approvedBy=approvers)
    demanding = waivers.policy(tmp_path / "demanding.yaml", approvers=2)
    gate = samples.home(tmp_path / "home", key=False).gate(trust_policy=demanding)
    with pytest.raises(Refused) as refused:
        samples.admit(gate, model)
    assert "needs 2 approvers besides its owner" in str(refused.value)


def test_two_others_are_enough(tmp_path: Path) -> None:
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    waivers.write(tmp_path / "home/waivers/vocab.yaml", model, owner=OWNER)
    demanding = waivers.policy(tmp_path / "demanding.yaml", approvers=2)
    gate = samples.home(tmp_path / "home", key=False).gate(trust_policy=demanding)
    assert samples.admit(gate, model).verdict.waived
