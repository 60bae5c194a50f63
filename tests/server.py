"""A PostgreSQL server of its own on loopback, with a password, thrown away afterwards; for tests and benchmarks."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import secrets
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

USER = "ana"


class Server:
    """A fresh cluster; ``database()`` makes an empty database in it and gives its address."""

    def __init__(self) -> None:
        self.password = "p-" + secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="fs-postgres-"))
        self._data = self._folder / "data"
        secret = self._folder / "password"
        secret.write_text(self.password)
        if os.geteuid() == 0:
            shutil.chown(self._folder, _servant())
            shutil.chown(secret, _servant())
        self.port = _free_port()
        _run(
            *("initdb", "-D", self._data, "-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--no-locale", "--no-sync"),
        )
        self.start()
        # it outlives nobody: when this process ends, however it ends, the pipe closes and the server goes
        end = f"read line; {_program('pg_ctl')} -D {self._data} -w -m immediate stop; rm -rf {self._folder}"
        self._keeper = subprocess.Popen(
            _as_servant(["sh", "-c", end]),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        # fsync is for power cuts, which no test makes
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        _run("pg_ctl", "-D", self._data, "-w", "-l", self._folder / "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does: every connection is cut."""
        _run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        """Stop it and take its files away."""
        self._keeper.communicate()

    def database(self, options: str = "") -> str:
        """The address, password and all, of a new database."""
        name = f"team_{uuid.uuid4().hex[:12]}"
        self.sql("postgres", f"CREATE DATABASE {name} {options}")
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{name}"

    def clear(self, address: str) -> None:
        """Cut every connection to a database and take out all that is in it; far quicker than a new one."""
        name = address.rsplit("/", 1)[1]
        self.cut(name)
        self.sql(name, "DROP SCHEMA public CASCADE")
        self.sql(name, "CREATE SCHEMA public")
        self.sql(name, "GRANT USAGE ON SCHEMA public TO public")

    def cut(self, name: str) -> None:
        """End every connection to a database, as an administrator would."""
        self.sql(
            "postgres",
            f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'",
        )

    def sql(self, database: str, statement: str) -> list[Any]:
        """Run one statement, past failscope; the rows where it gives some."""
        import pg8000.dbapi

        connection = pg8000.dbapi.connect(
            USER, host="127.0.0.1", port=self.port, database=database, password=self.password
        )
        try:
            connection.autocommit = True
            cursor = connection.cursor()
            cursor.execute(statement)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()


def server_or_skip() -> Server:
    """A server; a skip with the reason, or a failure where ``FAILSCOPE_REQUIRE_POSTGRES=1`` asks for one."""
    reason = "" if _program("initdb") else "PostgreSQL's initdb is not installed (apt-get install postgresql)"
    if not reason and not _has_driver():
        reason = "the package pg8000 is not installed (pip install 'failscope[postgres]')"
    if reason and os.environ.get("FAILSCOPE_REQUIRE_POSTGRES") == "1":
        pytest.fail(f"FAILSCOPE_REQUIRE_POSTGRES=1, but {reason}")
    if reason:
        pytest.skip(reason)
    return Server()


def _has_driver() -> bool:
    from importlib.util import find_spec

    return find_spec("pg8000") is not None


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the path."""
    found = shutil.which(name)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda p: float(p.parts[4]))
    return found or (str(places[-1]) if places else "")


def _free_port() -> int:
    """Below the ports that the system lends to clients: while the server is down, a client that tries to reach it
    could otherwise be lent its port and talk to itself."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port for PostgreSQL between 20,000 and 32,000")


def _servant() -> str:
    """Who runs the server when we are root, whom it refuses."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _as_servant(command: list[str]) -> list[str]:
    return ["runuser", "-u", _servant(), "--", *command] if os.geteuid() == 0 else command


def _run(program: str, *arguments: object) -> None:
    command = _as_servant([_program(program), *map(str, arguments)])
    # its output into a file: a server that is started keeps a pipe open for as long as it runs
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, cwd="/", check=False
        )
        said.seek(0)
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {said.read()[-2000:]}")
