"""Age, the hub's own scan, and signatures met before their key expired: through the gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from secureload.flow import SignatureStatus
from tests.builders import models
from tests.secureload.sites import START, Site, opened
from tests.servers import keys

LATER = datetime(2021, 6, 1, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with opened(tmp_path, monkeypatch) as found:
        yield found


# -- how long a commit has been known ------------------------------------------------------

AGE = "revision: {minAge: 2d}"


def test_a_commit_is_admitted_once_it_has_been_known_for_so_long(site: Site) -> None:
    site.repo.commit(models.safe())
    for hours in (0, 1, 47):
        site.now = START + timedelta(hours=hours)
        verdict = site.refused(AGE)
        assert verdict.rules == {"revision"}
        assert "ask again after 2020-06-03 00:00 UTC" in str(verdict.reasons[0])
    assert site.hub.count("*/resolve/*") == 0, "nothing of it is fetched"

    site.now = START + timedelta(hours=48)

    assert site.admit(AGE).verdict.warnings is not None


def test_each_commit_waits_for_itself(site: Site) -> None:
    first = site.repo.commit(models.safe())
    site.refused(AGE)
    site.now += timedelta(days=2)
    assert site.admit(AGE).commit == first

    # Its author may date it as they like: what counts is when it was met here.
    second = site.repo.commit(models.safe() | {"notes.txt": b"second\n"})

    assert site.refused(AGE).commit == second
    assert site.admit(AGE, revision=first).commit == first
    site.now += timedelta(days=2)
    assert site.admit(AGE).commit == second


def test_a_commit_met_under_another_policy_has_been_known_since(site: Site) -> None:
    commit = site.repo.commit(models.safe())
    site.admit("mode: enforce")
    site.now += timedelta(days=2)
    assert site.admit(AGE).commit == commit


# -- the hub's own scan --------------------------------------------------------------------


def scan(*levels: str, done: bool = True) -> dict[str, Any]:
    issues = [{"path": f"{level}.bin", "level": level} for level in levels]
    return {"scansDone": done, "filesWithIssues": issues}


@pytest.mark.parametrize(
    ("said", "spec", "answer"),
    [
        (scan("unsafe"), "", "deny"),
        (scan("unsafe", done=False), "hubSignals: {pending: allow}", "deny"),
        (scan("unsafe", "safe"), "hubSignals: {suspicious: allow}", "deny"),
        (scan("unsafe"), "hubSignals: {consult: never}", "allow"),
        (scan("suspicious"), "", "warn"),
        (scan("suspicious"), "hubSignals: {suspicious: deny}", "deny"),
        (scan("a word of tomorrow"), "hubSignals: {suspicious: deny}", "deny"),
        (scan(done=False), "", "allow"),
        (scan(done=False), "hubSignals: {pending: warn}", "warn"),
        (scan(done=False), "hubSignals: {pending: deny}", "deny"),
        (None, "", "allow"),
        (None, "hubSignals: {unavailable: deny}", "deny"),
        ({"another": "shape"}, "hubSignals: {unavailable: deny}", "deny"),
        (scan(), "hubSignals: {suspicious: deny, pending: deny, unavailable: deny}", "allow"),
    ],
)
def test_the_hubs_scan_speaks_against_a_model_or_not_at_all(
    site: Site, said: object, spec: str, answer: str
) -> None:
    site.repo.commit(models.safe())
    site.says(said)
    if answer == "deny":
        assert site.refused(spec).rules == {"hub-signals"}
        return
    warned = {warning.rule for warning in site.admit(spec).verdict.warnings}
    assert ("hub-signals" in warned) is (answer == "warn")


def test_a_safe_scan_upgrades_no_pickle(site: Site, tmp_path: Path) -> None:
    site.repo.commit(models.malicious(f"touch {tmp_path}/fired"))
    site.says(scan())
    assert "hub-signals" not in site.refused("").rules
    assert not (tmp_path / "fired").exists()


def test_the_hub_is_asked_for_its_scan_where_some_rule_wants_it(site: Site) -> None:
    site.repo.commit(models.safe())
    site.says(scan("unsafe"))
    rule = "rules: [{name: ours, match: {repos: ['org/*']}, hubSignals: {consult: always}}]"
    assert site.refused(f"hubSignals: {{consult: never}}, {rule}").rules == {"hub-signals"}


def test_what_the_hub_said_is_recorded_with_the_time_it_was_asked(site: Site) -> None:
    site.repo.commit(models.safe())
    site.says(scan("suspicious"))
    site.admit("")
    (found,) = site.gate("").cache.decisions()
    assert found.listing.upstream is not None
    signal = found.listing.upstream.signal
    assert signal is not None
    assert (signal.state, signal.files) == ("suspicious", (("suspicious.bin", "suspicious"),))
    assert datetime.fromisoformat(signal.asked_at)


# -- keys that have expired since ----------------------------------------------------------

SIGNED = "identity: {absent: deny, unknownKey: deny, expiredKey: "
PAST = keys.openpgp("past", expired=True)


def test_a_signature_met_in_its_keys_time_counts_afterwards_where_the_policy_says_so(
    site: Site,
) -> None:
    commit = site.repo.commit(models.safe(), sign=PAST)
    site.admit(SIGNED + "first-seen}", PAST)
    site.now = LATER

    # Another ruleset, policy or scope decides anew: as here, where the policy says more.
    entry = site.admit(SIGNED + "first-seen}, limits: {files: 100}", PAST)

    assert entry.commit == commit
    (*_, last) = site.gate("").cache.decisions()
    assert last.attestation.status is SignatureStatus.VERIFIED
    (signature,) = last.attestation.signatures
    assert "expired since, first seen here 2020-06-01" in signature.detail
    verdict = site.refused(SIGNED + "deny}", PAST)
    assert "expired-key" in str(verdict.reasons[0])


def test_keys_made_since_do_not_stand_in_the_way(site: Site) -> None:
    newer = keys.openpgp("newer")
    site.repo.commit(models.safe(), sign=PAST)
    site.admit(SIGNED + "first-seen}", PAST, newer)
    site.now = LATER
    site.admit(SIGNED + "first-seen}, limits: {files: 100}", PAST, newer)


def test_a_signature_met_too_late_does_not_count(site: Site) -> None:
    site.repo.commit(models.safe(), sign=PAST)
    site.now = LATER
    for how in ("deny", "first-seen", "first-seen"):
        verdict = site.refused(SIGNED + how + "}", PAST)
        assert "expired-key" in str(verdict.reasons[0])


def test_another_signature_of_the_expired_key_is_not_the_one_met(site: Site) -> None:
    site.repo.commit(models.safe(), sign=PAST)
    site.admit(SIGNED + "first-seen}", PAST)
    site.now = LATER

    # Signed with the key's own date in its good year, as whoever has it now may do.
    site.repo.commit(models.safe() | {"notes.txt": b"later\n"}, sign=PAST)

    verdict = site.refused(SIGNED + "first-seen}", PAST)
    assert "expired-key" in str(verdict.reasons[0])


# -- keys that were withdrawn since --------------------------------------------------------

REVOCABLE = "identity: {absent: deny, unknownKey: deny, revokedKey: "
OLD = replace(keys.openpgp("old", old=True), at="20200501T000000")
RETIRED_ON = "20200701T000000"
STOLEN, SUPERSEDED, UNUSED, NO_REASON = 1, 2, 3, 0


@pytest.mark.parametrize("reason", [SUPERSEDED, UNUSED])
def test_a_signature_met_before_its_key_was_retired_counts_where_the_policy_says_so(
    site: Site, reason: int
) -> None:
    site.repo.commit(models.safe(), sign=OLD)
    site.admit(REVOCABLE + "first-seen}", OLD)
    site.now = LATER
    retired = keys.withdrawn(OLD, reason, RETIRED_ON)

    site.admit(REVOCABLE + "first-seen}", retired)

    (*_, last) = site.gate("").cache.decisions()
    (signature,) = last.attestation.signatures
    assert "was retired since, first seen here 2020-06-01" in signature.detail
    verdict = site.refused(REVOCABLE + "deny}", retired)
    assert "revoked-key" in str(verdict.reasons[0])


@pytest.mark.parametrize("reason", [STOLEN, NO_REASON])
def test_a_key_that_may_have_been_stolen_stays_revoked(site: Site, reason: int) -> None:
    site.repo.commit(models.safe(), sign=OLD)
    site.admit(REVOCABLE + "first-seen}", OLD)
    site.now = LATER
    verdict = site.refused(REVOCABLE + "first-seen}", keys.withdrawn(OLD, reason, RETIRED_ON))
    assert "revoked-key" in str(verdict.reasons[0])


@pytest.mark.parametrize("met", [datetime(2020, 7, 1, tzinfo=UTC), LATER])
def test_a_signature_met_after_its_key_was_retired_does_not_count(
    site: Site, met: datetime
) -> None:
    site.repo.commit(models.safe(), sign=OLD)
    site.now = met
    retired = keys.withdrawn(OLD, SUPERSEDED, RETIRED_ON)
    for _ in range(2):
        verdict = site.refused(REVOCABLE + "first-seen}", retired)
        assert "revoked-key" in str(verdict.reasons[0])


def test_one_revocation_for_a_theft_outweighs_another_for_retirement(site: Site) -> None:
    site.repo.commit(models.safe(), sign=OLD)
    site.admit(REVOCABLE + "first-seen}", OLD)
    site.now = LATER
    both = keys.withdrawn(keys.withdrawn(OLD, SUPERSEDED, RETIRED_ON), STOLEN, RETIRED_ON)
    assert "revoked-key" in str(site.refused(REVOCABLE + "first-seen}", both).reasons[0])


def test_a_retired_key_that_has_expired_as_well_needs_both(site: Site) -> None:
    site.repo.commit(models.safe(), sign=PAST)
    site.admit(REVOCABLE + "first-seen}", PAST)
    site.now = LATER
    retired = keys.withdrawn(PAST, SUPERSEDED, RETIRED_ON)
    for half in (REVOCABLE + "first-seen}", SIGNED + "first-seen}"):
        assert site.refused(half, retired).rules == {"identity"}
    site.admit(REVOCABLE + "first-seen, expiredKey: first-seen}", retired)


@pytest.mark.parametrize("reason", [STOLEN, NO_REASON])
@pytest.mark.parametrize("expired", ["first-seen", "deny"])
def test_expiry_hides_no_theft(site: Site, reason: int, expired: str) -> None:
    site.repo.commit(models.safe(), sign=PAST)
    site.admit(REVOCABLE + f"first-seen, expiredKey: {expired}}}", PAST)
    site.now = LATER
    stolen = keys.withdrawn(PAST, reason, RETIRED_ON)
    verdict = site.refused(REVOCABLE + f"first-seen, expiredKey: {expired}}}", stolen)
    assert verdict.rules == {"identity"}
