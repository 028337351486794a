"""The gate end to end: real git, real gpg, a real Hub on loopback, and every refusal."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secureload import gate
from secureload.errors import (
    AccessError,
    IntegrityError,
    NotFoundError,
    NothingNeededError,
    OfflineError,
    PolicyError,
    Refused,
    SecureloadError,
    SourceError,
)
from secureload.flow import CacheEntry, Need, SignatureStatus
from secureload.settings import Settings
from secureload.sources import parse
from tests.builders import models
from tests.servers import keys
from tests.servers.hub import LocalHub
from tests.servers.repos import PublishedRepo


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    with LocalHub(root=tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def repo(hub: LocalHub) -> PublishedRepo:
    return PublishedRepo(hub.root, "org/model")


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    """A trust root that holds alice's key, for the repositories of `org`."""
    (tmp_path / "alice.asc").write_text(keys.openpgp("alice").public)
    path = tmp_path / "publishers.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustRoot\nmetadata: {name: publishers}\n"
        'spec:\n  keys:\n    - {kind: openpgp, file: alice.asc, repos: ["org/*"]}\n'
    )
    return path


def cache_is_untouched() -> None:
    """Nothing in quarantine, nothing admitted, and the ledger and its log are sound."""
    opened = gate.open_gate()
    home = Settings.from_environment().home
    assert opened.cache.entries() == ()
    assert [path for path in (home / "quarantine").glob("*") if any(path.iterdir())] == []
    assert opened.cache.verify(deep=True) == []


def names(entry: CacheEntry) -> set[str]:
    return {file.path for file in entry.files}


def test_a_legacy_checkpoint_is_admitted_as_safetensors(repo: PublishedRepo) -> None:
    commit = repo.commit(models.legacy())

    entry = gate.admit("org/model")

    assert entry.commit == commit
    assert "model.safetensors" in names(entry)
    assert not [name for name in names(entry) if name.endswith(".bin")]
    on_disk = {str(p.relative_to(entry.path)) for p in entry.path.rglob("*") if p.is_file()}
    assert on_disk == names(entry)


def test_a_second_request_for_the_commit_makes_no_network_request(
    hub: LocalHub, repo: PublishedRepo
) -> None:
    commit = repo.commit(models.legacy())
    first = gate.admit("org/model", revision=commit)
    hub.requests.clear()

    again = gate.admit("org/model", revision=commit)

    assert again.warm
    assert not first.warm
    assert again.path == first.path
    assert hub.requests == []


HEAVY = (
    *("sqlalchemy", "alembic", "cryptography", "sigstore", "fickling", "h5py", "huggingface_hub"),
    *("secureload.convert", "secureload.signatures", "secureload.sandbox", "scanner.pickles"),
)
WARM = f"""
import sys
from secureload import gate
entry = gate.admit("org/model", revision=sys.argv[1])
assert entry.warm
print([name for name in {HEAVY} if name in sys.modules])
"""


def test_what_is_on_record_is_found_without_what_admits(repo: PublishedRepo) -> None:
    commit = repo.commit(models.legacy())
    gate.admit("org/model", revision=commit)

    shown = subprocess.run(
        [sys.executable, "-c", WARM, commit], capture_output=True, text=True, check=True
    )

    assert shown.stdout.strip() == "[]"


def test_an_admission_is_found_by_its_folder(repo: PublishedRepo) -> None:
    repo.commit(models.safe())
    entry = gate.admit("org/model")

    found = gate.open_gate().in_folder(entry.path.name)

    assert found is not None
    assert found.admission == entry.admission
    assert gate.open_gate().in_folder("another") is None
    assert gate.open_gate().in_folder("../" + entry.path.name) is None
    weights = entry.path / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(models.flipped(weights.read_bytes()))
    with pytest.raises(IntegrityError):
        gate.open_gate().in_folder(entry.path.name)


def test_offline_a_branch_means_its_last_admitted_commit(
    hub: LocalHub, repo: PublishedRepo
) -> None:
    repo.commit(models.safe())
    first = gate.admit("org/model")
    repo.commit(models.safe() | {"extra.txt": b"newer\n"})
    hub.requests.clear()

    assert gate.admit("org/model", local_files_only=True).commit == first.commit
    assert hub.requests == []


def test_offline_what_was_never_admitted_does_not_load(repo: PublishedRepo) -> None:
    repo.commit(models.safe())

    with pytest.raises(OfflineError) as error:
        gate.admit("org/model", local_files_only=True)

    assert error.value.hint
    cache_is_untouched()


def test_a_commit_signed_by_a_trusted_key_is_admitted_under_strict(
    repo: PublishedRepo, trusted: Path
) -> None:
    commit = repo.commit(models.legacy(), sign=keys.openpgp("alice"))

    entry = gate.admit("org/model", trust_policy="strict", trust_roots=[trusted])

    assert entry.commit == commit
    assert "model.safetensors" in names(entry)


def test_an_unsigned_commit_is_refused_under_strict(repo: PublishedRepo, trusted: Path) -> None:
    repo.commit(models.legacy())

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy="strict", trust_roots=[trusted])

    assert "nobody signed" in str(refused.value)
    cache_is_untouched()


def test_an_unknown_key_is_refused_under_strict(repo: PublishedRepo, trusted: Path) -> None:
    repo.commit(models.legacy(), sign=keys.openpgp("mallory"))

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy="strict", trust_roots=[trusted])

    assert "no trust root" in str(refused.value)
    cache_is_untouched()


@pytest.mark.parametrize("policy", ["default", "strict", "research"])
def test_a_tampered_byte_in_a_weight_file_is_refused(
    repo: PublishedRepo, trusted: Path, policy: str
) -> None:
    files = models.legacy()
    repo.commit(files, sign=keys.openpgp("alice"))
    weights = files["pytorch_model.bin"]
    repo.replace_lfs(weights, models.flipped(weights, len(weights) // 2))

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=policy, trust_roots=[trusted])

    assert "pytorch_model.bin" in str(refused.value)
    cache_is_untouched()


@pytest.mark.parametrize("policy", ["default", "strict", "research"])
def test_a_tampered_byte_in_a_small_file_is_refused(
    hub: LocalHub, repo: PublishedRepo, trusted: Path, policy: str
) -> None:
    repo.commit(models.legacy(), sign=keys.openpgp("alice"))
    hub.misbehave("flip", "*/resolve/*/config.json", at=20)

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=policy, trust_roots=[trusted])

    assert "config.json" in str(refused.value)
    cache_is_untouched()


def test_verify_follows_the_chain_to_the_bytes(repo: PublishedRepo, trusted: Path) -> None:
    repo.commit(models.legacy(), sign=keys.openpgp("alice"))

    listing, attestation = gate.open_gate(trust_roots=[trusted]).verify(parse("org/model"))

    assert attestation.status is SignatureStatus.VERIFIED
    assert all(link.ok for link in attestation.chain)
    assert {link.subject for link in attestation.chain} >= {claim.path for claim in listing.claims}


def test_verify_says_that_the_chain_is_broken(
    hub: LocalHub, repo: PublishedRepo, trusted: Path
) -> None:
    repo.commit(models.legacy(), sign=keys.openpgp("alice"))
    hub.misbehave("flip", "*/resolve/*/vocab.txt", at=3)

    _, attestation = gate.open_gate(trust_roots=[trusted]).verify(parse("org/model"))

    assert attestation.status is SignatureStatus.BROKEN_CHAIN


@pytest.mark.parametrize("policy", ["default", "strict", "research"])
def test_a_malicious_checkpoint_is_refused_and_never_runs(
    repo: PublishedRepo, tmp_path: Path, trusted: Path, policy: str
) -> None:
    sentinel = tmp_path / "ran"
    repo.commit(models.malicious(f"touch {sentinel}"), sign=keys.openpgp("alice"))

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=policy, trust_roots=[trusted])

    assert "posix.system" in str(refused.value)
    assert refused.value.report is not None
    assert not sentinel.exists()
    cache_is_untouched()


def test_a_refusal_lists_every_reason(repo: PublishedRepo, tmp_path: Path, trusted: Path) -> None:
    repo.commit(models.malicious(f"touch {tmp_path / 'ran'}"))

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy="strict", trust_roots=[trusted])

    assert {"identity", "runs-shell"} <= refused.value.verdict.rules


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("repos: {deny: [org/*]}", "repos"),
        ("sources: [local]", "sources"),
        ("limits: {fileBytes: 10kB}", "limits"),
        ("revision: {require: commit-sha}", "revision"),
        ("revision: {branches: last-admitted}", "revision"),
    ],
)
def test_what_the_policy_excludes_is_not_even_fetched(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path, setting: str, rule: str
) -> None:
    repo.commit(models.legacy())
    path = ours(tmp_path, setting)

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=path)

    assert rule in refused.value.verdict.rules
    assert hub.count("*/resolve/*") == 0
    cache_is_untouched()


def asked_of_git(hub: LocalHub) -> int:
    return hub.count("*/info/refs") + hub.count("*/git-upload-pack")


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("repos: {allow: [else/*]}", "repos"),
        ("repos: {deny: [ORG/Model]}", "repos"),
        ("rules: [{name: ours, match: {repos: [org/*]}, deny: never of them}]", "repos"),
        ("sources: [local, git]", "sources"),
        ("repoTypes: [dataset]", "repo-types"),
        ("repos: {deny: [org/*]}\n  revision: {monotonic: true}", "repos"),
    ],
)
def test_what_the_policy_excludes_by_its_place_is_not_asked_who_signed_it(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path, trusted: Path, setting: str, rule: str
) -> None:
    repo.commit(models.safe(), sign=keys.openpgp("alice"))
    gate.admit("org/model", trust_roots=[trusted])  # so that there is a commit to follow
    repo.commit(models.safe() | {"more.txt": b"newer\n"}, sign=keys.openpgp("alice"))
    hub.requests.clear()
    path = ours(tmp_path, setting)

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=path, trust_roots=[trusted])

    assert refused.value.verdict.rules == {rule}
    assert hub.count() > 0
    assert asked_of_git(hub) == 0
    assert hub.count("*/resolve/*") == 0


@pytest.mark.parametrize(
    "setting",
    [
        "repos: {allow: [org/*]}",
        "repos: {deny: [org/other, else/*]}",
        "mode: warn\n  repos: {deny: [org/*]}",
    ],
)
def test_what_is_not_excluded_is_asked_who_signed_it(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path, trusted: Path, setting: str
) -> None:
    repo.commit(models.safe(), sign=keys.openpgp("alice"))

    entry = gate.admit("org/model", trust_policy=ours(tmp_path, setting), trust_roots=[trusted])

    assert "identity" not in {warning.rule for warning in entry.verdict.warnings}
    assert asked_of_git(hub) > 0


def test_what_else_is_known_without_asking_is_said_of_an_excluded_place(
    hub: LocalHub, repo: PublishedRepo, tmp_path: Path
) -> None:
    repo.commit(models.safe())
    path = ours(tmp_path, "repos: {deny: [org/*]}\n  revision: {require: commit-sha, minAge: 14d}")

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=path)

    assert [reason.rule for reason in refused.value.verdict.reasons] == [
        *("repos", "revision", "revision")
    ]
    assert asked_of_git(hub) == 0


def ours(folder: Path, setting: str) -> Path:
    path = folder / "ours.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\n"
        f"spec:\n  {setting}\n"
    )
    return path


def test_a_branch_is_refused_even_when_its_commit_is_admitted(
    repo: PublishedRepo, tmp_path: Path
) -> None:
    commit = repo.commit(models.safe())
    path = tmp_path / "pinned.yaml"
    path.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: pinned}\n"
        "spec: {revision: {require: commit-sha}}\n"
    )
    assert gate.admit("org/model", revision=commit, trust_policy=path).commit == commit

    with pytest.raises(Refused) as refused:
        gate.admit("org/model", trust_policy=path)

    assert refused.value.verdict.rules == {"revision"}


def test_a_locked_branch_means_the_last_admitted_commit(
    repo: PublishedRepo, tmp_path: Path, trusted: Path
) -> None:
    first = repo.commit(models.safe(), sign=keys.openpgp("alice"))
    assert gate.admit("org/model", trust_policy="strict", trust_roots=[trusted]).commit == first

    second = repo.commit(models.safe() | {"more.txt": b"newer\n"}, sign=keys.openpgp("alice"))

    options = {"trust_policy": "strict", "trust_roots": [trusted]}
    assert gate.admit("org/model", **options).commit == first
    assert gate.admit("org/model", revision=second, **options).commit == second


def test_a_truncated_checkpoint_gets_a_clear_answer(repo: PublishedRepo) -> None:
    files = models.legacy()
    files["pytorch_model.bin"] = files["pytorch_model.bin"][:-200]
    repo.commit(files)

    with pytest.raises(SecureloadError) as error:
        gate.admit("org/model")

    assert "pytorch_model.bin" in str(error.value)
    cache_is_untouched()


def test_an_unknown_repository_is_not_found(hub: LocalHub) -> None:
    with pytest.raises(NotFoundError) as error:
        gate.admit("org/nothing")
    assert error.value.hint
    cache_is_untouched()


def test_a_gated_repository_needs_access(hub: LocalHub, repo: PublishedRepo) -> None:
    repo.commit(models.safe())
    hub.require("org/model", "hf_secret", gated=True)
    with pytest.raises(AccessError) as error:
        gate.admit("org/model")
    assert error.value.hint
    assert gate.admit("org/model", token="hf_secret").commit == repo.tip()


def test_no_network_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(SourceError) as error:
        gate.admit("org/model")
    assert error.value.hint


def test_an_invalid_policy_is_named_with_its_line(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: bad}\n"
        "spec:\n  picklez: {mode: convert}\n"
    )
    with pytest.raises(PolicyError, match=r"bad\.yaml:5"):
        gate.admit("org/model", trust_policy=bad)


def test_a_poisoned_cache_is_not_served(repo: PublishedRepo) -> None:
    repo.commit(models.legacy())
    entry = gate.admit("org/model")
    weights = entry.path / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(models.flipped(weights.read_bytes()))

    with pytest.raises(IntegrityError) as error:
        gate.admit("org/model")

    assert error.value.hint


def test_a_file_added_to_the_cache_is_not_served(repo: PublishedRepo) -> None:
    repo.commit(models.safe())
    entry = gate.admit("org/model")
    entry.path.chmod(0o755)
    (entry.path / "pytorch_model.bin").write_bytes(models.hostile_zip("true"))

    with pytest.raises(IntegrityError):
        gate.admit("org/model")


def test_a_cut_connection_is_resumed(hub: LocalHub, repo: PublishedRepo) -> None:
    repo.commit(models.legacy())
    hub.misbehave("cut", "*/resolve/*/pytorch_model.bin", times=1, after=5_000)
    assert "model.safetensors" in names(gate.admit("org/model"))


def test_a_local_folder_is_admitted(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in models.legacy().items():
        (folder / name).write_bytes(content)

    entry = gate.admit(folder)

    assert "model.safetensors" in names(entry)
    assert gate.admit(folder).warm


def test_a_git_repository_is_admitted_from_its_url(tmp_path: Path, repo: PublishedRepo) -> None:
    commit = repo.commit(models.safe(), lfs=())
    assert gate.admit(f"git+file://{repo.git_dir}@main").commit == commit


def test_a_tokenizer_alone_fetches_no_weights(hub: LocalHub, repo: PublishedRepo) -> None:
    repo.commit(models.legacy())
    entry = gate.admit("org/model", need=Need(purpose="processor"))
    assert "tokenizer.json" in names(entry)
    assert hub.count("*/resolve/*pytorch_model.bin") == 0


def _admit_elsewhere(endpoint: str, home: str, results: multiprocessing.Queue[bool]) -> None:
    os.environ["HF_ENDPOINT"], os.environ["SECURELOAD_HOME"] = endpoint, home
    results.put(gate.admit("org/model").warm)


def test_two_processes_asking_for_one_model_do_the_work_once(
    hub: LocalHub, repo: PublishedRepo
) -> None:
    repo.commit(models.legacy())
    spawn = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[bool] = spawn.Queue()
    arguments = (hub.url, os.environ["SECURELOAD_HOME"], results)
    workers = [spawn.Process(target=_admit_elsewhere, args=arguments) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)

    assert sorted(results.get(timeout=5) for _ in workers) == [False, True, True]
    assert hub.count("*/resolve/*pytorch_model.bin") == 1


def test_a_folder_without_a_file_that_is_needed_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    with pytest.raises(NothingNeededError, match="holds no file at all"):
        gate.admit(folder)
    (folder / "a.png").write_bytes(b"png")
    with pytest.raises(NothingNeededError, match=r"there are only 'a\.png'"):
        gate.admit(folder)
    cache_is_untouched()
    assert gate.open_gate().code(parse(str(folder)), tmp_path / "code") is None

    assert names(gate.admit(folder / "a.png")) == {"a.png"}
    assert names(gate.admit(folder, need=Need(purpose="everything"))) == {"a.png"}
