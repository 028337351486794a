"""We and the model-signing tool, over folders that nobody thought of: the same yes, the same no."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from model_signing import hashing, signing, verifying

from tests.builders import model_signatures as made
from tests.secureload.signatures.models import SignedModel

_NAMES = ("a", "B", "b.bin", "é", "a b", "x:0:4", ".hidden", ".gitignore", ".gitattributes")
_FIRST = (*_NAMES, ".git", ".github")  # further down, a folder of git's own is refused as such
_CONTENT = st.binary(max_size=12)


@dataclass(frozen=True)
class Signed:
    """What is signed, and how."""

    files: dict[str, bytes]
    ignored: tuple[str, ...]
    shards: int | None
    algorithm: str
    follows: bool = False


@st.composite
def _paths(draw: st.DrawFn) -> str:
    below = draw(st.lists(st.sampled_from(_NAMES), max_size=2))
    return "/".join([draw(st.sampled_from(_FIRST)), *below])


def _fit(path: str, files: dict[str, bytes]) -> bool:
    """Whether a file may lie there beside the others: no file is a folder as well."""
    return not any(
        one == path or one.startswith(f"{path}/") or path.startswith(f"{one}/") for one in files
    )


@st.composite
def signed(draw: st.DrawFn) -> Signed:
    files: dict[str, bytes] = {}
    for path in draw(st.lists(_paths(), min_size=1, max_size=5)):
        if _fit(path, files):
            files[path] = draw(_CONTENT)
    files.setdefault("weights", b"weights")
    candidates = sorted({*files, *(path.split("/")[0] for path in files)} - {"weights"})
    ignored = draw(st.lists(st.sampled_from(candidates), max_size=2)) if candidates else []
    return Signed(
        files=files,
        ignored=tuple(dict.fromkeys(ignored)),
        # The tool takes a colon in a sharded file's name for the shard's.
        shards=draw(st.sampled_from([None] if ":" in "".join(files) else [None, 1, 5])),
        algorithm=draw(st.sampled_from(["sha256", "blake2", "blake3"])),
    )


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, bytes, int]:
    what = draw(st.sampled_from(["nothing", "write", "delete", "rename", "append", "cut"]))
    return what, draw(_paths()), draw(_CONTENT), draw(st.integers(0, 20))


def change(folder: Path, one: tuple[str, str, bytes, int]) -> None:
    """Do one thing to a folder, where it can be done."""
    what, path, data, number = one
    there = sorted(
        item for item in folder.rglob("*") if item.is_file() and item.name != "model.sig"
    )
    target = there[number % len(there)]
    other = folder / path
    names = {item.relative_to(folder).as_posix(): b"" for item in there}
    if what == "write" and (other in there or _fit(path, names)):
        made.write(folder, {path: data})
    elif what == "delete":
        target.unlink()
    elif what == "rename" and _fit(path, names):
        other.parent.mkdir(parents=True, exist_ok=True)
        target.rename(other)
    elif what == "append":
        target.write_bytes(target.read_bytes() + data)
    elif what == "cut":
        target.write_bytes(target.read_bytes()[: len(data)])


def hashed(what: Signed, *ignored: str) -> hashing.Config:
    """The tool's own configuration; its verifier reads no shard size from a signature."""
    config = hashing.Config()
    if what.shards:
        config.use_shard_serialization(hashing_algorithm=what.algorithm, shard_size=what.shards)
    else:
        config.use_file_serialization(hashing_algorithm=what.algorithm)
    config.set_allow_symlinks(what.follows)
    return config.set_ignored_paths(paths=ignored)


def sign(model: SignedModel, what: Signed) -> None:
    private = model.trust.parent / "private.pem"
    private.write_bytes(made.private_pem(made.key()))
    signer = signing.Config().use_elliptic_key_signer(private_key=private)
    signer.set_hashing_config(hashed(what, *what.ignored, model.signature.name))
    signer.sign(model.folder, model.signature)
    model.trusts("publisher.pem", made.public_pem(made.key()))


def tool_verifies(model: SignedModel, what: Signed, *, unsigned_too: bool = False) -> bool:
    verifier = verifying.Config().use_elliptic_key_verifier(
        public_key=model.trust.parent / "publisher.pem"
    )
    verifier.set_ignore_unsigned_files(unsigned_too)
    try:
        verifier.set_hashing_config(hashed(what)).verify(model.folder, model.signature)
    except (ValueError, OSError):
        return False
    return True


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(what=signed(), one=changes())
def test_a_folder_is_verified_by_both_or_by_neither(
    what: Signed,
    one: tuple[str, str, bytes, int],
    tmp_path: Path,
    model: SignedModel,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del model  # its fixture says where records go
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        ours = SignedModel(Path(folder), capsys)
        for path in sorted(ours.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        made.write(ours.folder, what.files)
        sign(ours, what)
        change(ours.folder, one)
        verified = ours.status() == "verified"
        event("verified" if verified else "refused")
        assert verified == tool_verifies(ours, what), (what, one)
        options = ("--ignore-unsigned-files",)
        if not what.shards:  # likewise, a shard's name for a file's
            lenient = ours.status(*options) == "verified"
            assert lenient == tool_verifies(ours, what, unsigned_too=True)


LINKS = {
    "file": "weights.bin",
    "folder": "sub",
    "outside": "../outside.bin",
    "outside-folder": "../elsewhere",
    "nowhere": "not-there",
    "itself": "link",
}


@pytest.mark.parametrize("follows", [False, True])
@pytest.mark.parametrize("target", LINKS)
def test_links_are_followed_by_both_or_by_neither(
    model: SignedModel, target: str, follows: bool
) -> None:
    made.write(model.folder.parent, {"outside.bin": b"outside", "elsewhere/b.bin": b"b"})
    (model.folder / "link").symlink_to(LINKS[target])
    what = Signed(files={}, ignored=(), shards=None, algorithm="sha256", follows=follows)
    try:
        sign(model, what)
    except (ValueError, OSError):
        (model.folder / "link").unlink()
        sign(model, what)
        (model.folder / "link").symlink_to(LINKS[target])
    ours = model.verify().get("status") == "verified"
    assert ours is (target == "file" and follows)
    # Links to folders, and out of the model, are followed by the tool alone.
    assert tool_verifies(model, what) or not ours
