"""The real hub on the real database, in the loop of the test."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from consumers import hub as hubs
from consumers.hub import Hub
from project import database
from tests.consumers.peers import Person, person
from uploads.access import identity
from uploads.publishing import doorbell


@pytest.fixture(autouse=True)
def new_faces() -> None:
    """Nobody is remembered from the test before."""
    identity.forget()


@pytest.fixture
def alice(transactional_db: None) -> Person:
    """Somebody with a space and a token of her own."""
    return person(f"alice-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def bob(transactional_db: None) -> Person:
    """Somebody else."""
    return person(f"bob-{uuid.uuid4().hex[:8]}")


@pytest.fixture
async def hub(transactional_db: None) -> AsyncIterator[Hub]:
    """A running hub that hears the doorbell."""
    async with doorbell.service(), hubs.service() as running:
        yield running
    await asyncio.to_thread(database.close)
