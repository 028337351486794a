"""Content shared by many machines: a folder or a bucket, through fsspec.

`<root>/blobs/sha256/ab/<64 hex>` is there whole or not at all, and what was written is read
back and measured before the ledger speaks of it. What is fetched is measured again before
anybody sees it, so the store is trusted with keeping bytes, not with saying what they are.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from secureload.cache.layout import Layout, discard, sync
from secureload.digests import digest_file
from secureload.errors import CacheError, IntegrityError, SecureloadError, UsageError
from secureload.ledger.records import Admitted

_CHUNK_BYTES = 8 << 20
"""How much is sent, fetched or measured at once; S3's client has ten of them under way."""

_PARTS = 10_000
"""Most parts that S3 takes of one upload."""

_S3 = {
    "default_block_size": _CHUNK_BYTES,
    "config_kwargs": {
        "connect_timeout": 10,
        "read_timeout": 20,
        "retries": {"max_attempts": 3, "mode": "standard"},
    },
    "use_listings_cache": False,
}
"""An object store that does not answer is an error within two minutes, never a hang."""

_TRIES = 2
"""How often s3fs begins anew what its client has tried three times."""


class Objects:
    """The content below one URL: `s3://bucket/prefix`, `file:///shared/folder`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opened: tuple[Any, str] | None = None

    def keep(self, sha256: str, size: int, path: Path) -> None:
        """Publish a file's bytes under their digest, unless they are there already.

        Raises:
            IntegrityError: the store gave back other bytes than it was given.
            CacheError: the store refused, or does not answer.
        """
        files, root = self._open()
        final = _name(root, sha256)
        with self._troubles():
            if self._found(final, size) and self._digest(final, size) == sha256:
                return
            # A bucket shows an object once all of it is there. A folder shows a file as it
            # grows, so there it grows under another name.
            folder = "file" in files.protocol
            name = f"{root}/incoming/{secrets.token_hex(16)}" if folder else final
            if folder:
                for parent in (f"{root}/incoming", str(PurePosixPath(final).parent)):
                    files.makedirs(parent, exist_ok=True)
            clutter = folder
            try:
                files.put_file(str(path), name, **_parts(files, size))
                if self._digest(name, size) != sha256:
                    clutter = True
                    raise IntegrityError(
                        f"the object store {self.url} gave back other bytes than it was given",
                        hint="nothing was published; check the store, then ask again",
                    )
                if folder:
                    files.mv(name, final)
            except BaseException:
                # An upload to a bucket that failed left nothing. What is there now under the
                # final name is another worker's, and content.
                if clutter:
                    with suppress(Exception):
                        files.rm_file(name)
                raise

    def fetch(self, sha256: str, size: int, target: Path) -> None:
        """Bring bytes to a new file here, measured.

        Raises:
            IntegrityError: they are missing, or not those.
            CacheError: the store does not answer, or the disk refused.
        """
        files, root = self._open()
        name = _name(root, sha256)
        with self._troubles():
            if self._found(name, size):
                files.get_file(name, str(target))
        if not target.exists():
            raise IntegrityError(
                f"the object store {self.url} has no content {sha256[:12]} of {size} bytes",
                hint="nothing was served; `secureload cache verify` says what else is missing",
            )
        found = digest_file(target)
        if (found.sha256, found.size) != (sha256, size):
            target.unlink()
            raise IntegrityError(
                f"the object store {self.url} has other bytes under {sha256[:12]}",
                hint="nothing was served; `secureload cache verify` says what else is wrong",
            )

    def problem(self, sha256: str, size: int, *, deep: bool) -> str | None:
        """What is wrong with the bytes on record under this digest; None when nothing is.

        Raises:
            CacheError: the store does not answer.
        """
        name = _name(self._open()[1], sha256)
        with self._troubles():
            if not self._found(name, size):
                return "is missing from the object store, or has another size there"
            if deep and self._digest(name, size) != sha256:
                return "has other bytes in the object store than its name says"
        return None

    def answers(self, *, takes: bool = False) -> None:
        """See that the store can be asked, and with `takes` that it takes and gives back.

        Raises:
            CacheError: it cannot.
        """
        files, root = self._open()
        name = f"{root}/incoming/ready-{secrets.token_hex(8)}"
        with self._troubles():
            if not takes:
                self._found(name, 0)
                return
            files.makedirs(f"{root}/incoming", exist_ok=True)
            files.pipe_file(name, b"ready")
            back = files.cat_file(name)
            files.rm_file(name)
        if back != b"ready":
            raise CacheError(f"the object store {self.url} does not give back what it was given")

    # -- inside --------------------------------------------------------------------------

    def _open(self) -> tuple[Any, str]:
        if self._opened is None:
            try:
                from fsspec.core import url_to_fs

                if self.url.partition("://")[0] in {"s3", "s3a"}:
                    files, root = url_to_fs(self.url, session=_session(), **_S3)
                    files.retries = _TRIES
                else:
                    files, root = url_to_fs(self.url)
            except (ImportError, ValueError) as error:
                raise UsageError(
                    f"SECURELOAD_STORAGE cannot be used: {error}",
                    hint="write file:///folder or s3://bucket/prefix; "
                    "pip install 'secureload[cluster]' has what S3 needs",
                ) from error
            self._opened = files, str(root).rstrip("/")
        return self._opened

    def _found(self, name: str, size: int) -> bool:
        files, _ = self._open()
        with suppress(FileNotFoundError):
            files.invalidate_cache()
            return bool(files.info(name)["size"] == size)
        return False

    def _digest(self, name: str, size: int) -> str:
        files, _ = self._open()
        seen = hashlib.sha256()
        if size <= _CHUNK_BYTES:
            seen.update(files.cat_file(name))
            return seen.hexdigest()
        with files.open(name, "rb", block_size=_CHUNK_BYTES, cache_type="readahead") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                seen.update(chunk)
        return seen.hexdigest()

    @contextmanager
    def _troubles(self) -> Iterator[None]:
        try:
            yield
        except SecureloadError:
            raise
        except Exception as error:  # each store has its own kinds; all mean that it said no
            said = str(error).strip().partition("\n")[0][:300]
            raise CacheError(
                f"the object store {self.url}: {type(error).__name__}: {said}",
                hint="check that it runs, its credentials, and the space left on it",
            ) from error


def blob(layout: Layout, objects: Objects, sha256: str, size: int, scratch: Path) -> Path:
    """The measured content on this machine, fetched where it is missing or damaged.

    Raises:
        IntegrityError: the store has it not, or has other bytes.
        CacheError: the store does not answer.
        OSError: the disk refused.
    """
    place = layout.blob(sha256)
    try:
        found = digest_file(place)
        if (found.sha256, found.size) == (sha256, size):
            return place
    except OSError:
        pass  # missing, or no file: fetched, and put in its place
    arrived = scratch / f"blob-{secrets.token_hex(8)}"
    objects.fetch(sha256, size, arrived)
    arrived.chmod(0o444)
    sync(arrived)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    arrived.rename(place)
    return place


def bring(
    layout: Layout, objects: Objects, admitted: Admitted, folder: Path, scratch: Path
) -> None:
    """Make an admission's folder on this machine anew. The caller holds the store's lock.

    Raises:
        IntegrityError: some content is missing, or not what was admitted.
        CacheError: the store does not answer.
        OSError: the disk refused.
    """
    from secureload.cache.placing import name_also

    tree = scratch / "model"
    tree.mkdir(mode=0o700)
    folders: set[Path] = set()
    for file in admitted.files:
        here = tree / file.path
        here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folders.update(tree / parent for parent in PurePosixPath(file.path).parents)
        name_also(blob(layout, objects, file.sha256, file.size, scratch), here)
    for document in admitted.evidence:
        blob(layout, objects, document.sha256, document.size, scratch)
    for inner in sorted(folders - {tree}, reverse=True):
        inner.chmod(0o555)
    discard(folder)
    tree.rename(folder)
    folder.chmod(0o555)


@functools.cache
def _session() -> Any:
    """What makes S3 clients, without `Expect: 100-continue`.

    The client waits for that word before it sends a body, and does not hear a refusal meanwhile.
    """
    from aiobotocore.session import AioSession
    from botocore.handlers import add_expect_header

    session = AioSession()
    session.unregister("before-call.s3", add_expect_header)
    return session


def _parts(files: Any, size: int) -> dict[str, int]:
    """How S3 is given a file: in parts, so that it is never in memory as a whole."""
    return {"chunksize": max(_CHUNK_BYTES, -(-size // _PARTS))} if "s3" in files.protocol else {}


def _name(root: str, sha256: str) -> str:
    return f"{root}/blobs/sha256/{sha256[:2]}/{sha256}"
