"""A PostgreSQL server of our own on loopback, made and ended by whoever uses it.

with Postgres() as server:
    url = server.database()

PostgreSQL does not run as root, so there it runs as the user that Debian's package makes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import psycopg

from tests.servers.loopback import free_port


def programs() -> Path:
    """Where the newest server's programs are.

    Raises:
        RuntimeError: no server is installed.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name))
    if not found:
        raise RuntimeError("PostgreSQL is not installed; `.ci/run` says how")
    return found[-1]


class Postgres:
    """One server with as many databases as are asked for; a context manager.

    `durable` makes it wait for the disk, as a service's must; tests do not.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._root = Path(tempfile.mkdtemp(prefix="pg-"))
        self._data = self._root / "data"
        self.port = free_port()

    def __enter__(self) -> Postgres:
        if os.geteuid() == 0:
            shutil.chown(self._root, "postgres", "postgres")
        self._run("initdb", "-D", str(self._data), "-U", "tester", "-A", "trust", "-N")
        settings = f"""
            listen_addresses = '127.0.0.1'
            port = {self.port}
            unix_socket_directories = '{self._root}'
            fsync = {"on" if self._durable else "off"}
            max_connections = 200
            shared_buffers = 32MB
        """
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(settings)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self._root, ignore_errors=True)

    def database(self) -> str:
        """Make a database, and give its URL."""
        name = f"db_{secrets.token_hex(4)}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://tester@127.0.0.1:{self.port}/{name}"

    def connect(self, url: str) -> psycopg.Connection:
        """A connection to one of its databases, to look at or edit what is there."""
        return psycopg.connect(self._conninfo(url.rpartition("/")[2]), autocommit=True)

    def start(self) -> None:
        log = str(self._root / "log")
        self._run("pg_ctl", "-D", str(self._data), "-l", log, "-w", "-t", "120", "start")

    def stop(self) -> None:
        """End it at once, with every connection to it."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "-w", "stop")

    def restart(self) -> None:
        """Cut every connection, recover, and be there again."""
        self.stop()
        self.start()

    def _conninfo(self, name: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=tester dbname={name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(programs() / program), *arguments]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # Not a pipe: the server would keep it open.
        said = self._root.with_suffix(".said")
        with said.open("wb") as file:
            done = subprocess.run(
                command, cwd="/", stdout=file, stderr=file, stdin=subprocess.DEVNULL, check=False
            )
        try:
            if done.returncode:
                raise RuntimeError(f"{program}: {said.read_text()}")
        finally:
            said.unlink()
