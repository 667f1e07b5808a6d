"""Millrace as a company runs it: web processes, workers, Postgres, Redis and nginx, all here.

Every part is a real program that can be killed -9, stopped in order, and started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg

from tests.deploy.nginx import Nginx
from tests.support.nursery import Forked, nursery
from tests.support.server import Commands, free_port
from tests.support.services import Postgres, Redis, eventually

STOP_SECONDS = 100  # only against hanging
WORKING = "worker started"


class Program:
    """One of our own programs, in a session of its own."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path):
        self.name = name
        self.command = command
        self.environment = environment
        self.log_path = log
        self._began = 0
        self._process: Forked | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start it; it may not be ready yet."""
        with self.log_path.open("ab") as log:
            self._began = log.tell()
            self._process = nursery.start(
                self.command,
                signal.SIGTERM,  # gunicorn's workers outlive it otherwise
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        return self

    def stop(self, seconds: float = STOP_SECONDS) -> int:
        """SIGTERM; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise

    def kill9(self) -> None:
        """All of it, at once."""
        process, self._process = self._process, None
        if process is not None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def restart(self) -> Self:
        """Kill it -9 and start it again."""
        self.kill9()
        return self.start()

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def says(self, words: str, seconds: float = 120) -> None:
        """Return when it has said these words since its last start."""
        said = lambda: words.encode() in self.log_path.read_bytes()[self._began :]  # noqa: E731
        eventually(said, f"{self.name} says {words!r}", seconds)


class Stack:
    """`web` processes behind nginx and `workers`, on one Postgres, Redis and DATA_DIR."""

    def __init__(
        self,
        folder: Path,
        *,
        web: int = 1,
        workers: int = 1,
        postgres: Postgres | None = None,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.data_dir.mkdir(parents=True)
        self.postgres = postgres or Postgres()
        self.redis = Redis()
        self.environment = environment
        self.port = free_port()
        self._web_count = web
        self._worker_count = workers
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as ends:
            ends.enter_context(self.postgres)
            ends.enter_context(self.redis)
            self.database_url = self.postgres.database()
            self._commands = Commands(self.env())
            ends.callback(self._commands.end)
            self.web = [self._web(number) for number in range(self._web_count)]
            self.workers = [self.worker(number) for number in range(self._worker_count)]
            for program in [*self.web, *self.workers]:
                ends.callback(program.kill9)
                program.start()
            for program in self.workers:
                program.says(WORKING)
            ports = [int(program.environment["PORT"]) for program in self.web]
            for program in self.web:
                eventually(partial(ready, program), f"ready:\n{program.log[-3000:]}")
            if ports:
                place = self.folder / "nginx"
                nginx = Nginx(place, port=self.port, upstreams=ports, data=self.data_dir)
                self.nginx = ends.enter_context(nginx)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._ends.close()

    def mend(self) -> None:
        """Start what a test that failed has left lying: the next one finds all of it at work."""
        for service in (self.postgres, self.redis):
            if not service.runs:
                service.start()
        broken = [program for program in [*self.web, *self.workers] if not program.runs]
        for program in broken:
            program.start()
        for program in broken:
            if program in self.workers:
                program.says(WORKING)
            else:
                eventually(partial(ready, program), f"{program.name} serves again")

    @property
    def url(self) -> str:
        """Where nginx serves."""
        return self.nginx.url

    @property
    def ws_url(self) -> str:
        """Where nginx serves, for sockets."""
        return self.url.replace("http", "ws", 1)

    def env(self) -> dict[str, str]:
        """What all of our programs find in their environment."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        ours = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "ENGINE": "procrastinate",
            "SECRET_KEY": "of the tests and of nothing else, and long enough to be one",
            "ORIGINS": f"http://127.0.0.1:{self.port}",
            "ACCEL_REDIRECT": "1",
        }
        return kept | ours | self.environment

    def manage(self, *arguments: str) -> str:
        """What a management command prints."""
        return self._commands.ask(*arguments)

    def token(self, name: str) -> str:
        """A new API token of a user."""
        return self.manage("token", name).strip()

    def client(self, token: str) -> httpx.Client:
        """An HTTP client that carries a token, through nginx."""
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """What the database says."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def _web(self, number: int) -> Program:
        port = free_port()
        command = ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "asgi:application"]
        environment = self.env() | {"PORT": str(port), "WEB_CONCURRENCY": "1"}
        return Program(f"web{number}", command, environment, self.folder / f"web{number}.log")

    def worker(self, number: int, *, slots: int = 1) -> Program:
        """One more worker, not started."""
        command = ["manage.py", "worker", "--concurrency", str(slots)]
        log = self.folder / f"worker{number}.log"
        return Program(f"worker{number}", command, self.env(), log)


def ready(program: Program) -> bool:
    """Whether a web process says that it can work."""
    try:
        url = f"http://127.0.0.1:{program.environment['PORT']}/readyz"
        return httpx.get(url, timeout=30).status_code == 200
    except httpx.HTTPError:
        return False
