"""The cache gives back what was admitted, and nothing else."""

from __future__ import annotations

import dataclasses
import os
import stat
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secureload.cache import TrustedCache
from secureload.errors import CacheError, IntegrityError, NotFoundError
from secureload.flow import Decision, FileClaim, PolicyId, Source
from tests.secureload.cache import samples
from tests.secureload.cache.conftest import Kept

ROOT = Path(__file__).parents[3]
Mode = Literal["always", "changed"]
MODES: tuple[Mode, ...] = ("always", "changed")

names = st.from_regex(r"\A[a-z0-9_]{1,8}(/[a-z0-9_]{1,8}){0,2}\.json\Z")
trees = st.dictionaries(names, st.binary(max_size=300).map(lambda b: b"{" + b), min_size=1).filter(
    lambda files: not any(a != b and b.startswith(f"{a}/") for a in files for b in files)
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files=trees)
def test_what_is_published_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    cache = TrustedCache(tmp_path_factory.mktemp("home"))
    made = samples.decided(cache.layout.home, files)
    with cache.work() as work:
        artifact = samples.artifact(made, work / "artifact", files)
        published = cache.publish(samples.key(made), artifact, made)
    for mode in MODES:
        found = cache.find(samples.key(made), mode=mode)
        assert found is not None
        assert found.warm
        assert dataclasses.replace(found, warm=False) == published
    assert {path: (published.path / path).read_bytes() for path in files} == files
    assert cache.verify() == []
    assert cache.leftovers() == []


def test_making_a_cache_touches_nothing(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home)
    assert cache.find(samples.key(made), mode="always") is None
    assert cache.latest(made.listing.source) is None
    assert cache.entries() == ()
    assert cache.commits(made.listing.source) == ()
    assert cache.shelf(made.listing.claims[0]) is None
    assert cache.verify() == []
    assert list(cache.audit.export()) == []
    assert not cache.layout.home.exists()


def test_importing_and_making_a_cache_imports_no_sqlalchemy() -> None:
    probe = (
        "import sys, pathlib; from secureload.cache import TrustedCache; "
        "TrustedCache(pathlib.Path('x')).leftovers; "
        "print([m for m in ('sqlalchemy', 'alembic', 'torch') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


def test_another_key_finds_nothing(kept: Kept) -> None:
    for field in ("commit", "policy", "ruleset", "converter", "selection", "repository"):
        other = dataclasses.replace(kept.key, **{field: "other"})
        assert kept.cache.find(other, mode="always") is None


def test_files_are_read_only_and_the_home_is_private(kept: Kept) -> None:
    for file in kept.entry.files:
        assert stat.S_IMODE((kept.entry.path / file.path).stat().st_mode) == 0o444
        assert stat.S_IMODE(kept.cache.layout.blob(file.sha256).stat().st_mode) == 0o444
    assert stat.S_IMODE(kept.entry.path.stat().st_mode) == 0o555
    assert stat.S_IMODE(kept.cache.layout.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.cache.layout.database.stat().st_mode) == 0o600


def test_equal_content_is_stored_once(kept: Kept) -> None:
    made = samples.decided(kept.cache.layout.home, commit="d" * 40)
    with kept.cache.work() as work:
        other = kept.cache.publish(
            samples.key(made), samples.artifact(made, work / "artifact"), made
        )
    inodes = [(e.path / "model.safetensors").stat().st_ino for e in (kept.entry, other)]
    assert inodes[0] == inodes[1]
    assert kept.cache.find(kept.key, mode="changed") is not None
    assert kept.cache.verify() == []


def test_publishing_again_keeps_what_is_there(kept: Kept) -> None:
    with kept.cache.work() as work:
        again = kept.cache.publish(
            kept.key, samples.artifact(kept.decided, work / "artifact"), kept.decided
        )
    assert again == kept.entry
    assert len(kept.cache.entries()) == 1


def test_publishing_other_files_for_the_key_replaces_the_admission(kept: Kept) -> None:
    files = {**samples.FILES, "model.safetensors": samples.weights(9)}
    made = kept.decided
    with kept.cache.work() as work:
        artifact = samples.artifact(made, work / "artifact", files)
        again = kept.cache.publish(kept.key, artifact, made)
    assert (again.path / "model.safetensors").read_bytes() == samples.weights(9)
    assert not kept.entry.path.exists()
    assert kept.cache.find(kept.key, mode="always") == dataclasses.replace(again, warm=True)
    assert kept.cache.verify() == []


# -- permission --------------------------------------------------------------------------


def test_nothing_is_published_without_approval(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home, decision=Decision.DENY)
    with cache.work() as work, pytest.raises(IntegrityError):
        cache.publish(samples.key(made), samples.artifact(made, work / "artifact"), made)
    assert cache.entries() == ()


def test_an_approval_of_other_files_publishes_nothing(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home)
    other = samples.decided(cache.layout.home, {"config.json": b"{}"})
    swapped = dataclasses.replace(made, approval=other.approval)
    with cache.work() as work, pytest.raises(IntegrityError):
        cache.publish(samples.key(made), samples.artifact(made, work / "artifact"), swapped)
    key = dataclasses.replace(samples.key(made), policy="sha256:" + "2" * 64)
    with cache.work() as work, pytest.raises(IntegrityError):
        cache.publish(key, samples.artifact(made, work / "artifact"), made)


def test_a_file_changed_after_conversion_is_not_published(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home)
    with cache.work() as work:
        artifact = samples.artifact(made, work / "artifact")
        (artifact.root / "model.safetensors").write_bytes(samples.weights(8))
        with pytest.raises(IntegrityError, match="changed between"):
            cache.publish(samples.key(made), artifact, made)
    assert cache.entries() == ()
    assert cache.leftovers() == []


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("data.json", b"\x80\x04N."),
        ("model.safetensors", b"\x80\x02}q\x00."),
        ("weights.dat", b"PK\x03\x04" + bytes(60)),
        ("weights.pt", b"plain"),
        ("array.npy", b"\x93NUMPY\x01\x00\x06\x00{'descr': '|O', 'shape': (1,), }"),
    ],
)
def test_no_pickle_gets_into_a_model_folder(cache: TrustedCache, path: str, data: bytes) -> None:
    files = {path: data}
    made = samples.decided(cache.layout.home, files)
    with cache.work() as work, pytest.raises(IntegrityError, match="pickle"):
        cache.publish(samples.key(made), samples.artifact(made, work / "artifact", files), made)
    assert list(cache.layout.models.iterdir()) == []


def test_a_safetensors_header_that_begins_like_a_pickle_is_none(cache: TrustedCache) -> None:
    data = samples.weights()
    header = data[8:-64].ljust(0x0280)
    files = {"model.safetensors": len(header).to_bytes(8, "little") + header + data[-64:]}
    assert files["model.safetensors"].startswith(b"\x80\x02")
    made = samples.decided(cache.layout.home, files)
    with cache.work() as work:
        cache.publish(samples.key(made), samples.artifact(made, work / "artifact", files), made)
    assert len(cache.entries()) == 1


def test_an_array_of_numbers_may_be_published(cache: TrustedCache) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }"
    files = {"array.npy": b"\x93NUMPY\x01\x00" + bytes([len(header), 0]) + header + bytes(4)}
    made = samples.decided(cache.layout.home, files)
    with cache.work() as work:
        cache.publish(samples.key(made), samples.artifact(made, work / "artifact", files), made)
    assert len(cache.entries()) == 1


@pytest.mark.parametrize("path", ["../evil.json", "/evil.json", "a/../../evil.json", "a//b.json"])
def test_a_path_that_climbs_out_is_not_published(cache: TrustedCache, path: str) -> None:
    made = samples.decided(cache.layout.home)
    with cache.work() as work:
        artifact = samples.artifact(made, work / "artifact")
        evil = dataclasses.replace(artifact.files[0], path=path)
        with pytest.raises(IntegrityError, match="unsafe path"):
            cache.publish(samples.key(made), dataclasses.replace(artifact, files=(evil,)), made)


def test_a_staged_file_with_a_second_name_is_copied(cache: TrustedCache, tmp_path: Path) -> None:
    made = samples.decided(cache.layout.home)
    with cache.work() as work:
        artifact = samples.artifact(made, work / "artifact")
        outside = tmp_path / "outside"
        outside.hardlink_to(artifact.root / "model.safetensors")
        entry = cache.publish(samples.key(made), artifact, made)
    outside.write_bytes(b"changed behind our back")
    assert (entry.path / "model.safetensors").read_bytes() == samples.weights()


# -- tampering ---------------------------------------------------------------------------


def overwrite(path: Path, data: bytes, *, same_times: bool = False) -> None:
    before = path.stat()
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(data)
    path.chmod(0o444)
    if same_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("same_times", [False, True])
def test_a_flipped_byte_in_a_model_folder_is_refused(
    kept: Kept, mode: Mode, same_times: bool
) -> None:
    overwrite(kept.entry.path / "model.safetensors", b"\x00", same_times=same_times)
    with pytest.raises(IntegrityError, match=r"model\.safetensors has other bytes") as caught:
        kept.cache.find(kept.key, mode=mode)
    assert "cache rm" in caught.value.hint
    assert any("model.safetensors" in str(problem) for problem in kept.cache.verify())


@pytest.mark.parametrize("mode", MODES)
def test_a_flipped_byte_in_a_blob_is_refused(kept: Kept, mode: Mode) -> None:
    sha256 = next(f.sha256 for f in kept.entry.files if f.path == "config.json")
    overwrite(kept.cache.layout.blob(sha256), b"[")
    with pytest.raises(IntegrityError, match=r"config\.json has other bytes"):
        kept.cache.find(kept.key, mode=mode)
    assert any(problem.subject == f"blob {sha256}" for problem in kept.cache.verify())


@pytest.mark.parametrize("mode", MODES)
def test_a_replaced_file_is_refused(kept: Kept, mode: Mode) -> None:
    target = kept.entry.path / "model.safetensors"
    kept.entry.path.chmod(0o755)
    target.unlink()
    target.write_bytes(samples.weights(1))
    with pytest.raises(IntegrityError, match="other bytes"):
        kept.cache.find(kept.key, mode=mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["pytorch_model.bin", "sub/adapter_config.json", "new/x.json"])
def test_an_added_file_is_refused(kept: Kept, mode: Mode, name: str) -> None:
    for folder in (kept.entry.path, kept.entry.path / "sub"):
        folder.chmod(0o755)
    samples.write(kept.entry.path, {name: b"{}"})
    with pytest.raises(IntegrityError, match="was added"):
        kept.cache.find(kept.key, mode=mode)
    assert kept.cache.verify() != []


@pytest.mark.parametrize("mode", MODES)
def test_a_missing_file_is_refused(kept: Kept, mode: Mode) -> None:
    kept.entry.path.chmod(0o755)
    (kept.entry.path / "config.json").unlink()
    with pytest.raises(IntegrityError, match=r"config\.json is missing"):
        kept.cache.find(kept.key, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_replaced_by_a_link_is_refused(kept: Kept, mode: Mode) -> None:
    aside = kept.entry.path.with_name("aside")
    kept.entry.path.chmod(0o755)
    kept.entry.path.rename(aside)
    kept.entry.path.symlink_to(aside)
    with pytest.raises(IntegrityError, match="is not a folder"):
        kept.cache.find(kept.key, mode=mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_file_replaced_by_a_link_to_equal_bytes_is_refused(kept: Kept, mode: Mode) -> None:
    target = kept.entry.path / "config.json"
    aside = kept.cache.layout.home / "aside"
    kept.entry.path.chmod(0o755)
    target.rename(aside)
    target.symlink_to(aside)
    with pytest.raises(IntegrityError, match="link"):
        kept.cache.find(kept.key, mode=mode)


def test_equal_bytes_with_new_times_are_read_once_and_then_trusted(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(kept.entry.path / "config.json", ns=(1, 1))
    assert kept.cache.find(kept.key, mode="changed") is not None
    monkeypatch.setattr("secureload.cache.integrity._read_file", _must_not_read)
    assert kept.cache.find(kept.key, mode="changed") is not None


def _must_not_read(*_: object, **__: object) -> str:
    raise AssertionError("an unchanged file was read")


def test_changed_reads_nothing_and_always_reads_everything(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secureload.cache.integrity._read_file", _must_not_read)
    assert kept.cache.find(kept.key, mode="changed") is not None
    with pytest.raises(AssertionError):
        kept.cache.find(kept.key, mode="always")


def test_a_poisoned_admission_is_replaced_when_published_again(kept: Kept) -> None:
    overwrite(kept.entry.path / "model.safetensors", b"\x00")
    with kept.cache.work() as work:
        kept.cache.publish(
            kept.key, samples.artifact(kept.decided, work / "artifact"), kept.decided
        )
    found = kept.cache.find(kept.key, mode="always")
    assert found is not None
    assert (found.path / "model.safetensors").read_bytes() == samples.weights()
    assert kept.cache.verify() == []
    assert any('"blob-replaced"' in line for line in kept.cache.audit.export())


def test_a_poisoned_admission_can_be_removed(kept: Kept) -> None:
    overwrite(kept.entry.path / "model.safetensors", b"\x00")
    assert kept.cache.remove(kept.entry.admission[:10]) == kept.entry.admission
    assert kept.cache.find(kept.key, mode="always") is None
    kept.cache.collect_garbage()
    assert kept.cache.verify() == []


# -- records -----------------------------------------------------------------------------


def test_a_refusal_is_recorded_and_admits_nothing(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home, decision=Decision.DENY)
    cache.record_verdict(made)
    assert cache.entries() == ()
    assert cache.latest(made.listing.source) is None
    (line,) = cache.audit.export()
    assert '"refused"' in line
    assert "identity" in line
    assert cache.verify() == []


def test_a_verdict_without_bytes_is_recorded(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home, decision=Decision.ERROR)
    cache.record_verdict(dataclasses.replace(made, snapshot=None, report=None))
    assert len(list(cache.audit.export())) == 1


def test_latest_is_the_last_admitted_commit_of_the_revision(cache: TrustedCache) -> None:
    source = Source(kind="hub", location="org/model", revision="main")
    for commit in ("a" * 40, "b" * 40):
        made = samples.decided(cache.layout.home, source=source, commit=commit)
        with cache.work() as work:
            cache.publish(samples.key(made), samples.artifact(made, work / "artifact"), made)
    unadmitted = samples.decided(cache.layout.home, source=source, commit="c" * 40)
    cache.remember(unadmitted.listing)
    assert cache.latest(source) == "b" * 40
    assert cache.commits(source) == ("a" * 40, "b" * 40)
    assert cache.latest(dataclasses.replace(source, revision="v1")) is None
    assert cache.latest(dataclasses.replace(source, kind="git")) is None
    back = samples.decided(cache.layout.home, source=source, commit="a" * 40)
    cache.remember(back.listing)
    assert cache.latest(source) == "a" * 40


def test_loads_are_recorded(kept: Kept) -> None:
    kept.cache.record_load(kept.entry, "transformers", "AutoModel", "cuda:0")
    assert [line for line in kept.cache.audit.export() if '"loaded"' in line]
    assert kept.cache.verify() == []


def test_first_seen_stays(tmp_path: Path) -> None:
    times = iter([datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 9)])
    cache = TrustedCache(tmp_path / "home", clock=lambda: next(times))
    first = cache.first_seen("key", "ABCD")
    assert first == datetime(2026, 1, 1, tzinfo=UTC)
    assert cache.first_seen("key", "ABCD") == first
    assert cache.first_seen("key", "EFGH") > first


def test_the_shelf_has_what_was_kept_as_it_came(kept: Kept) -> None:
    data = samples.FILES["config.json"]
    file = samples.stored("config.json", data)
    by_sha256 = FileClaim(path="x", size=len(data), sha256=file.sha256, git_oid="0" * 40)
    by_oid = FileClaim(path="x", size=len(data), git_oid=file.git_oid)
    place = kept.cache.layout.blob(file.sha256)
    assert kept.cache.shelf(by_sha256) == kept.cache.shelf(by_oid) == place
    assert kept.cache.shelf(FileClaim(path="x", size=len(data)), file.git_oid) == place
    assert kept.cache.shelf(FileClaim(path="x", size=1, git_oid="0" * 40)) is None
    assert kept.cache.shelf(FileClaim(path="x", size=1)) is None


def test_a_local_digest_is_known_until_the_file_changes(
    cache: TrustedCache, tmp_path: Path
) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"x")
    fresh = path.stat()
    cache.remember_digest(path, fresh, "e" * 64)
    assert cache.known_digest(path, fresh) is None, "changed too recently to be trusted"
    time.sleep(2.1)
    status = path.stat()
    cache.remember_digest(path, status, "e" * 64)
    assert cache.known_digest(path, status) == "e" * 64
    path.write_bytes(b"y")
    assert cache.known_digest(path, path.stat()) is None


# -- upkeep ------------------------------------------------------------------------------


def test_an_entry_is_found_by_the_start_of_its_id(kept: Kept) -> None:
    assert kept.cache.entry(kept.entry.admission[:6]).path == kept.entry.path
    with pytest.raises(NotFoundError):
        kept.cache.entry("zz")
    with pytest.raises(NotFoundError):
        kept.cache.entry("")
    with pytest.raises(NotFoundError):
        kept.cache.remove("zz")


def test_collecting_spares_what_is_admitted(kept: Kept) -> None:
    assert kept.cache.collect_garbage().paths == ()
    assert kept.cache.find(kept.key, mode="always") is not None
    kept.cache.remove(kept.entry.admission)
    assert not kept.entry.path.exists()
    collected = kept.cache.collect_garbage()
    assert len(collected.paths) == len(kept.entry.files)
    assert collected.bytes == sum(file.size for file in kept.entry.files)
    assert list(kept.cache.layout.blobs.rglob("*/*")) == []
    assert kept.cache.verify() == []


def test_work_is_removed_also_after_an_error(cache: TrustedCache) -> None:
    def fail() -> None:
        with cache.work() as folder:
            samples.write(folder, {"deep/file": b"x"})
            (folder / "deep").chmod(0o500)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert list(cache.layout.quarantine.iterdir()) == []


def test_work_of_the_living_is_left_alone(cache: TrustedCache) -> None:
    with cache.work() as first:
        (first / "file").write_bytes(b"x")
        with cache.work() as second:
            assert first != second
            cache.collect_garbage()
            assert (first / "file").exists()
            assert second.exists()


# -- two at once -------------------------------------------------------------------------

_PUBLISHER = """
    import sys, time
    from pathlib import Path
    from secureload.cache import TrustedCache
    from tests.secureload.cache import samples

    home, marks = Path(sys.argv[1]), Path(sys.argv[2])
    cache = TrustedCache(home)
    made = samples.decided(home)
    key = samples.key(made)
    said = []
    with cache.lock(key.digest, progress=lambda *a: said.append(a[0])), cache.work() as work:
        entry = cache.find(key, mode="always")
        if entry is None:
            time.sleep(0.5)
            (marks / f"worked-{work.name}").touch()
            entry = cache.publish(key, samples.artifact(made, work / "artifact"), made)
    print(entry.path, *said)
"""


def test_two_processes_asking_for_one_model_do_the_work_once(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    script = textwrap.dedent(_PUBLISHER)
    command = [sys.executable, "-c", script, str(tmp_path / "home"), str(marks)]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    outputs = [run.communicate(timeout=120)[0].split() for run in runs]
    assert all(run.returncode == 0 for run in runs)
    assert len({output[0] for output in outputs}) == 1
    assert len(list(marks.iterdir())) == 1
    cache = TrustedCache(tmp_path / "home")
    assert len(cache.entries()) == 1
    assert cache.verify() == []


def test_publishers_without_a_common_lock_agree(cache: TrustedCache) -> None:
    made = samples.decided(cache.layout.home)
    found: list[Path] = []

    def publish() -> None:
        own = TrustedCache(cache.layout.home)
        with own.work() as work:
            artifact = samples.artifact(made, work / "artifact")
            found.append(own.publish(samples.key(made), artifact, made).path)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert cache.verify() == []


def test_collecting_never_takes_what_is_being_published(cache: TrustedCache) -> None:
    stop = threading.Event()

    def collect() -> None:
        while not stop.is_set():
            TrustedCache(cache.layout.home).collect_garbage()

    thread = threading.Thread(target=collect)
    thread.start()
    try:
        for number in range(6):
            policy = PolicyId(name="p", digest=f"sha256:{number:064d}")
            made = samples.decided(cache.layout.home, policy=policy)
            with cache.work() as work:
                artifact = samples.artifact(made, work / "artifact")
                cache.publish(samples.key(made), artifact, made)
    finally:
        stop.set()
        thread.join(60)
    assert len(cache.entries()) == 6
    assert cache.verify() == []


# -- bad surroundings --------------------------------------------------------------------


def test_a_file_in_the_place_of_the_home_is_a_clear_error(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("not a folder")
    cache = TrustedCache(home)
    with pytest.raises(CacheError) as caught, cache.work():
        pass
    assert caught.value.hint


def test_a_disk_that_fills_up_leaves_the_cache_as_it_was(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**samples.FILES, "extra.json": b"{}  "}
    made = samples.decided(kept.cache.layout.home, files, commit="d" * 40)
    calls = 0
    real = os.fsync

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == limit:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    for limit in range(1, 100):  # noqa: B007  read by `full`
        calls = 0
        try:
            with kept.cache.work() as work:
                artifact = samples.artifact(made, work / "artifact", files)
                kept.cache.publish(samples.key(made), artifact, made)
            break
        except CacheError as error:
            said = str(error)
        assert "disk is full" in said
        assert "hint" in said
        assert len(kept.cache.entries()) == 1
        assert kept.cache.verify() == []
        assert kept.cache.leftovers() == []
    else:
        pytest.fail("publishing never got through")
    assert limit > 5
    assert len(kept.cache.entries()) == 2
