"""Fixtures that all parts share: one real server for many tests, and fresh ones for tests that kill
theirs.
"""

import gc
import logging
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.contenttypes.management import create_contenttypes
from django.db.models.signals import post_migrate
from hypothesis import HealthCheck
from hypothesis import settings as examples

from tests.support import parallel, shared
from tests.support.server import Server
from tests.support.settings import POSTGRES, REDIS

logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
# how long an example takes says more of what else the machine does than of us
examples.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("busy")


def pytest_configure(config: pytest.Config) -> None:
    """Begin what the run's processes share; let threads that are not ours, such as asgiref's, end
    with their connection open.
    """
    shared.begin()
    if POSTGRES is not None:
        message = "ignore:.*was deleted while still open:ResourceWarning"
        config.addinivalue_line("filterwarnings", message)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Nothing that is imported or collected is garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> parallel.Parts:
    """How several processes share the tests."""
    return parallel.Parts(config, log)


@pytest.hookimpl(trylast=True)  # after they were shuffled
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share them, the long ones first."""
    if hasattr(config, "workerinput"):
        parallel.sort(items)


def services() -> dict[str, str]:
    """What a server of the tests finds in its environment: a database of its own, if any."""
    if POSTGRES is None or REDIS is None:
        return {}
    return {"DATABASE_URL": POSTGRES.database(), "REDIS_URL": REDIS.url}


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """A Postgres of this run's own goes as a whole; threads may still hold connections to it."""
    return POSTGRES is not None


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """After each test that commits all tables are emptied, which counts as a migration: to make the
    administration's rights anew each time takes longer than the emptying, and nothing here asks
    for them.
    """
    post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.disconnect(create_contenttypes)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What a test's dice are thrown from: SEED, or another one in each soak, or always the same."""
    soak = request.node.get_closest_marker("soak") is not None
    chosen = int(os.environ.get("SEED") or (secrets.randbelow(10**6) if soak else 1))
    print(f"SEED={chosen}")  # pytest shows it with a failure, and always in a soak
    return chosen


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that only use it; each makes its own users and spaces."""
    running = Server(tmp_path_factory.mktemp("server"), **services()).start().works()
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
