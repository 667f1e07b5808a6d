"""Fixtures that all parts share: one real server for many tests, and fresh ones for tests that kill
theirs.

`TESTS_ON=production pytest …` runs the same tests on a Postgres and a Redis of their own instead of
SQLite and the in-memory layer.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

# before Django's settings are read: tests never touch the data of a real installation
_data = tempfile.TemporaryDirectory(prefix="millrace-tests-", ignore_cleanup_errors=True)
os.environ["DATA_DIR"] = _data.name
for _name in (
    "DATABASE_URL",
    "REDIS_URL",
    "PROCESSORS_DIR",
    "ENGINE",
    "SECRET_KEY",
    "DEBUG",
    "PORT",
):
    os.environ.pop(_name, None)

import pytest  # noqa: E402

from tests.support.server import Server  # noqa: E402
from tests.support.services import Postgres, Redis  # noqa: E402

_postgres: Postgres | None = None
_redis: Redis | None = None
if os.environ.pop("TESTS_ON", "") == "production":
    _postgres, _redis = Postgres().start(), Redis().start()
    os.environ |= {"DATABASE_URL": _postgres.url("millrace"), "REDIS_URL": _redis.url}


def pytest_unconfigure() -> None:
    """End what was started for `TESTS_ON=production`."""
    for service in (_postgres, _redis):
        if service is not None:
            service.remove()


def services() -> dict[str, str]:
    """What a server of the tests finds in its environment: a database of its own, if any."""
    if _postgres is None or _redis is None:
        return {}
    return {"DATABASE_URL": _postgres.database(), "REDIS_URL": _redis.url}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only use it; each makes its own users and spaces."""
    running = Server(tmp_path_factory.mktemp("server"), **services()).start()
    yield running
    running.stop()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers (not started) with settings of their own; all are ended with the test."""
    made: list[Server] = []

    def make(**environment: str) -> Server:
        running = Server(tmp_path / f"server{len(made)}", **services() | environment)
        made.append(running)
        return running

    yield make
    for running in made:
        running.kill9()


@pytest.fixture
def fresh_server(make_server: Callable[..., Server]) -> Server:
    """A server of one's own, to be killed and started again."""
    return make_server().start()
