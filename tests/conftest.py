"""Fixtures that all parts share: one real server for many tests, and fresh ones for tests that kill
theirs.
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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only use it; each makes its own users and spaces."""
    running = Server(tmp_path_factory.mktemp("server")).start()
    yield running
    running.stop()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers (not started) with settings of their own; all are ended with the test."""
    made: list[Server] = []

    def make(**environment: str) -> Server:
        running = Server(tmp_path / f"server{len(made)}", **environment)
        made.append(running)
        return running

    yield make
    for running in made:
        running.kill9()


@pytest.fixture
def fresh_server(make_server: Callable[..., Server]) -> Server:
    """A server of one's own, to be killed and started again."""
    return make_server().start()
