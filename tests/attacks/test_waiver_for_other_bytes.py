"""Attack: have a waiver for one file excuse another, or something new in the same repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.errors import Refused
from tests.builders import models, waivers
from tests.secureload.evidence import samples


@pytest.mark.parametrize("change", ["one byte", "moved to weights", "something beside it"])
def test_other_bytes_are_refused(tmp_path: Path, change: str) -> None:
    reviewed = samples.folder(tmp_path / "reviewed", waivers.suspicious())
    waivers.write(tmp_path / "home/waivers/vocab.yaml", reviewed)
    gate = samples.home(tmp_path / "home", key=False).gate()
    assert samples.admit(gate, reviewed).verdict.waived

    files = waivers.suspicious()
    if change == "one byte":
        files["vocab.txt"] = models.flipped(waivers.ODD)
    elif change == "moved to weights":
        files["pytorch_model.bin"] = models.hostile_zip("true")
    else:
        files["merges.txt"] = models.flipped(waivers.ODD, at=0)
    with pytest.raises(Refused) as refused:
        samples.admit(gate, samples.folder(tmp_path / "other", files))

    assert "waiver" not in refused.value.verdict.rules
    blamed = {reason.subject for reason in refused.value.verdict.reasons}
    assert blamed == {
        {"one byte": "vocab.txt", "moved to weights": "pytorch_model.bin"}.get(change, "merges.txt")
    }


def test_a_waiver_for_one_repository_excuses_no_other(tmp_path: Path) -> None:
    model = samples.folder(tmp_path / "model", waivers.suspicious())
    waivers.write(tmp_path / "home/waivers/vocab.yaml", model, repos=["org/model"])
    with pytest.raises(Refused):
        samples.admit(samples.home(tmp_path / "home", key=False).gate(), model)
