"""The decision lists every reason, and only a clean answer carries a permission."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner import Confidence, FileResult, Finding, Report, Severity, Status, Where
from secureload import policy
from secureload.flow import (
    Approval,
    ArtifactFile,
    Attestation,
    CodeSet,
    Decision,
    FileClaim,
    Listing,
    Selection,
    SignatureStatus,
    Signer,
    Snapshot,
    Source,
    StoredFile,
    Verdict,
)
from secureload.policy import Policy
from secureload.settings import Settings

COMMIT = "c" * 40
SHA = "a" * 64
WRONG = [
    status
    for status in SignatureStatus
    if status
    not in {
        SignatureStatus.VERIFIED,
        SignatureStatus.UNSIGNED,
        SignatureStatus.UNKNOWN_KEY,
        SignatureStatus.PLATFORM_ATTESTED,
    }
]


def shipped(name: str) -> Policy:
    return policy.load(name, Settings.from_environment())


def ours(tmp_path: Path, spec: str) -> Policy:
    path = tmp_path / "ours.yaml"
    head = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\nspec:\n"
    path.write_text(head + spec)
    return policy.load(path, Settings.from_environment())


def signed(status: SignatureStatus) -> Attestation:
    return Attestation(status=status, signer=Signer(kind="ssh", fingerprint="F", name="pub"))


def found(severity: Severity, rule: str = "some-rule", **evidence: Any) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        confidence=Confidence.HIGH,
        message="what it saw",
        where=Where(member="archive/data.pkl", offset=12),
        evidence=evidence,
    )


def scanned(*findings: Finding, status: Status = Status.EXAMINED, **changes: Any) -> FileResult:
    result = FileResult(
        path="model.bin", format="torch-zip", size=7, sha256=SHA, status=status, findings=findings
    )
    return replace(result, **changes)


def ask(
    by: Policy,
    *results: FileResult,
    status: SignatureStatus = SignatureStatus.VERIFIED,
    source: Source | None = None,
    stored: tuple[StoredFile, ...] | None = None,
    claims: tuple[FileClaim, ...] = (FileClaim(path="model.bin", size=7),),
    confined: bool = True,
    **options: Any,
) -> tuple[Verdict, Approval | None]:
    listing = Listing(
        source=source or Source(kind="hub", location="org/model", revision=COMMIT),
        commit=COMMIT,
        claims=claims,
    )
    if stored is None:
        stored = tuple(
            StoredFile(path=file.path, size=file.size, sha256=SHA, git_oid="d" * 40)
            for file in results
        )
    snapshot = Snapshot(listing=listing, root=Path("/q"), files=stored)
    report = Report(files=results, ruleset="r1")
    return policy.decide(
        "org/model", listing, signed(status), snapshot, report, by, confined=confined, **options
    )


CLEAN = scanned()


def test_a_clean_signed_model_gets_a_permission_bound_to_its_bytes() -> None:
    verdict, approval = ask(shipped("strict"), CLEAN)
    assert verdict.decision is Decision.ALLOW
    assert approval is not None
    assert approval.verdict is verdict
    assert verdict.policy == shipped("strict").id
    assert (verdict.ruleset, verdict.commit) == ("r1", COMMIT)
    assert verdict.reasons == verdict.warnings == ()


def test_nobody_else_makes_a_permission() -> None:
    verdict, _ = ask(shipped("default"), CLEAN)
    with pytest.raises(TypeError):
        Approval(verdict, "digest", seal=object())


@pytest.mark.parametrize("name", ["unsigned", "unknown-key", "platform-attested"])
def test_default_warns_and_strict_refuses_without_a_publishers_signature(name: str) -> None:
    status = SignatureStatus(name)
    verdict, approval = ask(shipped("default"), CLEAN, status=status)
    assert approval is not None
    assert [warning.rule for warning in verdict.warnings] == ["identity"]
    verdict, approval = ask(shipped("strict"), CLEAN, status=status)
    assert approval is None
    assert verdict.rules == {"identity"}


@pytest.mark.parametrize("status", WRONG)
@pytest.mark.parametrize("name", policy.SHIPPED)
def test_a_signature_present_and_wrong_is_refused_by_all(
    name: str, status: SignatureStatus
) -> None:
    verdict, approval = ask(shipped(name), CLEAN, status=status)
    assert (verdict.decision, approval) == (Decision.DENY, None)
    assert verdict.reasons[0].setting == "spec.identity.invalid: deny"


@pytest.mark.parametrize("name", policy.SHIPPED)
def test_a_malicious_file_is_refused_by_all(name: str) -> None:
    verdict, approval = ask(shipped(name), scanned(found(Severity.CRITICAL)))
    assert (verdict.decision, approval) == (Decision.DENY, None)
    assert verdict.rules == {"some-rule"}


@pytest.mark.parametrize("severity", [Severity.LOW, Severity.MEDIUM, Severity.HIGH])
def test_a_suspicious_file_is_refused_unless_the_policy_only_observes(severity: Severity) -> None:
    for name in ("default", "strict"):
        assert ask(shipped(name), scanned(found(severity)))[0].decision is Decision.DENY
    verdict, approval = ask(shipped("research"), scanned(found(severity)))
    assert approval is not None
    assert [warning.rule for warning in verdict.warnings] == ["some-rule"]


def test_information_does_not_count() -> None:
    verdict, approval = ask(shipped("strict"), scanned(found(Severity.INFO)))
    assert approval is not None
    assert verdict.warnings == ()


def test_an_unreadable_file_is_no_decision() -> None:
    for findings in [(), (found(Severity.HIGH, rule="damaged"),)]:
        verdict, approval = ask(shipped("default"), scanned(*findings, status=Status.FAILED))
        assert (verdict.decision, approval) == (Decision.ERROR, None)


def test_an_unreadable_file_beside_a_reason_is_a_refusal() -> None:
    broken = scanned(status=Status.FAILED)
    other = scanned(found(Severity.HIGH), path="other.bin")
    verdict, approval = ask(shipped("default"), broken, other)
    assert (verdict.decision, approval) == (Decision.DENY, None)
    assert verdict.rules == {"unreadable", "some-rule"}


def test_a_file_of_no_known_format_is_refused() -> None:
    verdict, _ = ask(shipped("default"), scanned(status=Status.UNRECOGNISED))
    assert verdict.rules == {"unrecognised"}


def test_every_reason_is_listed(tmp_path: Path) -> None:
    by = ours(
        tmp_path,
        "  extends: strict\n"
        "  sources: [local]\n"
        "  repos: {allow: ['good/*'], deny: ['ORG/*']}\n"
        "  revision: {require: commit-sha}\n"
        "  formats: {allow: [safetensors], deny: [torch-zip]}\n"
        "  pickles: {mode: forbid}\n"
        "  limits: {repoBytes: 1, fileBytes: 6B, files: 0}\n"
        "  sandbox: required\n",
    )
    verdict, approval = ask(
        by,
        scanned(found(Severity.HIGH), found(Severity.CRITICAL, rule="runs-shell")),
        status=SignatureStatus.UNSIGNED,
        source=Source(kind="hub", location="org/model", revision="main"),
        claims=(FileClaim(path="code.py", size=1),),
        remote_code_requested=True,
        confined=False,
    )
    assert approval is None
    assert verdict.rules == {
        "sources", "repos", "revision", "identity", "formats", "pickles", "limits", "sandbox",
        "remote-code", "some-rule", "runs-shell",
    }  # fmt: skip
    assert all(reason.setting.startswith("spec.") for reason in verdict.reasons)
    assert len([reason for reason in verdict.reasons if reason.rule == "limits"]) == 3


def test_strict_alone_refuses_what_was_not_read_in_full_confinement() -> None:
    for name in policy.SHIPPED:
        verdict, approval = ask(shipped(name), CLEAN, confined=False)
        assert verdict.rules == ({"sandbox"} if name == "strict" else set())
        assert (approval is None) is (name == "strict")
        report = Report(files=(CLEAN,), ruleset="r")
        judged = policy.judge_report(report, shipped(name), confined=False)
        assert (judged.decision is Decision.DENY) is (name == "strict")


@pytest.mark.parametrize("repo_type", ["dataset", "space"])
def test_models_alone_may_be_asked_for_where_a_policy_does_not_say(repo_type: str) -> None:
    source = Source(kind="hub", location=f"{repo_type}s/org/x", revision=COMMIT)
    for name in policy.SHIPPED:
        verdict, _ = ask(shipped(name), CLEAN, source=source)
        assert any(
            reason.rule == "repo-types" and reason.setting == "spec.repoTypes: [model]"
            for reason in (*verdict.reasons, *verdict.warnings)
        )


DATASET = Source(kind="hub", location="datasets/org/x", revision=COMMIT)
SPACE = Source(kind="hub", location="spaces/org/x", revision=COMMIT)


@pytest.mark.parametrize("mode", ["enforce", "warn", "audit"])
def test_a_pickle_of_a_dataset_is_refused_whatever_it_says(tmp_path: Path, mode: str) -> None:
    by = ours(tmp_path, f"  mode: {mode}\n  repoTypes: [model, dataset]\n")
    inside = scanned(found(Severity.INFO, rule="pickle-inside"), format="tar")
    for file in (scanned(format="pickle"), scanned(format="zip+torch-zip"), inside):
        verdict, approval = ask(by, file, source=DATASET)
        assert (verdict.rules, approval) == ({"pickles"}, None)
        assert "nothing of a dataset is converted" in verdict.reasons[0].message
        assert ask(by, file)[1] is not None
    assert ask(by, scanned(format="media"), source=DATASET)[1] is not None


def test_of_a_space_all_is_approved_together_and_only_text_is_excused(tmp_path: Path) -> None:
    by = ours(tmp_path, "  repoTypes: [space]\n")
    app = scanned(found(Severity.CRITICAL, rule="embedded-code"), path="app.py", format="python")
    page = scanned(found(Severity.HIGH, rule="embedded-code"), path="a.html", format="markup")
    files = tuple(ArtifactFile(path=path, size=7, sha256=SHA) for path in ("app.py", "a.html"))
    code = CodeSet(digest="sha256:1", files=files, names={})
    asked: dict[str, Any] = {"source": SPACE, "remote_code_requested": True, "code": code}
    verdict, _ = ask(by, app, page, **asked)
    assert "remote-code" in verdict.rules
    assert "a Space is a program" in verdict.reasons[0].message
    approved = {"approved_code": frozenset({"sha256:1"})}
    verdict, approval = ask(by, app, page, **asked, **approved)
    assert approval is not None
    assert {warning.rule for warning in verdict.warnings} == {"remote-code", "embedded-code"}
    hidden = replace(page, format="elf")
    assert ask(by, app, hidden, **asked, **approved)[0].rules == {"embedded-code"}
    other = {"approved_code": frozenset({"sha256:2"})}
    assert "code approve spaces/org/x" in ask(by, app, **asked, **other)[0].reasons[0].message


def test_what_is_denied_of_a_name_is_denied_of_every_type(tmp_path: Path) -> None:
    by = ours(
        tmp_path,
        "  repoTypes: [model, dataset]\n  formats: {}\n"
        "  repos: {allow: ['org/*', 'datasets/org/*', '*/open'], deny: ['org/evil']}\n"
        "  rules:\n"
        "    - {name: bad, match: {repos: [org/bad], except: [datasets/org/ok]}, deny: never}\n"
        "    - {name: few, match: {repoTypes: [dataset]}, limits: {files: 0}}\n",
    )

    def rules(location: str) -> set[str]:
        file = scanned(format="json")
        return set(
            ask(by, file, source=Source(kind="hub", location=location, revision=COMMIT))[0].rules
        )

    assert rules("org/good") == set()
    assert rules("datasets/org/good") == {"limits"}
    assert rules("org/evil") == rules("org/bad") == {"repos"}
    assert rules("datasets/org/evil") == rules("datasets/org/bad") == {"repos", "limits"}
    assert rules("spaces/org/good") == {"repo-types", "repos"}


def test_each_reading_of_a_polyglot_counts(tmp_path: Path) -> None:
    by = ours(tmp_path, "  formats: {allow: [pickle, zip]}\n  pickles: {mode: forbid}\n")
    verdict, _ = ask(by, scanned(format="zip+pickle"))
    assert verdict.rules == {"pickles"}
    verdict, _ = ask(by, scanned(format="zip+safetensors"))
    assert verdict.rules == {"formats"}


@pytest.mark.parametrize("name", ["pickle", "torch-zip", "torch-package", "joblib"])
def test_what_carries_pickles_is_refused_where_they_are(tmp_path: Path, name: str) -> None:
    verdict, _ = ask(ours(tmp_path, "  pickles: {mode: forbid}\n"), scanned(format=name))
    assert verdict.rules == {"pickles"}


def test_a_mended_finding_only_warns() -> None:
    file = scanned(found(Severity.HIGH, rule="names-code"), found(Severity.HIGH, rule="other"))
    verdict, _ = ask(shipped("default"), file, mended=frozenset({"names-code"}))
    assert verdict.rules == {"other"}
    verdict, approval = ask(
        shipped("default"), scanned(found(Severity.HIGH, rule="names-code")),
        mended=frozenset({"names-code"}),
    )  # fmt: skip
    assert approval is not None
    assert [warning.rule for warning in verdict.warnings] == ["names-code"]


def test_mending_does_not_excuse_what_could_not_be_read() -> None:
    file = scanned(found(Severity.HIGH, rule="names-code"), status=Status.FAILED)
    _, approval = ask(shipped("default"), file, mended=frozenset({"names-code"}))
    assert approval is None


def test_the_policy_line_that_would_admit_is_named() -> None:
    file = scanned(found(Severity.HIGH, admit="spec.pickles.allow: [a.b]"))
    verdict, _ = ask(shipped("default"), file)
    assert "spec.pickles.allow: [a.b]" in verdict.reasons[0].setting
    assert "archive/data.pkl, byte 12" in verdict.reasons[0].message


def test_a_fetched_file_that_was_not_scanned_is_refused_by_all() -> None:
    stored = (StoredFile(path="hidden.bin", size=1, sha256=SHA, git_oid="d" * 40),)
    for name in policy.SHIPPED:
        verdict, approval = ask(shipped(name), CLEAN, stored=stored)
        assert approval is None
        assert verdict.rules == {"unscanned"}


@pytest.mark.parametrize("change", [{"sha256": "b" * 64}, {"size": 8}])
def test_a_file_that_changed_before_the_scan_is_refused_by_all(change: dict[str, Any]) -> None:
    stored = (StoredFile(path="model.bin", size=7, sha256=SHA, git_oid="d" * 40),)
    for name in policy.SHIPPED:
        verdict, _ = ask(shipped(name), scanned(**change), stored=stored)
        assert verdict.rules == {"integrity"}


def test_without_bytes_there_is_no_permission() -> None:
    listing = Listing(source=Source(kind="hub", location="o/m"), commit=COMMIT, claims=())
    for name in policy.SHIPPED:
        verdict, approval = policy.decide(
            "o/m", listing, signed(SignatureStatus.VERIFIED), None, None, shipped(name)
        )
        assert (verdict.decision, approval) == (Decision.ERROR, None)


def test_remote_code_is_refused_by_all_only_when_there_is_some() -> None:
    code = (FileClaim(path="modeling_x.py", size=1),)
    for name in policy.SHIPPED:
        verdict, _ = ask(shipped(name), CLEAN, claims=code, remote_code_requested=True)
        assert verdict.rules == {"remote-code"}
        assert ask(shipped(name), CLEAN, remote_code_requested=True)[1] is not None
        assert ask(shipped(name), CLEAN, claims=code)[1] is not None


@pytest.mark.parametrize("revision", ["main", None, COMMIT[:7]])
def test_a_branch_is_no_commit(tmp_path: Path, revision: str | None) -> None:
    source = Source(kind="hub", location="org/model", revision=revision)
    for spec in ("  revision: {require: commit-sha}\n", "  revision: {branches: last-admitted}\n"):
        by = ours(tmp_path, spec)
        assert ask(by, CLEAN, source=source)[0].rules == {"revision"}
        assert ask(by, CLEAN)[1] is not None


def test_a_local_folder_is_its_own_commit(tmp_path: Path) -> None:
    by = ours(tmp_path, "  revision: {require: commit-sha}\n")
    assert ask(by, CLEAN, source=Source(kind="local", location="/models/m"))[1] is not None


def test_what_speaks_against_it_is_known_before_any_byte(tmp_path: Path) -> None:
    by = ours(tmp_path, "  extends: strict\n  limits: {repoBytes: 10}\n")
    claims = (FileClaim(path="model.bin", size=7), FileClaim(path="unused.bin", size=70))
    listing = Listing(
        source=Source(kind="hub", location="o/m", revision=COMMIT), commit=COMMIT, claims=claims
    )
    verified = signed(SignatureStatus.VERIFIED)
    needed = Selection(paths=("model.bin",))
    assert policy.decide_early(listing, verified, by, selection=needed) == ()
    too_much = Selection(paths=("model.bin", "unused.bin"))
    (reason,) = policy.decide_early(listing, verified, by, selection=too_much)
    assert reason.rule == "limits"
    # A signature over the folder may still be found beside the files.
    assert policy.decide_early(listing, signed(SignatureStatus.UNSIGNED), by) == ()
    (reason,) = policy.decide_early(listing, signed(SignatureStatus.BAD_SIGNATURE), by)
    assert reason.rule == "identity"


def test_a_rule_may_refuse_by_name_with_its_own_words(tmp_path: Path) -> None:
    by = ours(
        tmp_path,
        "  rules:\n"
        "    - name: review\n"
        "      match: {repos: ['*/*'], except: ['org/*']}\n"
        "      deny: ask for a review\n",
    )
    assert ask(by, CLEAN)[1] is not None
    verdict, _ = ask(by, CLEAN, source=Source(kind="hub", location="else/m", revision=COMMIT))
    assert [str(reason) for reason in verdict.reasons] == [
        "ask for a review (repos)  [spec.rules.review.deny]"
    ]


def test_files_alone_are_judged_without_source_or_signature() -> None:
    def judged(name: str, *results: FileResult) -> Decision:
        report = Report(files=results, ruleset="r")
        return policy.judge_report(report, shipped(name), confined=True).decision

    for name in policy.SHIPPED:
        assert judged(name, CLEAN) is Decision.ALLOW
        assert judged(name, scanned(found(Severity.CRITICAL))) is Decision.DENY
    assert judged("default", scanned(status=Status.FAILED)) is Decision.ERROR
    assert judged("default", scanned(found(Severity.LOW))) is Decision.DENY
    assert judged("research", scanned(status=Status.FAILED)) is Decision.ALLOW


@settings(deadline=None)
@given(
    severities=st.lists(st.sampled_from(Severity), max_size=4),
    status=st.sampled_from(SignatureStatus),
    read=st.sampled_from(Status),
    name=st.sampled_from(policy.SHIPPED),
)
def test_allowed_means_no_reason_and_strict_allows_least(
    severities: list[Severity], status: SignatureStatus, read: Status, name: str
) -> None:
    file = scanned(*map(found, severities), status=read)
    verdict, approval = ask(shipped(name), file, status=status)
    assert (verdict.decision is Decision.ALLOW) == (verdict.reasons == ()) == (approval is not None)
    if ask(shipped("strict"), file, status=status)[1] is not None:
        assert ask(shipped("default"), file, status=status)[1] is not None
    if ask(shipped("default"), file, status=status)[1] is not None:
        assert ask(shipped("research"), file, status=status)[1] is not None
