"""What the tests of the deployment files share: gunicorn's settings, ports, waiting for a door."""

import runpy
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def gunicorn_settings() -> dict[str, Any]:
    """The names that gunicorn.conf.py sets."""
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answer(url: str, *, headers: dict[str, str] | None = None, seconds: float = 20) -> Any:
    """The first answer of any status that `url` gives; raises when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}))
        except urllib.error.HTTPError as error:
            return error
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)  # nobody listens yet
