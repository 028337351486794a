"""Kinds of signatures and trust roots combine as a policy asks; each has its own reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from secureload.flow import Attestation, SignatureResult, SignatureStatus
from secureload.policy import identity
from secureload.policy.document import load
from secureload.settings import Settings

V, U = SignatureStatus.VERIFIED, SignatureStatus.UNKNOWN_KEY


def asked(folder: Path, wanted: str, *found: tuple[str, SignatureStatus, str]) -> list[str]:
    """What refuses, when these (kind, status, trust root) were found."""
    path = folder / "ours.yaml"
    head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
    path.write_text(f"{head}spec: {{identity: {{{wanted}}}}}\n")
    results = tuple(
        SignatureResult(kind=kind, subject=f"{kind}.sig", status=status, root=root)
        for kind, status, root in found
    )
    attestation = Attestation(
        status=V if any(one.status is V for one in results) else SignatureStatus.UNSIGNED,
        signatures=results,
    )
    topics = load(path, Settings.from_environment()).base
    return [
        f"{one.reason.message} [{one.reason.setting}]"
        for one in identity.objections(attestation, topics)
        if one.action == "deny"
    ]


COMMIT_OR_MODEL = "anyOf: [{kind: commit, trustRoot: publishers}, {kind: model-signing}]"
BOTH = "allOf: [{kind: commit}, {kind: model-signing, trustRoot: publishers}]"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (COMMIT_OR_MODEL, [("openpgp", V, "publishers")]),
        (COMMIT_OR_MODEL, [("ssh", V, "publishers")]),
        (COMMIT_OR_MODEL, [("openpgp", U, ""), ("model-signing", V, "others")]),
        (BOTH, [("ssh", V, "others"), ("model-signing", V, "publishers")]),
        ("anyOf: [{kind: ssh, and: [{kind: model-signing}]}]",
         [("ssh", V, "a"), ("model-signing", V, "b")]),
    ],
)  # fmt: skip
def test_what_is_asked_for_is_there(
    tmp_path: Path, wanted: str, found: list[tuple[str, SignatureStatus, str]]
) -> None:
    assert asked(tmp_path, wanted, *found) == []


@pytest.mark.parametrize(
    ("wanted", "found", "said"),
    [
        (COMMIT_OR_MODEL, [], ["commit by trust root `publishers` (there is none)", "anyOf"]),
        (COMMIT_OR_MODEL, [("openpgp", V, "others")], ["is verified by trust root `others`"]),
        (COMMIT_OR_MODEL, [("openpgp", U, "")], ["openpgp.sig: unknown-key"]),
        (BOTH, [("ssh", V, "others")], ["model-signing by trust root `publishers`", "allOf"]),
        ("anyOf: [{kind: openpgp}]", [("ssh", V, "a")], ["openpgp (there is none)"]),
        ("anyOf: [{kind: ssh, and: [{kind: model-signing}]}]", [("ssh", V, "a")],
         ["model-signing (there is none)"]),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    tmp_path: Path, wanted: str, found: list[tuple[str, SignatureStatus, str]], said: list[str]
) -> None:
    (reason,) = asked(tmp_path, wanted, *found)
    assert all(part in reason for part in said), reason


def test_each_of_all_that_are_missing_has_a_reason(tmp_path: Path) -> None:
    assert len(asked(tmp_path, BOTH)) == 2


def test_a_preference_only_warns(tmp_path: Path) -> None:
    assert asked(tmp_path, "prefer: [{kind: model-signing}]", ("ssh", V, "a")) == []
