"""References read back as they are written, and odd ones are refused with a hint."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secureload.errors import NotFoundError, UsageError
from secureload.flow import HUB_PREFIXES, RepoType, Source
from secureload.sources import parse
from secureload.sources.reference import check

_NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}[A-Za-z0-9]", fullmatch=True).filter(
    lambda name: ".." not in name and "--" not in name and not name.endswith((".git", ".ipynb"))
)
_REVISION = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,12}[a-z0-9]", fullmatch=True).filter(
    lambda text: ".." not in text and not text.endswith(".lock")
)
_BRANCH = st.one_of(st.none(), _REVISION, st.builds("{}/{}".format, _REVISION, _REVISION))


@given(_NAME, st.one_of(st.none(), _NAME), _BRANCH)
def test_a_hub_source_reads_back(org: str, name: str | None, revision: str | None) -> None:
    location = f"{org}/{name}" if name else org
    source = Source(kind="hub", location=location, revision=revision)
    assert parse(str(source)) == parse(f"hub:{source}") == source
    assert parse(location, revision) == source


@given(st.sampled_from(["dataset", "space"]), _NAME, _NAME, _BRANCH)
def test_a_dataset_and_a_space_read_back(
    repo_type: RepoType, org: str, name: str, revision: str | None
) -> None:
    location = f"{HUB_PREFIXES[repo_type]}{org}/{name}"
    source = Source(kind="hub", location=location, revision=revision)
    assert parse(str(source)) == parse(f"hub:{source}") == parse(f"hf://{source}") == source
    assert (source.repo_type, source.name) == (repo_type, f"{org}/{name}")
    assert source.repository != source.name


@given(
    _NAME, _NAME, _BRANCH, st.sampled_from(["https://h.example/", "https://h:8443/", "file:///"])
)
def test_a_git_source_reads_back(org: str, name: str, revision: str | None, before: str) -> None:
    source = Source(kind="git", location=f"{before}{org}/{name}.git", revision=revision)
    assert parse(str(source)) == source


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(string.ascii_letters + "@ .~'é", min_size=1, max_size=10))
def test_a_local_source_reads_back(tmp_path: Path, name: str) -> None:
    if name in {".", ".."} or name.endswith(" "):
        return
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    source = parse(str(folder))
    assert source == Source(kind="local", location=str(folder))
    assert parse(str(source)) == source
    pinned = Source(kind="local", location=str(folder), revision=f"local-{'0' * 64}")
    assert parse(str(pinned)) == pinned


@given(st.text())
def test_any_text_gives_a_source_or_one_of_two_errors(text: str) -> None:
    try:
        source = parse(text)
    except (UsageError, NotFoundError):
        return
    check(source)
    assert parse(str(source)) == source


def test_an_existing_folder_wins_over_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert parse("org/model").kind == parse("org/model", "main").kind == "local"
    assert parse("hub:org/model").kind == "hub"
    assert parse("org/other").kind == "hub"


def test_a_type_is_told_by_the_hubs_own_spelling() -> None:
    assert parse("datasets/squad") == Source(kind="hub", location="datasets/squad")
    types = {
        text: parse(text).repo_type
        for text in ("squad", "org/x", "hf://org/x", "datasets/squad", "datasets/org/x",
                     "hf://datasets/org/x@v1", "hub:spaces/org/x", "git+file:///datasets/x")
    }  # fmt: skip
    assert [text for text, kind in types.items() if kind == "model"] == [
        "squad", "org/x", "hf://org/x", "git+file:///datasets/x",
    ]  # fmt: skip
    assert [text for text, kind in types.items() if kind == "space"] == ["hub:spaces/org/x"]
    assert Source(kind="local", location="datasets/x").repo_type == "model"


@pytest.mark.parametrize("text", ["./absent", "../absent", "/absent/x", "~/absent-folder"])
def test_a_path_never_becomes_a_name(text: str) -> None:
    with pytest.raises(NotFoundError, match="no file or folder"):
        parse(text)


def test_a_link_in_the_hugging_face_cache_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x")
    (tmp_path / "model.safetensors").symlink_to("blob")
    assert parse(str(tmp_path / "model.safetensors")).location.endswith("model.safetensors")


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a b", "org/model\n", "org/model\x00", "org/../model", "org//model", "a/b/c",
        "datasets/", "spaces/", "spaces/x", "datasets/a/b/c", "datasets//x", "hf://", "hf:org/x",
        "datasets/../x", "hf://datasets/org/x/train.csv", "buckets/org/x",
        "-org/model", "org/-model", "org/model@", "org/model@a b", "org/model@-x",
        "org/model@../x", "org/model@x..y", "org/model@a:b", "org\\model", "org/model.git",
        "http://h/x", "https://huggingface.co/org/model", "git+ext::sh -c id", "git+-upload",
        "git+ssh://h/x", "git+http://example.org/x", "git+https://-oProxy/x",
        "git+https://user:secret@h/x", "git+file://host/x", "git+https://h/x?y",
        "git+https://h/a/../b", "git+https://h/%2e%2e/b", "git+https://h/", "git+https://h:99999/x",
        "git+https://[::1/x", "x" * 97, "org/model@" + "x" * 256, "org/\N{CYRILLIC SMALL LETTER A}",
    ],
)  # fmt: skip
def test_odd_references_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse(text)


def test_two_different_revisions_are_refused() -> None:
    with pytest.raises(UsageError, match="for another"):
        parse("org/model@v1", "v2")
    assert parse("org/model@v1", "v1").revision == "v1"


def test_plain_http_is_for_loopback() -> None:
    assert parse("git+http://127.0.0.1:8080/org/model").kind == "git"


@pytest.mark.parametrize(
    "source",
    [
        Source(kind="git", location="ext::sh -c id"),
        Source(kind="git", location="--upload-pack=id"),
        Source(kind="hub", location="../x"),
        Source(kind="hub", location="datasets/../x"),
        Source(kind="local", location="x"),
        Source(kind="hub", location="org/model", revision="--x"),
    ],
)
def test_a_source_made_by_hand_is_checked(source: Source) -> None:
    with pytest.raises(UsageError):
        check(source)
