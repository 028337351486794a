"""Datasets and Spaces through the gate: copied as they are, or refused, and never mixed up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload import gate, sources
from secureload.errors import Refused
from secureload.flow import Need, SignatureStatus
from tests.builders import models, repo_types
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def policy(folder: Path, spec: str = "", types: str = "model, dataset, space") -> Path:
    path = folder / "ours.yaml"
    head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\nspec:\n"
    path.write_text(f"{head}  repoTypes: [{types}]\n{spec}")
    return path


def refused(reference: str, by: Path | None = None, need: Need | None = None) -> Refused:
    with pytest.raises(Refused) as no:
        gate.admit(reference, trust_policy=by, need=need)
    return no.value


@pytest.mark.parametrize("reference", ["datasets/org/rows", "spaces/org/demo"])
def test_a_shipped_policy_admits_models_alone(hub: LocalHub, reference: str) -> None:
    PublishedRepo(hub.root, reference).commit(repo_types.dataset())
    no = refused(reference)
    assert no.verdict.rules == {"repo-types"}
    assert hub.count("*/resolve/*") == 0


def test_every_file_of_a_dataset_is_admitted_as_it_is(hub: LocalHub, tmp_path: Path) -> None:
    files = repo_types.dataset()
    commit = PublishedRepo(hub.root, "datasets/org/rows").commit(files)
    by = policy(tmp_path)

    entry = gate.admit("datasets/org/rows", trust_policy=by)

    assert (entry.commit, entry.conversions) == (commit, ())
    assert {file.path: (entry.path / file.path).read_bytes() for file in entry.files} == files
    again = gate.admit(f"hf://datasets/org/rows@{commit}", trust_policy=by, need=Need(variant="*"))
    assert (again.warm, again.admission) == (True, entry.admission)


def test_a_model_and_a_dataset_of_one_name_never_meet(hub: LocalHub, tmp_path: Path) -> None:
    by = policy(tmp_path)
    shared = {**models.safe(), **repo_types.dataset()}
    commits = {
        PublishedRepo(hub.root, name).commit(shared, message="the very same")
        for name in ("org/one", "datasets/org/one")
    }
    assert len(commits) == 1  # not even the commit tells them apart

    model = gate.admit("org/one", trust_policy=by)
    dataset = gate.admit("datasets/org/one", trust_policy=by)

    assert not dataset.warm
    assert model.admission != dataset.admission
    assert {str(model.source), str(dataset.source)} == {"org/one", "datasets/org/one"}
    opened = gate.open_gate(trust_policy=by)
    opened.cache.recall(f"datasets/org/one@{dataset.commit}", by="me", reason="bad rows")
    assert refused("datasets/org/one", by).verdict.rules == {"recalled"}
    assert gate.admit("org/one", trust_policy=by).warm


def test_what_is_made_of_a_model_is_not_taken_over_for_a_dataset(
    hub: LocalHub, tmp_path: Path
) -> None:
    by = policy(tmp_path, "  scope: all\n")
    config = {**json.loads(models.safe()["config.json"]), "transformers_weights": "other.bin"}
    odd = {**models.safe(), "config.json": json.dumps(config).encode()}
    for name in ("org/one", "datasets/org/one", "spaces/org/one"):
        PublishedRepo(hub.root, name).commit(odd)
    need = Need(purpose="everything")
    opened = gate.open_gate(trust_policy=by)
    keys_of = {
        name: opened.key(sources.parse(name), "0" * 40, need).selection
        for name in ("org/one", "datasets/org/one", "spaces/org/one")
    }
    assert len(set(keys_of.values())) == 3  # what conversions of the same bytes are found by
    model = gate.admit("org/one", trust_policy=by, need=need)
    assert b"transformers_weights" not in (model.path / "config.json").read_bytes()
    assert refused("datasets/org/one", by, need).verdict.rules == {"config-leaves-folder"}


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("rows.pkl", repo_types.PICKLED),
        ("samples.tar", repo_types.samples({"0.pickle": repo_types.PICKLED})),
        ("weights.bin", models.legacy()["pytorch_model.bin"]),
    ],
    ids=["pickle", "tar", "torch"],
)
def test_a_pickle_is_refused_with_the_reason(
    hub: LocalHub, tmp_path: Path, path: str, data: bytes
) -> None:
    PublishedRepo(hub.root, "datasets/org/rows").commit({**repo_types.dataset(), path: data})
    no = refused("datasets/org/rows", policy(tmp_path))
    assert no.verdict.rules == {"pickles"}
    assert no.verdict.reasons[0].subject == path
    assert "parquet" in no.verdict.reasons[0].message


def test_what_runs_a_command_is_refused_for_it(hub: LocalHub, tmp_path: Path) -> None:
    evil = repo_types.samples({"0.pickle": models.hostile_pickle(f"touch {tmp_path / 'fired'}")})
    PublishedRepo(hub.root, "datasets/org/rows").commit({"samples.tar": evil})
    assert {"runs-shell", "pickles"} <= refused("datasets/org/rows", policy(tmp_path)).verdict.rules
    assert not (tmp_path / "fired").exists()


def test_a_card_that_has_data_read_from_elsewhere_is_refused(hub: LocalHub, tmp_path: Path) -> None:
    card = b"---\nconfigs:\n- data_files: https://example.org/rows.csv\n---\n# Rows\n"
    PublishedRepo(hub.root, "datasets/org/rows").commit({**repo_types.dataset(), "README.md": card})
    no = refused("datasets/org/rows", policy(tmp_path))
    assert no.verdict.rules == {"config-leaves-folder"}
    assert "https://example.org/rows.csv" in no.verdict.reasons[0].message


def test_the_script_of_a_dataset_stays_out_unless_it_is_approved(
    hub: LocalHub, tmp_path: Path
) -> None:
    script = b"import os\n\nos.system('true')\n"
    PublishedRepo(hub.root, "datasets/org/rows").commit({**repo_types.dataset(), "rows.py": script})
    by = policy(tmp_path)
    entry = gate.admit("datasets/org/rows", trust_policy=by)
    assert {file.path for file in entry.files} == set(repo_types.dataset())
    for need in (Need(code=True), Need(files=("rows.py",)), Need(purpose="everything")):
        no = refused("datasets/org/rows", by, need)
        assert no.verdict.rules & {"remote-code", "embedded-code"}


def test_a_space_is_admitted_when_all_of_it_is_approved(hub: LocalHub, tmp_path: Path) -> None:
    repo = PublishedRepo(hub.root, "spaces/org/demo")
    repo.commit(repo_types.space())
    no = refused("spaces/org/demo", policy(tmp_path))
    assert "remote-code" in no.verdict.rules
    approvals = "  remoteCode: {mode: approved-digests, file: code.yaml}\n"

    def approve(digest: str) -> Path:
        (tmp_path / "code.yaml").write_text(
            "apiVersion: secureload/v1\nkind: CodeApprovals\nmetadata: {name: code}\n"
            f'spec: {{approved: [{{digest: "{digest}", repos: [spaces/org/demo]}}]}}\n'
        )
        return policy(tmp_path, approvals)

    (tmp_path / "seen").mkdir()
    found = gate.open_gate().code(sources.parse("spaces/org/demo"), tmp_path / "seen")
    assert found is not None
    assert {file.path for file in found.files} == set(repo_types.space())
    by = approve(found.digest)

    entry = gate.admit("spaces/org/demo", trust_policy=by)

    assert {file.path for file in entry.files} == set(repo_types.space())
    assert {"remote-code", "embedded-code"} <= {one.rule for one in entry.verdict.warnings}
    repo.commit({**repo_types.space(), "requirements.txt": b"gradio\nsomething-else\n"})
    assert "remote-code" in refused("spaces/org/demo", by).verdict.rules
    # The same files as a model or under another name are not what was approved.
    PublishedRepo(hub.root, "spaces/org/other").commit(repo_types.space())
    assert "remote-code" in refused("spaces/org/other", by).verdict.rules


def test_a_signature_counts_where_the_trust_root_names_the_dataset(
    hub: LocalHub, tmp_path: Path
) -> None:
    (tmp_path / "alice.asc").write_text(keys.openpgp("alice").public)
    PublishedRepo(hub.root, "datasets/org/rows").commit(
        repo_types.dataset(), sign=keys.openpgp("alice")
    )

    def verified(repos: str) -> SignatureStatus:
        root = tmp_path / "publishers.yaml"
        root.write_text(
            "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
            f'spec: {{keys: [{{kind: openpgp, file: alice.asc, repos: ["{repos}"]}}]}}\n'
        )
        opened = gate.open_gate(trust_policy=policy(tmp_path), trust_roots=[root])
        listing, attestation = opened.verify(sources.parse("datasets/org/rows"))
        assert len(listing.claims) == len(repo_types.dataset())
        return attestation.status

    assert verified("datasets/org/*") is SignatureStatus.VERIFIED
    assert verified("org/*") is SignatureStatus.KEY_NOT_ALLOWED


def test_what_others_own_is_told_by_the_account_and_not_by_the_type(
    hub: LocalHub, tmp_path: Path
) -> None:
    by = policy(tmp_path, "  owner: {onChange: quarantine}\n")
    for name, account in (("datasets/org/a", "1"), ("datasets/other/b", "2")):
        PublishedRepo(hub.root, name).commit(repo_types.dataset())
        hub.says[name] = {"_id": account * 24, "author": name.split("/")[1]}
        gate.admit(name, trust_policy=by)


def test_the_bill_of_materials_says_what_it_is(hub: LocalHub, tmp_path: Path) -> None:
    from secureload.evidence import operator
    from secureload.settings import Settings

    operator.create(operator.key_file(Settings.from_environment().home))
    PublishedRepo(hub.root, "datasets/org/rows").commit(repo_types.dataset())
    entry = gate.admit("datasets/org/rows", trust_policy=policy(tmp_path))
    (bom,) = (file.path for file in entry.evidence if file.name == "bom.json")
    component = json.loads(bom.read_bytes())["metadata"]["component"]
    assert component["type"] == "data"
    assert component["purl"] == f"pkg:huggingface/datasets/org/rows@{entry.commit}"
