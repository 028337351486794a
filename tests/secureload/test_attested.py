"""An air-gapped round trip: admitted on one side, carried, admitted on the other, loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from secureload import evidence, gate
from secureload.errors import EvidenceError, OfflineError, PolicyError, Refused
from secureload.evidence.export import export
from secureload.flow import CacheEntry, Need
from secureload.sources import parse
from tests.builders import models
from tests.secureload.evidence import samples
from tests.secureload.evidence.samples import Home
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def there(tmp_path: Path) -> Home:
    return samples.home(tmp_path / "there")


@pytest.fixture
def here(tmp_path: Path) -> Home:
    return samples.home(tmp_path / "here", key=False)


def carried(home: Home, tmp_path: Path, name: str = "carried") -> tuple[CacheEntry, Path]:
    entry = samples.admit(home.gate(), samples.folder(tmp_path / "model"))
    export(entry, evidence.of(entry), tmp_path / name)
    return entry, tmp_path / name


@pytest.mark.parametrize("name", ["carried", "carried.tar"])
def test_an_admission_is_taken_over(there: Home, here: Home, tmp_path: Path, name: str) -> None:
    assert there.key is not None
    first, bundle = carried(there, tmp_path, name)
    opened = here.gate(there.key.public)

    entry = opened.accept(bundle)

    assert entry.verifier == there.key.keyid
    assert entry.admission == first.admission
    assert (entry.files, entry.conversions) == (first.files, first.conversions)
    assert [file.sha256 for file in entry.evidence] == [file.sha256 for file in first.evidence]
    assert opened.cache.verify() == []
    assert opened.cache.leftovers() == []
    assert list((opened.settings.home / "quarantine").iterdir()) == []


def test_a_hub_model_crosses_the_gap_and_loads_without_network(
    there: Home, here: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from secureload import AutoModelForTokenClassification

    assert there.key is not None
    repo = PublishedRepo(tmp_path / "hub", "org/model")
    commit = repo.commit(models.legacy())
    monkeypatch.setenv("SECURELOAD_HOME", str(there.path))
    with LocalHub(root=tmp_path / "hub") as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        first = gate.admit("org/model")
        expected = AutoModelForTokenClassification.from_pretrained("org/model").state_dict()
    export(first, evidence.of(first), tmp_path / "carried.tar")
    monkeypatch.setenv("SECURELOAD_HOME", str(here.path))  # and the Hub is gone
    with pytest.raises(OfflineError):
        gate.admit("org/model", revision=commit, local_files_only=True)

    here.gate(there.key.public).accept(tmp_path / "carried.tar", parse("org/model"))
    root = tmp_path / "here-trust-0" / "verifiers.yaml"
    (here.path / "trust").mkdir()
    (here.path / "trust" / "verifiers.yaml").write_text(root.read_text())
    (here.path / "trust" / "verifier.pub").write_bytes(there.key.public)
    model = AutoModelForTokenClassification.from_pretrained("org/model", local_files_only=True)

    assert gate.admit("org/model", revision=commit, local_files_only=True).warm
    loaded = model.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)


def test_files_may_lie_apart_from_their_evidence(there: Home, here: Home, tmp_path: Path) -> None:
    assert there.key is not None
    first, bundle = carried(there, tmp_path)
    opened = here.gate(there.key.public)
    entry = opened.accept(bundle / "evidence", parse(str(bundle / "model")))
    assert entry.files == first.files


def test_a_verifier_no_longer_trusted_decides_nothing(
    there: Home, here: Home, tmp_path: Path
) -> None:
    assert there.key is not None
    _, bundle = carried(there, tmp_path)
    here.gate(there.key.public).accept(bundle)
    model = parse(str(tmp_path / "model"))
    assert here.gate(there.key.public).admit(model, Need()).verifier == there.key.keyid

    entry = here.gate().admit(model, Need())

    assert (entry.verifier, entry.warm) == ("", False)


def test_a_verifier_changes_no_policy(there: Home, here: Home) -> None:
    assert there.key is not None
    assert here.gate(there.key.public).policy.id == here.gate().policy.id


def test_what_is_no_bundle_is_an_error(here: Home, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no tar file")
    for path in (tmp_path / "text", tmp_path / "missing", tmp_path):
        with pytest.raises(EvidenceError):
            here.gate().accept(path)


def test_a_verifiers_file_must_hold_a_public_key(here: Home, there: Home, tmp_path: Path) -> None:
    _, bundle = carried(there, tmp_path)
    with pytest.raises(PolicyError, match="public key"):
        here.gate(b"no key").accept(bundle)


def test_the_reference_must_be_what_was_admitted(there: Home, here: Home, tmp_path: Path) -> None:
    assert there.key is not None
    _, bundle = carried(there, tmp_path)
    with pytest.raises(Refused) as refused:
        here.gate(there.key.public).accept(bundle, parse("org/other"))
    assert refused.value.verdict.rules == {"attestation"}
    assert "it speaks of" in str(refused.value)


def test_what_was_recalled_here_is_not_admitted_by_attestation(
    there: Home, here: Home, tmp_path: Path
) -> None:
    assert there.key is not None
    first, bundle = carried(there, tmp_path)
    opened = here.gate(there.key.public)
    pickle = hashlib.sha256(models.legacy()["pytorch_model.bin"]).hexdigest()
    opened.cache.recall(f"sha256:{pickle}", reason="a backdoor", by="reviewer")
    with pytest.raises(Refused) as refused:
        opened.accept(bundle)
    assert refused.value.verdict.rules == {"recalled"}
    assert opened.cache.entries() == ()
    assert first.files


def test_an_export_never_overwrites(there: Home, tmp_path: Path) -> None:
    entry, bundle = carried(there, tmp_path)
    with pytest.raises(EvidenceError, match="there already"):
        export(entry, evidence.of(entry), bundle)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
