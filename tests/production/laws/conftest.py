"""What the laws of Postgres and Redis share: the services, spaces, files that arrive."""

import asyncio
import uuid
from collections.abc import Callable, Iterator

import pytest
import uvloop
from django.db import connection, connections, transaction

from project import database
from project.writer import Writer
from tests.support import settings as services
from tests.support.services import Postgres, Redis
from uploads import people
from uploads.models import Space, UploadedFile
from uploads.processing.jobs import arrivals

Arrive = Callable[..., UploadedFile]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the server runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The one that this run of tests uses, which may be killed."""
    assert services.POSTGRES is not None, "run with TESTS_ON=production"
    return services.POSTGRES


@pytest.fixture(scope="session")
def redis() -> Redis:
    """The one that this run of tests uses, which may be killed."""
    assert services.REDIS is not None, "run with TESTS_ON=production"
    return services.REDIS


@pytest.fixture
def spaces() -> list[Space]:
    """Three people's own spaces."""
    return [people.private_space(people.person(f"u{uuid.uuid4().hex[:8]}")) for _ in range(3)]


@pytest.fixture
def arrive() -> Arrive:
    """A file that has come whole and waits to be processed."""

    def make(space: Space, name: str = "a.txt", **more: object) -> UploadedFile:
        arrival = arrivals.Arrival(space.pk, None, name, size=3, **more)  # type: ignore[arg-type]
        with transaction.atomic():
            return arrivals.receive(arrival, sha256="00")

    return make


@pytest.fixture
def writers() -> Iterator[Callable[[], Writer]]:
    """Writing threads, each like another process to the database; ended with the test."""
    made: list[Writer] = []

    def make() -> Writer:
        made.append(Writer())
        return made[-1]

    yield make
    for writer in made:
        writer.close()


@pytest.fixture(autouse=True)
def _end_threads() -> Iterator[None]:
    yield
    database.close()
    if connection.connection is not None and not connection.is_usable():
        connection.close()
    connections.close_all()
