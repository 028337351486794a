"""An object store that speaks S3, on loopback: `rclone serve s3` over a folder.

    with S3(root) as store:
        os.environ.update(store.environment)   # then s3://bucket/... leads here

rclone is a program in its own right, which pip installs; it checks signatures, does
multipart uploads and ranges, and keeps a bucket as a plain folder, so that tests can see and
damage what is in it.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.servers.loopback import free_port

BUCKET = "bucket"

_KEY, _SECRET = "an-access-key", "a-secret-key"


class S3:
    """One store with one bucket; a context manager."""

    def __init__(self, root: Path) -> None:
        self.folder = root / BUCKET
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()

    @property
    def url(self) -> str:
        """What `SECURELOAD_STORAGE` is set to."""
        return f"s3://{BUCKET}/models"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client's environment says of it, as for any S3 that is not Amazon's."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._port}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def __enter__(self) -> S3:
        self.folder.mkdir(parents=True)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, *, read_only: bool = False) -> None:
        command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", str(self._root)]
        command += ["--addr", f"127.0.0.1:{self._port}", "--auth-key", f"{_KEY},{_SECRET}"]
        command += ["--config", "", "--vfs-cache-mode", "off"]
        command += ["--read-only"] * read_only
        with (self._root / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(2_400):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError((self._root / "log").read_text())

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, *, read_only: bool = False) -> None:
        """End it and start it anew, perhaps as a store that refuses to be written to."""
        self.stop()
        self.start(read_only=read_only)

    def blobs(self) -> dict[str, Path]:
        """The content in it by the name it has there."""
        return {p.name: p for p in (self.folder / "models/blobs").rglob("*") if p.is_file()}
