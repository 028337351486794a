"""What another policy would say of what was decided here: yes, no, or that nobody asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from secureload import replay
from secureload.flow import Need
from secureload.gate import Gate
from secureload.ledger.decisions import Decision
from secureload.replay import Replay
from secureload.sandbox.lockdown import Tier
from secureload.signatures import TrustRoots
from secureload.sources import parse
from tests.builders import coded, models
from tests.secureload.evidence import samples
from tests.secureload.sites import Site, opened
from tests.servers import keys

ALICE, BOB = keys.openpgp("alice"), keys.openpgp("bob")
SIGNED = "identity: {absent: deny, unknownKey: deny}"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with opened(tmp_path, monkeypatch) as found:
        found.now = datetime.now(UTC)
        yield found


def asked(gate: Gate, old: Decision, *, signing: bool = True) -> Replay:
    trust = TrustRoots.load(gate.policy.trust_roots)
    return replay.again(old, gate.policy, trust, now=gate.clock(), signing=signing)


def last(site: Site, spec: str, *trust: keys.OpenPGPKey) -> Replay:
    """What a policy says of the newest decision."""
    gate = site.gate(spec, *trust)
    return asked(gate, gate.cache.decisions()[-1])


def missing(found: Replay) -> set[str]:
    """The settings that could not be judged."""
    return {one.partition(":")[0] for one in found.unknown}


@pytest.mark.parametrize("spec", ["", "scope: all", "revision: {monotonic: true}, owner: {}"])
def test_the_same_policy_says_the_same_again(site: Site, spec: str) -> None:
    site.repo.commit(models.safe(), sign=ALICE)
    verdict = site.admit(spec, ALICE).verdict
    found = last(site, spec, ALICE)
    assert (found.answer, found.unknown) == ("allow", ())
    assert found.verdict == verdict


def test_a_commits_age_is_counted_until_now(site: Site) -> None:
    site.repo.commit(models.safe())
    site.admit("")
    assert last(site, "revision: {minAge: 2d}").verdict.rules == {"revision"}
    site.now += timedelta(days=2)
    assert last(site, "revision: {minAge: 2d}").answer == "allow"


def test_whether_a_branch_only_moved_on_is_known_where_it_was_asked(site: Site) -> None:
    commit = site.repo.commit(models.safe())
    site.admit("")
    found = last(site, "revision: {monotonic: true}")
    assert (found.answer, missing(found)) == ("undecided", {"spec.revision.monotonic"})
    site.admit("limits: {files: 99}", revision=commit)
    assert last(site, "revision: {monotonic: true}").answer == "allow"


def test_an_owner_who_changed_is_told_where_the_ids_were_compared(site: Site) -> None:
    site.hub.says["org/model"] = {"_id": "a" * 24}
    site.repo.commit(models.safe())
    site.admit("owner: {onChange: allow}")
    assert last(site, "owner: {onChange: quarantine}").answer == "allow"
    site.hub.says["org/model"] = {"_id": "b" * 24}
    site.repo.commit(models.safe() | {"notes.txt": b"new owner\n"})
    site.admit("owner: {onChange: allow}")
    assert last(site, "owner: {onChange: quarantine}").verdict.rules == {"owner"}
    accepted = f"owner: {{onChange: quarantine, accept: [{'b' * 24}]}}"
    assert last(site, accepted).answer == "allow"

    site.repo.commit(models.safe() | {"notes.txt": b"not asked\n"})
    site.admit("owner: {pin: none}")

    found = last(site, "owner: {onChange: quarantine}")
    assert (found.answer, missing(found)) == ("undecided", {"spec.owner"})


def test_the_hubs_scan_is_the_one_recorded(site: Site) -> None:
    site.says({"scansDone": True, "filesWithIssues": [{"path": "a.bin", "level": "suspicious"}]})
    site.repo.commit(models.safe())
    site.admit("")
    assert last(site, "hubSignals: {suspicious: deny}").verdict.rules == {"hub-signals"}
    assert last(site, "hubSignals: {consult: never}").answer == "allow"


@pytest.mark.parametrize("strict", ["", "unavailable: deny, pending: deny, suspicious: deny"])
def test_a_scan_that_was_not_asked_for_is_no_safe_one(site: Site, strict: str) -> None:
    site.repo.commit(models.safe())
    site.admit("hubSignals: {consult: never}")
    found = last(site, f"hubSignals: {{{strict}}}")
    assert (found.answer, missing(found)) == ("undecided", {"spec.hubSignals"})


def test_a_licence_is_the_one_of_the_card_then(site: Site) -> None:
    card = b"---\nlicense: apache-2.0\n---\n"
    site.repo.commit(models.safe() | {"README.md": card})
    site.admit("")
    assert last(site, "licences: {allow: [apache-2.0]}").answer == "allow"
    assert last(site, "licences: {deny: [Apache-2.0]}").verdict.rules == {"licences"}


@pytest.mark.parametrize("tier", Tier)
def test_confinement_is_the_one_reached_then(site: Site, tier: Tier) -> None:
    site.repo.commit(models.safe())
    site.admit("")
    gate = site.gate("sandbox: required")
    (old,) = gate.cache.decisions()
    found = asked(gate, replace(old, confinement=tier.value))
    assert found.verdict.rules == (frozenset() if tier.full else {"sandbox"})


def test_files_that_were_not_read_are_not_clean(site: Site) -> None:
    site.repo.commit(models.safe() | {"other/weights.bin": b"anything"})
    site.admit("")
    found = last(site, "scope: all")
    assert (found.answer, missing(found)) == ("undecided", {"spec.scope"})
    site.repo.commit(models.safe())
    site.admit("limits: {files: 99}")
    assert last(site, "scope: all").answer == "allow"


def test_findings_under_other_allowed_globals_are_no_findings(site: Site) -> None:
    site.repo.commit(models.legacy())
    site.admit("pickles: {mode: allowlist, allow: [ours.Config]}")
    found = last(site, "pickles: {mode: allowlist}")
    assert (found.answer, missing(found)) == ("undecided", {"spec.pickles"})
    assert last(site, "pickles: {mode: allowlist, allow: [ours.Config]}").answer == "allow"


def test_evidence_is_signed_where_there_is_a_key(site: Site) -> None:
    site.repo.commit(models.safe())
    site.admit("")
    gate = site.gate("evidence: {sign: required}")
    (old,) = gate.cache.decisions()
    assert asked(gate, old).answer == "allow"
    assert asked(gate, old, signing=False).verdict.rules == {"evidence"}


# -- whose signatures count ----------------------------------------------------------------


def test_a_signature_counts_where_its_trust_root_does(site: Site) -> None:
    site.repo.commit(models.safe(), sign=ALICE)
    site.admit("", ALICE)
    assert last(site, SIGNED, ALICE).answer == "allow"
    for others in ((), (BOB,)):
        found = last(site, SIGNED, *others)
        assert (found.answer, missing(found)) == ("undecided", {"spec.identity.trustRoots"})


def test_a_key_unknown_then_may_be_known_now(site: Site) -> None:
    site.repo.commit(models.safe(), sign=ALICE)
    site.admit("")
    assert last(site, SIGNED).verdict.rules == {"identity"}
    found = last(site, SIGNED, ALICE)
    assert (found.answer, missing(found)) == ("undecided", {"spec.identity.trustRoots"})


def test_nobodys_signature_is_refused_whoever_is_trusted(site: Site) -> None:
    site.repo.commit(models.safe())
    site.admit("")
    found = last(site, f"{SIGNED}, scope: all, revision: {{monotonic: true}}", ALICE)
    assert found.answer == "deny", "what is unknown excuses nothing that is known"
    assert found.verdict.rules == {"identity"}


# -- code of the repository ----------------------------------------------------------------


def test_code_that_ran_is_asked_about_again(tmp_path: Path) -> None:
    home = samples.home(tmp_path / "home", key=False)
    source = parse(str(coded.coded(tmp_path / "model")))
    (tmp_path / "seen").mkdir()
    found = home.gate().code(source, tmp_path / "seen")
    assert found is not None

    def policy(name: str, *digests: str) -> Gate:
        head = {"apiVersion": "secureload/v1", "metadata": {"name": name}}
        approvals = {"approved": [{"digest": digest} for digest in digests]}
        (tmp_path / f"{name}-code.yaml").write_text(
            json.dumps({**head, "kind": "CodeApprovals", "spec": approvals})
        )
        mode = {"mode": "approved-digests", "file": f"{name}-code.yaml"}
        path = tmp_path / f"{name}.yaml"
        path.write_text(json.dumps({**head, "kind": "TrustPolicy", "spec": {"remoteCode": mode}}))
        return home.gate(trust_policy=path)

    approving = policy("approving", found.digest)
    approving.admit(source, Need(code=True))

    (old,) = approving.cache.decisions()
    assert asked(approving, old).answer == "allow"
    for other in (home.gate(), policy("another", f"sha256:{'0' * 64}")):
        assert "remote-code" in asked(other, old).verdict.rules
