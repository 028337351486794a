from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secureload import code
from secureload.errors import IntegrityError
from secureload.flow import Listing, Snapshot, Source, StoredFile


def snapshot(folder: Path, files: dict[str, str]) -> Snapshot:
    stored = []
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        stored.append(StoredFile(path=path, size=len(text), sha256=digest, git_oid=""))
    listing = Listing(source=Source(kind="local", location="/m"), commit="local-0", claims=())
    return Snapshot(listing=listing, root=folder, files=tuple(stored))


def test_without_python_there_is_no_code(tmp_path: Path) -> None:
    assert code.code_of(snapshot(tmp_path, {"config.json": "{}", "README.md": "x.py"})) is None


def test_all_of_a_space_is_its_code(tmp_path: Path) -> None:
    found = snapshot(tmp_path, {"app.py": "1", "README.md": "2", "requirements.txt": "3"})
    source = Source(kind="hub", location="spaces/org/x")
    space = replace(found, listing=replace(found.listing, source=source))
    before = code.code_of(space)
    assert before is not None
    assert [file.path for file in before.files] == ["README.md", "app.py", "requirements.txt"]
    fewer = code.code_of(replace(space, files=space.files[:-1]))
    assert fewer is not None
    assert fewer.digest != before.digest


def test_the_digest_is_of_names_sizes_and_bytes(tmp_path: Path) -> None:
    found = code.code_of(snapshot(tmp_path, {"b.py": "2", "a/c.py": "1", "config.json": "{}"}))
    assert found is not None
    lines = sorted(
        f"{hashlib.sha256(text).hexdigest()} 1 {path}\n"
        for path, text in {"b.py": b"2", "a/c.py": b"1"}.items()
    )
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert found.digest == f"sha256:{digest}"
    assert [file.path for file in found.files] == ["a/c.py", "b.py"]


@pytest.mark.parametrize(
    ("auto_map", "astray"),
    [
        ({"AutoModel": "m.Model"}, ()),
        ({"AutoTokenizer": ["m.Slow", None]}, ()),
        (["m.Slow", "m.Fast"], ()),
        ({"AutoModel": "org/x--m.Model"}, ("org/x--m.Model",)),
        ({"AutoModel": "other.Model"}, ("other.Model",)),
        ({"AutoModel": "m.a.Model"}, ("m.a.Model",)),
        ({"AutoModel": "m"}, ("m",)),
        ({"AutoModel": 5}, ("5",)),
        ({"AutoModel": {"x": 1}}, ("{'x': 1}",)),
    ],
    ids=str,
)
def test_references_are_local_modules_or_astray(
    auto_map: Any, astray: tuple[str, ...], tmp_path: Path
) -> None:
    files = {"m.py": "", "config.json": json.dumps({"auto_map": auto_map})}
    found = code.code_of(snapshot(tmp_path, files))
    assert found is not None
    assert found.astray == astray


def test_a_manifest_comes_back_as_it_was(tmp_path: Path) -> None:
    files = {"m.py": "x", "config.json": json.dumps({"auto_map": {"AutoModel": "m.M"}})}
    found = code.code_of(snapshot(tmp_path, files))
    assert found is not None
    assert code.read_manifest(code.manifest(found)) == found


@pytest.mark.parametrize("change", ["digest", "files", "names"])
def test_a_manifest_that_does_not_agree_with_itself_is_an_error(
    change: str, tmp_path: Path
) -> None:
    found = code.code_of(snapshot(tmp_path, {"m.py": "x"}))
    assert found is not None
    document = json.loads(code.manifest(found))
    document[change] = {"digest": "sha256:0", "files": {}, "names": 5}[change]
    with pytest.raises(IntegrityError):
        code.read_manifest(json.dumps(document).encode())
