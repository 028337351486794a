"""Policies are found, read, extended and told apart by what they say."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from secureload import policy
from secureload.errors import PolicyError
from secureload.flow import Source
from secureload.policy import SHIPPED, Policy, Topics
from secureload.settings import Settings

HEAD = "apiVersion: secureload/v1\nkind: TrustPolicy\nmetadata: {name: ours}\nspec:\n"


def settings() -> Settings:
    return Settings.from_environment()


def write(folder: Path, spec: str, name: str = "ours.yaml") -> Path:
    path = folder / name
    path.write_text(HEAD + spec)
    return path


def read(folder: Path, spec: str) -> Policy:
    return policy.load(write(folder, spec), settings())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_policy_loads_by_name(name: str) -> None:
    loaded = policy.load(name, settings())
    assert loaded.id.name == name
    assert loaded.id.digest.startswith("sha256:")
    assert len(loaded.id.digest) == 71


def test_what_is_left_out_means_what_the_default_policy_says() -> None:
    assert policy.load("default", settings()).base == Topics()


def test_none_means_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert policy.load(None, settings()).id.name == "default"
    monkeypatch.setenv("SECURELOAD_POLICY", "strict")
    assert policy.load(None, settings()).id.name == "strict"


def test_a_loaded_policy_is_passed_through() -> None:
    loaded = policy.load("strict", settings())
    assert policy.load(loaded, settings()) is loaded


def test_strict_demands_a_publisher_and_checks_digests() -> None:
    base = policy.load("strict", settings()).base
    identity = base.identity
    assert (identity.absent, identity.unknown_key, identity.platform_attested) == ("deny",) * 3
    assert base.revision.branches == "resolve-and-lock"
    assert base.cache.verify == "always"
    assert base.sandbox == "required"
    assert base.mode == "enforce"


def test_research_only_observes() -> None:
    assert policy.load("research", settings()).base.mode == "audit"


def test_a_policy_extends_a_shipped_one(tmp_path: Path) -> None:
    ours = read(tmp_path, "  extends: strict\n  identity: {absent: warn}\n")
    assert ours.base.identity.absent == "warn"
    assert ours.base.identity.unknown_key == "deny"
    assert ours.base.cache.verify == "always"


def test_a_policy_extends_a_file_relative_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "base").mkdir()
    write(tmp_path / "base", "  mode: warn\n", "base.yaml")
    ours = write(tmp_path, "  extends: base/base.yaml\n")
    monkeypatch.chdir("/")
    assert policy.load(ours, settings()).mode == "warn"


def test_policies_that_extend_in_a_circle_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "  extends: b.yaml\n", "a.yaml")
    write(tmp_path, "  extends: a.yaml\n", "b.yaml")
    with pytest.raises(PolicyError, match="extend one another") as wrong:
        policy.load(tmp_path / "a.yaml", settings())
    assert wrong.value.message.startswith(f"{tmp_path / 'a.yaml'}:5: `spec.extends`: ")


@pytest.mark.parametrize(
    ("extends", "says"),
    [
        ("strcit", "there is no policy `strcit`"),
        ("gone/base.yaml", "there is no policy `gone/base.yaml`"),
        (".", "there is no policy `.`"),
        ("large.yaml", "larger than"),
    ],
)
def test_what_cannot_be_extended_is_told_with_the_line_that_names_it(
    tmp_path: Path, extends: str, says: str
) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * 4_000_001)
    path = write(tmp_path, f"  mode: warn\n\n  extends: {extends}\n")
    with pytest.raises(PolicyError) as wrong:
        policy.load(path, settings())
    assert wrong.value.message.startswith(f"{path}:7: `spec.extends`: ")
    assert says in wrong.value.message


def test_a_name_that_is_nearly_shipped_gets_a_hint_where_it_is_extended(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as wrong:
        read(tmp_path, "  extends: strcit\n")
    assert "did you mean `strict`" in wrong.value.hint


@pytest.mark.parametrize(
    ("base", "line", "says"),
    [
        ("  mdoe: warn\n", 5, "did you mean `mode`"),
        ("  extends: absent\n", 5, "there is no policy `absent`"),
        ("  pickles:\n    mode: convert\n    allow: [a.b]\n", 6, "count only with"),
        ("  pickles:\n    allow: [a.b]\n", 6, "count only with"),
        ("  pickles:\n    mode: allowlist\n    profiles:\n    - torch\n    - torhc\n", 9, "torhc"),
        ("  rules:\n  - name: a\n  - name: x\n    pickles: {allow: [a.b]}\n", 8, "rules[1]"),
        ("  scope: all # \udcff\n", 5, "not UTF-8"),
    ],
)
def test_a_mistake_in_what_is_extended_is_told_with_its_own_file_and_line(
    tmp_path: Path, base: str, line: int, says: str
) -> None:
    extended = tmp_path / "base.yaml"
    extended.write_bytes((HEAD + base).encode("utf-8", "surrogateescape"))
    with pytest.raises(PolicyError) as wrong:
        read(tmp_path, "  # ours\n  # is\n  # fine\n  extends: base.yaml\n")
    assert wrong.value.message.startswith(f"{extended}:{line}: ")
    assert says in wrong.value.message


def test_a_mode_that_makes_lists_below_it_unread_is_the_mistake(tmp_path: Path) -> None:
    write(tmp_path, "  pickles: {mode: allowlist, profiles: [torch]}\n", "base.yaml")
    read(tmp_path, "  extends: base.yaml\n  pickles: {allow: [a.b]}\n")
    path = write(tmp_path, "  extends: base.yaml\n  pickles:\n    mode: convert\n")
    with pytest.raises(PolicyError) as wrong:
        policy.load(path, settings())
    assert wrong.value.message.startswith(f"{path}:7: `spec.pickles.mode`: ")


@pytest.mark.parametrize(
    ("spec", "line", "says"),
    [
        ("  mdoe: warn\n", 5, "did you mean `mode`"),
        ("  mode: lenient\n", 5, "lenient"),
        ("  mode: warn\n  mode: audit\n", 6, "already set"),
        ("  identity:\n    absent: deny\n    unkownKey: deny\n", 7, "did you mean `unknownKey`"),
        ("  identity: {invalid: allow}\n", 5, "allow"),
        ("  verdicts: {malicious: warn}\n", 5, "warn"),
        ("  remoteCode: allow\n", 5, "allow"),
        ("  repoTypes: [model, datasets]\n", 5, "datasets"),
        ("  rules:\n    - name: x\n      match: {repoTypes: [bucket]}\n", 7, "bucket"),
        ("  limits: {repoBytes: 12 parsecs}\n", 5, "limits"),
        ("  rules:\n    - match: {repos: [a]}\n", 6, "name"),
        ("  rules:\n    - name: x\n      sources: [hub]\n", 7, "unknown key"),
        ("  pickles: {allow: [a.b]}\n", 5, "allowlist"),
        ("  pickles:\n    mode: allowlist\n    profiles: [torhc]\n", 7, "did you mean `torch`"),
        ("  - a\n", 4, "spec"),
        ("  mode: [\n", 6, ""),
    ],
)
def test_a_mistake_is_told_with_file_and_line(
    tmp_path: Path, spec: str, line: int, says: str
) -> None:
    path = write(tmp_path, spec)
    with pytest.raises(PolicyError) as wrong:
        policy.load(path, settings())
    assert wrong.value.message.startswith(f"{path}:{line}: ")
    assert says in wrong.value.message


def test_lists_that_no_mode_reads_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="allowlist"):
        read(tmp_path, "  pickles: {allow: [a.b]}\n")
    read(tmp_path, "  pickles: {mode: allowlist, profiles: [torch], allow: [a.b]}\n")


def test_a_profile_that_the_scanner_lacks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="did you mean `torch`"):
        read(tmp_path, "  pickles: {mode: allowlist, profiles: [torhc]}\n")


def test_an_unknown_name_gets_a_hint() -> None:
    with pytest.raises(PolicyError) as wrong:
        policy.load("strcit", settings())
    assert "did you mean `strict`" in wrong.value.hint


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"- a\n", b"a: &x [*x]\n"])
def test_a_file_that_is_no_document_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(PolicyError):
        policy.load(path, settings())


def test_an_edited_policy_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "  mode: warn\n")
    before = policy.load(path, settings())
    path.write_text(HEAD + "  mode: audit\n")
    after = policy.load(path, settings())
    assert (before.mode, after.mode) == ("warn", "audit")
    assert before.id.digest != after.id.digest


def test_layout_and_comments_do_not_change_the_digest(tmp_path: Path) -> None:
    one = read(tmp_path, "  mode: warn\n  scope: all\n")
    two = read(tmp_path, "  # a comment\n  scope: 'all'\n\n  mode: warn\n")
    assert one.id == two.id


def test_the_shown_policy_is_a_policy_with_the_same_digest(tmp_path: Path) -> None:
    root = tmp_path / "root.yaml"
    root.write_text("kind: TrustRoot\n")
    ours = read(
        tmp_path,
        "  extends: strict\n"
        "  identity: {trustRoots: [root.yaml]}\n"
        "  formats: {allow: [safetensors, json]}\n"
        "  limits: {fileBytes: 5GiB}\n"
        "  rules:\n"
        "    - {name: no-evil, match: {repos: ['evil/*'], except: [evil/good]}, deny: never}\n"
        "    - {name: mine, match: {sources: [local]}, identity: {absent: deny}}\n",
    )
    shown = tmp_path / "elsewhere" / "shown.yaml"
    shown.parent.mkdir()
    shown.write_text(yaml.safe_dump(ours.document()))
    assert policy.load(shown, settings()).id == ours.id


def test_the_digest_covers_what_trust_roots_hold(tmp_path: Path) -> None:
    root, key = tmp_path / "root.yaml", tmp_path / "key.asc"
    root.write_text("spec: {keys: [{kind: openpgp, file: key.asc}]}\n")
    key.write_text("one")
    spec = "  identity: {trustRoots: [root.yaml]}\n"
    before = read(tmp_path, spec).id.digest
    key.write_text("other")
    changed_key = read(tmp_path, spec).id.digest
    root.write_text("spec: {keys: [{kind: ssh, file: key.asc}]}\n")
    changed_root = read(tmp_path, spec).id.digest
    assert len({before, changed_key, changed_root}) == 3


def test_the_digest_does_not_depend_on_where_trust_roots_lie(tmp_path: Path) -> None:
    digests = set()
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        (folder / "root.yaml").write_text("spec: {}\n")
        digests.add(read(folder, "  identity: {trustRoots: [root.yaml]}\n").id.digest)
    assert len(digests) == 1


def test_a_missing_trust_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.yaml"):
        read(tmp_path, "  identity: {trustRoots: [gone.yaml]}\n")


def test_trust_roots_on_top_are_absolute_once_and_in_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("root.yaml").write_text("spec: {}\n")
    before = policy.load("strict", settings())
    after = policy.with_trust_roots(before, ["root.yaml", tmp_path / "root.yaml"])
    assert after.trust_roots == (tmp_path / "root.yaml",)
    assert after.id.digest != before.id.digest


def test_the_homes_trust_roots_count_for_every_policy() -> None:
    folder = settings().home / "trust"
    folder.mkdir(parents=True)
    (folder / "ours.yaml").write_text("spec: {}\n")
    assert policy.load("strict", settings()).trust_roots == (folder / "ours.yaml",)


def test_every_matching_rule_applies_and_the_strictest_wins(tmp_path: Path) -> None:
    ours = read(
        tmp_path,
        "  rules:\n"
        "    - {name: a, match: {repos: ['org/*']}, identity: {absent: deny}}\n"
        "    - {name: b, match: {repos: ['*/m']}, identity: {absent: allow},\n"
        "       cache: {verify: always}}\n"
        "    - {name: c, match: {sources: [git]}, scope: all}\n",
    )
    topics = ours.topics(Source(kind="hub", location="org/m"))
    assert topics.identity.absent == "deny"
    assert topics.cache.verify == "always"
    assert topics.scope == "needed"
    assert ours.topics(Source(kind="hub", location="else/x")) == ours.base


def test_a_policy_survives_being_read_by_another_process(tmp_path: Path) -> None:
    # Plain values only: what a report or the ledger writes down is the whole policy.
    document = read(tmp_path, "  extends: research\n").document()
    assert msgspec.json.decode(msgspec.json.encode(document)) == document
