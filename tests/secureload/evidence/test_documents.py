"""What an admission leaves behind, read with other people's tools."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance
from in_toto_attestation.predicates.vsa.v1.vsa_pb2 import VerificationSummary
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as Message
from model_signing import verifying

from secureload import evidence
from secureload.evidence import summary
from secureload.flow import Need
from secureload.sources import parse
from tests.builders import models
from tests.secureload.evidence import samples, schemas
from tests.secureload.evidence.conftest import Signed


def verify(signed: Signed, folder: Path, scratch: Path) -> None:
    """Have the model-signing library verify a folder with the operator's public key."""
    signature = scratch / "model.sig"
    signature.write_bytes(signed.evidence.read("model.sig"))
    config = verifying.Config().use_elliptic_key_verifier(public_key=signed.home.public)
    config.verify(folder, signature)


def test_an_admission_has_all_four_kinds(signed: Signed) -> None:
    assert signed.evidence.names == ("bom.json", "model.sig", "provenance-1.json", "vsa.json")


def test_the_summary_is_as_the_specification_says(signed: Signed) -> None:
    statement = signed.evidence.statement("vsa.json")
    jsonschema.validate(statement, schemas.VSA)
    Statement.copy_from_pb(json_format.ParseDict(statement, Message())).validate()
    parsed = json_format.ParseDict(statement["predicate"], summary.message()())
    assert list(parsed.verified_levels) == statement["predicate"]["verifiedLevels"]
    assert json_format.MessageToDict(parsed)["inputAttestations"]


def test_the_published_summary_differs_from_the_released_one_in_one_field() -> None:
    released, published = VerificationSummary.DESCRIPTOR, summary.message().DESCRIPTOR
    assert released.full_name == published.full_name
    differing = {
        one.name
        for one, other in zip(released.fields, published.fields, strict=True)
        if (one.name, one.number, one.type, one.is_repeated)
        != (other.name, other.number, other.type, other.is_repeated)
    }
    # Empty once a release has the list, which the specification and the repository have.
    assert differing <= {"verified_levels"}
    assert published.fields_by_name["verified_levels"].is_repeated


@pytest.mark.parametrize(
    "change",
    [
        {"verifiedLevels": "SECURELOAD_ADMITTED"},
        {"verifiedLevels": [1]},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": "many"}},
        {"timeVerified": "yesterday"},
        {"unheardOf": True},
    ],
    ids=str,
)
def test_the_published_summary_refuses_other_types(signed: Signed, change: dict[str, Any]) -> None:
    predicate = signed.evidence.statement("vsa.json")["predicate"] | change
    with pytest.raises(json_format.ParseError):
        json_format.ParseDict(predicate, summary.message()())


def test_the_provenance_is_as_the_specification_says(signed: Signed) -> None:
    statement = signed.evidence.statement("provenance-1.json")
    jsonschema.validate(statement, schemas.PROVENANCE)
    Statement.copy_from_pb(json_format.ParseDict(statement, Message())).validate()
    json_format.ParseDict(statement["predicate"], Provenance())


@pytest.mark.parametrize("name", ["vsa.json", "provenance-1.json"])
def test_the_schemas_refuse_what_the_specification_lacks(signed: Signed, name: str) -> None:
    schema = schemas.VSA if name == "vsa.json" else schemas.PROVENANCE
    for change in ("missing", "unknown", "no subject"):
        statement = copy.deepcopy(signed.evidence.statement(name))
        if change == "missing":
            statement["predicate"].popitem()
        elif change == "unknown":
            statement["predicate"]["more"] = 1
        else:
            statement["subject"] = []
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(statement, schema)


def test_the_summary_names_every_admitted_file(signed: Signed) -> None:
    statement = signed.evidence.statement("vsa.json")
    said = {one["name"]: one["digest"]["sha256"] for one in statement["subject"][1:]}
    on_disk = {
        path.relative_to(signed.entry.path).as_posix(): hashlib.sha256(path.read_bytes())
        for path in signed.entry.path.rglob("*")
        if path.is_file()
    }
    assert said == {name: digest.hexdigest() for name, digest in on_disk.items()}
    assert statement["predicate"]["verificationResult"] == "PASSED"
    policy = signed.entry.verdict.policy.digest
    assert f"sha256:{statement['predicate']['policy']['digest']['sha256']}" == policy


def test_the_summary_names_the_other_documents(signed: Signed) -> None:
    inputs = signed.evidence.statement("vsa.json")["predicate"]["inputAttestations"]
    assert {one["uri"]: one["digest"]["sha256"] for one in inputs} == {
        name: hashlib.sha256(signed.evidence.read(name)).hexdigest()
        for name in ("bom.json", "model.sig", "provenance-1.json")
    }


def test_the_provenance_names_inputs_outputs_and_tensors(signed: Signed) -> None:
    statement = signed.evidence.statement("provenance-1.json")
    predicate = statement["predicate"]
    pickle = hashlib.sha256(models.legacy()["pytorch_model.bin"]).hexdigest()
    commit, weights = predicate["buildDefinition"]["resolvedDependencies"]
    assert commit["digest"] == {"sha256": signed.entry.commit.removeprefix("local-")}
    assert (weights["name"], weights["digest"]["sha256"]) == ("pytorch_model.bin", pickle)
    assert [one["name"] for one in statement["subject"]] == ["model.safetensors"]
    byproducts = predicate["runDetails"]["byproducts"]
    tensors = {one["name"]: one["digest"]["blake3"] for one in byproducts}
    assert tensors == {one.name: one.blake3 for one in signed.entry.conversions[0].tensors}
    assert len(tensors) == 38
    internal = predicate["buildDefinition"]["internalParameters"]
    assert internal["converter"] == "torch-zip/1"
    assert internal["confinement"]


def test_the_bill_of_materials_is_valid_cyclonedx(signed: Signed) -> None:
    text = signed.evidence.read("bom.json").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    broken = text.replace('"machine-learning-model"', '"pickle"')
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(broken) is not None


def test_the_bill_of_materials_tells_what_the_model_was(signed: Signed) -> None:
    bom = json.loads(signed.evidence.read("bom.json"))
    model = bom["metadata"]["component"]
    pickle = hashlib.sha256(models.legacy()["pytorch_model.bin"]).hexdigest()
    assert model["type"] == "machine-learning-model"
    assert model["version"] == signed.entry.commit
    (ancestor,) = model["pedigree"]["ancestors"]
    assert ancestor["hashes"] == [{"alg": "SHA-256", "content": pickle}]
    listed = {one["name"]: one["hashes"][0]["content"] for one in bom["components"]}
    assert listed == {file.path: file.sha256 for file in signed.entry.files}


def test_only_the_summary_says_where_a_local_folder_lay(signed: Signed) -> None:
    folder = Path(signed.entry.source.location)
    telling = {name for name in signed.evidence.names if str(folder.parent) in plain(signed, name)}
    assert telling == {"vsa.json"}
    assert json.loads(signed.evidence.read("bom.json"))["metadata"]["component"]["name"] == (
        folder.name
    )


def plain(signed: Signed, name: str) -> str:
    """A document with what is inside its envelope."""
    text = signed.evidence.read(name).decode()
    if name == "bom.json":
        return text
    return text + json.dumps(signed.evidence.statement(name))


def test_the_model_signing_library_verifies_the_admitted_folder(
    signed: Signed, tmp_path: Path
) -> None:
    verify(signed, signed.entry.path, tmp_path)


@pytest.mark.parametrize("change", ["changed", "added", "removed", "renamed"])
def test_the_model_signing_library_refuses_another_folder(
    signed: Signed, tmp_path: Path, change: str
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(signed.entry.path, copied)
    for path in (copied, *copied.rglob("*")):
        path.chmod(0o755)
    if change == "changed":
        (copied / "config.json").write_bytes(b"{}")
    elif change == "added":
        (copied / ".gitattributes").write_bytes(b"*.bin filter=lfs\n")
        (copied / "more.txt").write_bytes(b"more")
    elif change == "removed":
        (copied / "config.json").unlink()
    else:
        (copied / "config.json").rename(copied / "other.json")
    with pytest.raises(ValueError, match="mismatch"):
        verify(signed, copied, tmp_path)


def test_the_model_signing_library_verifies_a_folder_with_files_of_git(tmp_path: Path) -> None:
    files = models.legacy() | {".gitattributes": b"*.bin filter=lfs\n", "sub/.gitignore": b"x\n"}
    home = samples.home(tmp_path / "home")
    source = parse(str(samples.folder(tmp_path / "model", files)))
    entry = home.gate().admit(source, Need(purpose="everything"))
    assert {".gitattributes", "sub/.gitignore"} <= {file.path for file in entry.files}
    found = Signed(home=home, entry=entry, evidence=evidence.of(entry))
    verify(found, entry.path, tmp_path)
    named = {one["name"] for one in found.evidence.statement("model.sig")["predicate"]["resources"]}
    assert named == {file.path for file in entry.files} - {".gitattributes"}
    said = found.evidence.statement("vsa.json")
    assert ".gitattributes" in {one["name"] for one in said["subject"]}


def test_a_model_that_was_safe_already_leaves_evidence_too(tmp_path: Path) -> None:
    home = samples.home(tmp_path / "home")
    entry = samples.admit(home.gate(), samples.folder(tmp_path / "model", models.safe()))
    found = evidence.of(entry)
    provenances = [name for name in found.names if name.startswith("provenance-")]
    assert len(provenances) == len(entry.conversions)
    jsonschema.validate(found.statement("vsa.json"), schemas.VSA)
    text = found.read("bom.json").decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    verify(Signed(home=home, entry=entry, evidence=found), entry.path, tmp_path)


def test_the_model_signature_lists_files_as_the_specification_orders_them(tmp_path: Path) -> None:
    files = models.safe() | dict.fromkeys(("a.json", "a/b.json", "a-b.json", "é.json"), b"{}\n")
    home = samples.home(tmp_path / "home")
    source = parse(str(samples.folder(tmp_path / "model", files)))
    entry = home.gate().admit(source, Need(purpose="everything"))
    found = Signed(home=home, entry=entry, evidence=evidence.of(entry))
    statement = found.evidence.statement("model.sig")
    names = [one["name"] for one in statement["predicate"]["resources"]]
    assert names == sorted(names)  # by code point
    assert names[:3] == ["a-b.json", "a.json", "a/b.json"]
    assert statement["subject"][0]["name"] == "model"
    verify(found, entry.path, tmp_path)
