"""Evidence as the cache has it: found by its entry, measured when it is read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from secureload import evidence
from secureload.errors import EvidenceError, IntegrityError, Refused
from secureload.flow import CacheEntry
from tests.secureload.evidence import samples
from tests.secureload.evidence.conftest import Signed


def test_evidence_is_found_again_with_a_warm_entry(signed: Signed) -> None:
    gate = signed.home.gate()
    (entry,) = gate.cache.entries()
    assert evidence.of(entry) == signed.evidence
    assert gate.cache.verify() == []
    assert gate.cache.leftovers() == []


def test_a_document_that_is_not_there_is_an_error_with_a_hint(signed: Signed) -> None:
    with pytest.raises(EvidenceError) as error:
        signed.evidence.read("more.json")
    assert "secureload init" in error.value.hint


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[samples.Home, CacheEntry]:
    home = samples.home(tmp_path / "home")
    return home, samples.admit(home.gate(), samples.folder(tmp_path / "model"))


@pytest.mark.parametrize("change", ["changed", "removed"])
def test_changed_evidence_is_not_served(
    fresh: tuple[samples.Home, CacheEntry], change: str
) -> None:
    home, entry = fresh
    (document,) = [file for file in entry.evidence if file.name == "vsa.json"]
    document.path.chmod(0o600)
    if change == "changed":
        document.path.write_bytes(document.path.read_bytes().replace(b"a", b"b", 1))
    else:
        document.path.unlink()
    with pytest.raises(IntegrityError):
        evidence.of(entry).read("vsa.json")
    subjects = {problem.subject for problem in home.gate().cache.verify()}
    assert f"blob {document.sha256}" in subjects


def test_evidence_goes_with_its_admission(fresh: tuple[samples.Home, CacheEntry]) -> None:
    home, entry = fresh
    cache = home.gate().cache
    cache.collect_garbage()
    assert evidence.of(entry).read("vsa.json")
    cache.remove(entry.admission)
    cache.collect_garbage()
    assert [file.path for file in entry.evidence if file.path.exists()] == []
    assert cache.verify() == []


def test_without_a_key_there_is_no_evidence_unless_the_policy_demands_it(tmp_path: Path) -> None:
    home = samples.home(tmp_path / "home", key=False)
    model = samples.folder(tmp_path / "model")
    assert not evidence.of(samples.admit(home.gate(), model))
    demanding = tmp_path / "demanding.yaml"
    demanding.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: demanding}\n"
        "spec: {extends: default, evidence: {sign: required}}\n"
    )
    gate = home.gate(trust_policy=demanding)
    with pytest.raises(Refused) as refused:
        samples.admit(gate, model)
    assert refused.value.verdict.rules == {"evidence"}
    assert "secureload init" in str(refused.value)
    home = samples.home(tmp_path / "home")
    assert evidence.of(samples.admit(home.gate(trust_policy=demanding), model))


def test_a_warm_load_imports_nothing_that_signs(signed: Signed) -> None:
    program = (
        "import sys\n"
        "from secureload import evidence, gate\n"
        "entry = gate.admit(sys.argv[1])\n"
        "assert entry.warm and evidence.of(entry).statement()\n"
        "heavy = ('cryptography', 'cyclonedx', 'google.protobuf', 'in_toto_attestation')\n"
        "print([name for name in (*heavy, 'securesystemslib') if name in sys.modules])\n"
    )
    location = signed.entry.source.location
    shown = subprocess.run(
        [sys.executable, "-c", program, location],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "SECURELOAD_HOME": str(signed.home.path)},
    )
    assert shown.stdout.strip() == "[]"
