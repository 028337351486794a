"""Attack: carry a verification summary across the gap that nobody trusted wrote like this.

Mallory has a key of her own, every document that was ever signed, and the medium. Each forgery
is refused for its own reason, before any file is kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from secureload import evidence
from secureload.errors import Refused
from secureload.evidence import operator
from secureload.evidence.envelope import canonical
from secureload.evidence.export import export
from secureload.evidence.operator import Operator
from secureload.gate import Gate
from tests.builders import models
from tests.secureload.evidence import samples


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Two exported admissions of the same operator, and the attacker's own key."""

    alice: Operator
    mallory: Operator
    model: Path
    other: Path
    root: Path

    def gate(self, *keys: bytes) -> Gate:
        home = samples.Home(path=self.root / f"home-{len(list(self.root.iterdir()))}")
        return home.gate(*keys)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    root = tmp_path_factory.mktemp("forged")
    home = samples.home(root / "there")
    assert home.key is not None
    for name, files in (("model", models.legacy()), ("other", models.safe())):
        entry = samples.admit(home.gate(), samples.folder(root / f"{name}-source", files))
        export(entry, evidence.of(entry), root / name)
    mallory = operator.create(root / "mallory" / "key.pem")
    return Scene(
        alice=home.key, mallory=mallory, model=root / "model", other=root / "other", root=root
    )


def refusal(scene: Scene, bundle: Path, *keys: bytes) -> str:
    """Why a bundle is refused; nothing of it is admitted."""
    gate = scene.gate(*(keys or (scene.alice.public,)))
    with pytest.raises(Refused) as refused:
        gate.accept(bundle)
    assert refused.value.verdict.rules == {"attestation"}
    assert gate.cache.entries() == ()
    assert [path.name for path in (gate.settings.home / "models").iterdir()] == []
    return str(refused.value)


@pytest.fixture
def forged(scene: Scene, tmp_path: Path) -> Path:
    shutil.copytree(scene.model, tmp_path / "forged")
    return tmp_path / "forged"


def rewrite(bundle: Path, change: Callable[[dict[str, Any]], None], key: Operator) -> None:
    document = bundle / "evidence" / "vsa.json"
    statement = samples.payload(document.read_bytes())
    change(statement)
    document.write_bytes(samples.signed(statement, key))


def test_the_untouched_bundle_would_be_admitted(scene: Scene, forged: Path) -> None:
    assert scene.gate(scene.alice.public).accept(forged).files


def test_another_key(scene: Scene, forged: Path) -> None:
    rewrite(forged, lambda statement: None, scene.mallory)
    assert "no trusted key signed this" in refusal(scene, forged)


def test_another_key_under_the_trusted_keys_id(scene: Scene, forged: Path) -> None:
    rewrite(forged, lambda statement: None, scene.mallory)
    document = forged / "evidence" / "vsa.json"
    envelope = json.loads(document.read_bytes())
    envelope["signatures"][0]["keyid"] = scene.alice.keyid
    document.write_bytes(canonical(envelope))
    assert "no trusted key signed this" in refusal(scene, forged)


def test_another_payload_under_the_old_signature(scene: Scene, forged: Path) -> None:
    document = forged / "evidence" / "vsa.json"
    envelope = json.loads(document.read_bytes())
    theirs = json.loads((scene.other / "evidence" / "vsa.json").read_bytes())
    envelope["payload"] = theirs["payload"]
    document.write_bytes(canonical(envelope))
    assert "no trusted key signed this" in refusal(scene, forged)


def test_another_admissions_envelope(scene: Scene, forged: Path) -> None:
    shutil.copy(scene.other / "evidence" / "vsa.json", forged / "evidence" / "vsa.json")
    said = refusal(scene, forged)
    assert "is not the document that the summary names" in said


def test_another_document_of_the_same_operator(scene: Scene, forged: Path) -> None:
    shutil.copy(forged / "evidence" / "provenance-1.json", forged / "evidence" / "vsa.json")
    assert "provenance" in refusal(scene, forged)


def test_another_payload_type(scene: Scene, forged: Path) -> None:
    document = forged / "evidence" / "vsa.json"
    statement = samples.payload(document.read_bytes())
    document.write_bytes(samples.signed(statement, scene.alice, payload_type="text/plain"))
    assert "holds `text/plain`" in refusal(scene, forged)


def test_other_bytes(scene: Scene, forged: Path) -> None:
    weights = forged / "model" / "model.safetensors"
    weights.write_bytes(models.flipped(weights.read_bytes()))
    assert "model.safetensors: has other bytes than were attested" in refusal(scene, forged)


@pytest.mark.parametrize("more", [b"", b"x"])
def test_fewer_or_more_bytes(scene: Scene, forged: Path, more: bytes) -> None:
    config = forged / "model" / "config.json"
    config.write_bytes(config.read_bytes() + more if more else config.read_bytes()[:-1])
    assert "config.json: has not the" in refusal(scene, forged)


def test_a_file_added_removed_or_made_a_link(scene: Scene, forged: Path, tmp_path: Path) -> None:
    config = forged / "model" / "config.json"
    (tmp_path / "config.json").write_bytes(config.read_bytes())
    config.unlink()
    (forged / "model" / "evil.py").write_bytes(b"")
    said = refusal(scene, forged)
    assert "config.json: is missing" in said
    assert "evil.py: was added" in said
    (forged / "model" / "evil.py").unlink()
    config.symlink_to(tmp_path / "config.json")
    assert "config.json" in refusal(scene, forged)


@pytest.mark.parametrize("what", ["policy", "ruleset", "converter"])
def test_a_decision_under_something_else(scene: Scene, forged: Path, what: str) -> None:
    """The trusted operator did decide, but not under what this side demands."""
    other = "sha256:" + "0" * 64

    def change(statement: dict[str, Any]) -> None:
        statement["subject"][0]["annotations"]["key"][what] = other
        if what == "policy":
            statement["predicate"]["policy"]["digest"]["sha256"] = "0" * 64

    rewrite(forged, change, scene.alice)
    assert f"decided under {what}" in refusal(scene, forged)


def test_parts_that_disagree(scene: Scene, forged: Path) -> None:
    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["resourceUri"] = "pkg:huggingface/org/model@" + "0" * 40

    rewrite(forged, change, scene.alice)
    assert "disagree" in refusal(scene, forged)


def test_a_summary_that_says_failed(scene: Scene, forged: Path) -> None:
    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["verificationResult"] = "FAILED"

    rewrite(forged, change, scene.alice)
    assert "FAILED" in refusal(scene, forged)


def test_another_predicate_type(scene: Scene, forged: Path) -> None:
    def change(statement: dict[str, Any]) -> None:
        statement["predicateType"] = "https://slsa.dev/verification_summary/v0.2"

    rewrite(forged, change, scene.alice)
    assert "verification_summary/v0.2" in refusal(scene, forged)


def test_a_path_out_of_the_folder(scene: Scene, forged: Path) -> None:
    """Even the trusted operator cannot write outside quarantine."""
    from secureload.flow import digest_of

    def change(statement: dict[str, Any]) -> None:
        statement["subject"][1]["name"] = "../../evil"
        files = [
            (one["digest"]["sha256"], one["annotations"]["size"], one["name"])
            for one in statement["subject"][1:]
        ]
        statement["subject"][0]["digest"]["sha256"] = digest_of(files)

    rewrite(forged, change, scene.alice)
    (forged / "model" / "config.json").unlink()
    refusal(scene, forged)
    assert not (forged.parent / "evil").exists()


def test_a_document_name_that_leaves_the_folder(scene: Scene, forged: Path) -> None:
    def change(statement: dict[str, Any]) -> None:
        statement["predicate"]["inputAttestations"][0]["uri"] = "../model/config.json"

    rewrite(forged, change, scene.alice)
    assert "no name for a document" in refusal(scene, forged)


def test_a_key_trusted_for_other_repositories(scene: Scene, forged: Path, tmp_path: Path) -> None:
    gate = scene.gate(scene.alice.public)
    root = gate.policy.trust_roots[0]
    root.write_text(root.read_text().replace("verifier.pub}", 'verifier.pub, repos: ["org/*"]}'))
    with pytest.raises(Refused, match="may not decide about"):
        gate.accept(forged)
