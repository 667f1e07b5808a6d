"""The same laws on Postgres and Redis as on SQLite and the in-memory layer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import with_us

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "laws"

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(900)]


def run(*paths: str | Path, on: str = "production") -> None:
    """Have tests pass on real services: "production" (both), "postgres" or "redis"."""
    done = subprocess.run(
        with_us([sys.executable, "-m", "pytest", "-q", *map(str, paths)]),
        cwd=ROOT,
        env=os.environ | {"TESTS_ON": on},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]


HUB = "tests/consumers/test_law.py"


def test_the_stream_and_the_hub_keep_their_laws_on_postgres_and_redis() -> None:
    run("tests/publishing", HUB, "tests/consumers/test_joining.py")


@pytest.mark.soak
@pytest.mark.parametrize("on", ["postgres", "redis"])
def test_the_hub_keeps_its_law_with_either_of_them_alone(on: str) -> None:
    run(HUB, on=on)


def test_several_processes_write_to_postgres_and_hear_each_other_through_redis() -> None:
    run(*sorted(HERE.glob("laws_*.py")))
