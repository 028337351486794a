"""A carried admission that is cut, odd or unreadable is one clear answer, never a traceback."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from secureload.errors import EvidenceError, Refused
from secureload.evidence import bundle
from secureload.evidence.export import export
from tests.secureload.evidence import samples
from tests.secureload.evidence.conftest import Signed


@pytest.fixture(scope="module")
def carried(signed: Signed, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("carried") / "model.tar"
    export(signed.entry, signed.evidence, path)
    return path.read_bytes()


def accept(signed: Signed, path: Path) -> str:
    """Why the bundle is refused, or what is wrong with it."""
    assert signed.home.key is not None
    gate = samples.Home(path=path.parent / "home").gate(signed.home.key.public)
    with pytest.raises((Refused, EvidenceError)) as error:
        gate.accept(path)
    assert gate.cache.entries() == ()
    return str(error.value)


def test_a_tar_file_cut_anywhere_is_refused(signed: Signed, carried: bytes, tmp_path: Path) -> None:
    for number, length in enumerate((0, 100, 512, 1000, 5000, 20_000, 30_000, len(carried) // 2)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "model.tar").write_bytes(carried[:length])
        assert accept(signed, folder / "model.tar")


def test_a_member_twice_or_no_file_is_refused(
    signed: Signed, carried: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "model.tar"
    path.write_bytes(carried)
    with tarfile.open(path, "a:") as archive:
        twice = tarfile.TarInfo("model/config.json")
        twice.size = 2
        archive.addfile(twice, io.BytesIO(b"{}"))
    assert "twice" in accept(signed, path)

    path.write_bytes(b"")
    with tarfile.open(path, "w:") as archive:
        for name in ("evidence/vsa.json", "model/config.json"):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(link)
    assert "has no `evidence/vsa.json`" in accept(signed, path)


def test_compressed_tar_files_are_not_opened(
    signed: Signed, carried: bytes, tmp_path: Path
) -> None:
    import gzip

    path = tmp_path / "model.tar"
    path.write_bytes(gzip.compress(carried))
    assert "no tar file" in accept(signed, path)


def test_a_document_that_is_no_file_is_an_error(signed: Signed, tmp_path: Path) -> None:
    path = tmp_path / "carried"
    export(signed.entry, signed.evidence, path)
    document = path / "evidence" / "bom.json"
    document.unlink()
    document.mkdir()
    assert "bom.json" in accept(signed, path)


def test_what_is_taken_is_measured(signed: Signed, tmp_path: Path) -> None:
    path = tmp_path / "carried.tar"
    export(signed.entry, signed.evidence, path)
    with bundle.opened(path) as found:
        assert found.files() == {file.path for file in signed.entry.files}
        assert bundle.document(found, "vsa.json") == signed.evidence.read("vsa.json")
        for file in signed.entry.files:
            assert bundle.take(found, file, tmp_path / "taken") == ""
            taken = (tmp_path / "taken" / file.path).read_bytes()
            assert taken == (signed.entry.path / file.path).read_bytes()
