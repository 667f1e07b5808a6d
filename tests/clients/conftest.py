"""Somebody who uses the client package."""

import uuid
from pathlib import Path

import pytest

from tests.support.server import Server

FOLDER = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"


@pytest.fixture
def token(server: Server) -> str:
    """A user's, who has nothing yet."""
    return server.token(f"client-{uuid.uuid4().hex[:8]}")
