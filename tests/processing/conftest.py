"""What several files of these tests begin with."""

import uuid
from pathlib import Path

import pytest

from uploads import people
from uploads.models import Space


@pytest.fixture
def data_dir(settings, tmp_path: Path) -> None:
    """Content and artifacts of these tests alone."""
    settings.DATA_DIR = tmp_path


@pytest.fixture
def space() -> Space:
    """Somebody's own."""
    return people.private_space(people.person(f"u{uuid.uuid4().hex[:8]}"))
