"""Starts a real PostgreSQL server for tests: a cluster of its own in a folder, behind 127.0.0.1."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from tests.servers import free_port

START_TIMEOUT_S = 300.0
PASSWORD = "s3cret"
NO_POSTGRES = "PostgreSQL is not installed: apt-get install postgresql"


def binaries() -> Path:
    """Returns the folder of initdb and postgres. Skips the test where there is none, but not in CI."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    named = shutil.which("initdb")
    if not found and named is None:
        assert os.environ.get("CI") != "true", NO_POSTGRES
        pytest.skip(NO_POSTGRES)
    return found[-1].parent if found else Path(str(named)).parent


class Postgres:
    """One cluster; options are postgresql.conf's. The server refuses to run as root, so then it runs as nobody."""

    def __init__(self, folder: Path, **options: str) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._port = free_port()
        self._options = options
        self._user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self._process: subprocess.Popen[bytes] | None = None
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            for above in folder.parents[:3]:  # pytest's (a worker's, the run's, the user's), for their user only
                above.chmod(above.stat().st_mode | 0o011)

    def start(self) -> "Postgres":
        """Makes the cluster at the first time, starts it, and waits until it answers."""
        if not self._data.exists():
            with tempfile.NamedTemporaryFile("w", dir=self._folder) as secret:
                secret.write(PASSWORD)
                secret.flush()
                shutil.chown(secret.name, self._user)
                how = ["--username=tick", "--auth=scram-sha-256", "--no-sync", "--locale=C", "--encoding=UTF8"]
                self._call("initdb", f"--pgdata={self._data}", f"--pwfile={secret.name}", *how).wait(START_TIMEOUT_S)
        options = {"port": str(self._port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        settings = [f"--{name}={value}" for name, value in {**options, **self._options}.items()]
        self._process = self._call("postgres", "-D", str(self._data), *settings)
        self._await_ready()
        return self

    def url(self, database: str = "postgres", *, password: str = PASSWORD, driver: str = "postgresql+psycopg") -> str:
        """Returns a database's address."""
        return f"{driver}://tick:{password}@127.0.0.1:{self._port}/{database}"

    def new_database(self) -> str:
        """Makes an empty database, and returns its address."""
        name = f"j{uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def execute(self, statement: str, url: str = "") -> list[tuple[object, ...]]:
        """Runs a statement outside a transaction, and returns its rows."""
        engine = create_engine(url or self.url(), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                done = connection.exec_driver_sql(statement)
                return [tuple(row) for row in done] if done.returns_rows else []
        finally:
            engine.dispose()

    def stop(self) -> None:
        """Stops the server at once, and every connection with it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(START_TIMEOUT_S)
            self._process = None

    def _call(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        user = self._user if os.geteuid() == 0 else None
        with (self._folder / f"{name}.log").open("ab") as out:
            return subprocess.Popen(
                [str(binaries() / name), *arguments],
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=user, cwd=self._folder,
            )  # fmt: skip

    def _await_ready(self) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while True:
            assert self._process is not None
            assert self._process.poll() is None, (self._folder / "postgres.log").read_text()
            try:
                self.execute("SELECT 1")
            except OperationalError:
                assert time.monotonic() < until, "PostgreSQL does not answer"
                time.sleep(0.02)
            else:
                return
