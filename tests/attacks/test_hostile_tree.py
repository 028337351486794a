"""Trees that name what must not land on a disk, behind a publisher's good signature."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secureload.flow import SignatureStatus
from tests.secureload.signatures.helpers import FILES, Case
from tests.servers import keys


@pytest.mark.parametrize(
    ("mode", "names", "said"),
    [
        ("120000", ["config.json"], "a symbolic link"),
        ("160000", ["sub"], "a submodule"),
        ("100777", ["config.json"], "of mode 100777"),
        ("100644", [".git"], "git's own folder"),
        ("100644", [".GIT"], "git's own folder"),
        ("100644", ["GIT~1"], "git's own folder"),
        ("100644", [".g\u200cit"], "invisible"),
        ("100644", [".."], "no plain file name"),
        ("100644", ["a/../../b"], "no plain file name"),
        ("100644", ["a\\b"], "no plain file name"),
        ("100644", ["a\x1b[2J"], "control"),
        ("100644", ["A.bin", "a.bin"], "one name"),
        ("100644", ["e\u0301.bin", "\u00e9.bin"], "one name"),
        ("100644", ["ſ", "S"], "one name"),
        ("100644", ["b", "a"], "out of order"),
        ("100644", ["a", "a"], "out of order"),
    ],
)
def test_a_hostile_name_or_mode_breaks_the_chain(
    tmp_path: Path, mode: str, names: list[str], said: str
) -> None:
    case = Case(tmp_path)
    case.trust(keys.openpgp("alice"))
    good = case.repo.commit(FILES)
    blob = bytes.fromhex(case.repo.write("blob", b"x"))
    ordered = sorted(names, key=str.encode) if said == "one name" else names
    content = b"".join(f"{mode} {name}\0".encode() + blob for name in ordered)
    commit = case.repo.commit(
        tree=case.repo.write("tree", content), sign=keys.openpgp("alice"), branch="odd"
    )

    attestation = case.attest(commit, listing=replace(case.listing(good), commit=commit))

    assert attestation.status is SignatureStatus.BROKEN_CHAIN
    assert said in attestation.detail
