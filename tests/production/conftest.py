"""One whole installation for all tests of this folder: two web processes, two workers, nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.production.stack import Stack

OURS = Path(__file__).with_name("ours.py")


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Patient with jobs, impatient with workers, so that tests need not wait for long."""
    folder = tmp_path_factory.mktemp("stack")
    processors = folder / "processors"
    processors.mkdir()
    (processors / "ours.py").write_bytes(OURS.read_bytes())
    with Stack(
        folder,
        web=2,
        workers=2,
        PROCESSORS_DIR=str(processors),
        PROCESSOR_CONCURRENCY="narrow=1",
        LEASE_SECONDS="6",
        GRACE_SECONDS="0.5",
        RETRY_SECONDS="0.3",
        LOG_LEVEL="DEBUG",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> None:
    """What one test has broken and left lying is no other's failure."""
    if "stack" in request.fixturenames:
        request.getfixturevalue("stack").mend()
