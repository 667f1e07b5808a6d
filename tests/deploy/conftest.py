"""What the tests of the deployment files share: programs, settings, waiting for a door."""

import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import server, shared
from tests.support.processes import spawn
from tests.support.services import Postgres, Redis

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def gunicorn_settings() -> dict[str, Any]:
    """The names that gunicorn.conf.py sets."""
    return runpy.run_path(str(ROOT / "gunicorn.conf.py"))


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback that nobody has."""
    return server.free_port()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One Postgres for all tests; each asks it for a database of its own."""
    with Postgres() as running:
        yield running


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A Redis of the test's own."""
    with Redis() as running:
        yield running


class Installation:
    """What a machine has: a DATA_DIR and an environment, in which our programs are started."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(self.data_dir)}
        self.running: list[subprocess.Popen[bytes]] = []
        self.log = (folder / "log").open("wb")

    def prepare(self) -> None:
        """Tables in an SQLite, and static files, as the commands of docs/deploy.md make them."""
        shutil.copyfile(shared.database(), self.data_dir / "millrace.sqlite3")
        (self.data_dir / "static").symlink_to(shared.static_files())

    def run(self, *command: str) -> str:
        """What a program of Python's says on stdout; it must end well."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """A program of Python's that runs until the test ends it or ends."""
        process: subprocess.Popen[bytes] = spawn(
            [sys.executable, *command],
            "TERM",
            cwd=ROOT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        self.running.append(process)
        return process

    def ready(self, url: str, *, seconds: float = 120) -> None:
        """Return when the server at `url` says that it can work; else fail with what it said."""
        deadline = time.monotonic() + seconds
        said = "nothing"
        while all(process.poll() is None for process in self.running):
            try:
                urllib.request.urlopen(f"{url}/readyz").close()
            except urllib.error.HTTPError as error:
                with error:
                    said = error.read().decode()
            except OSError:
                said = "nothing"
            else:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        pytest.fail(f"/readyz: {said}")

    def end(self) -> None:
        """Stop what runs, the last one first; what does not stop in time is killed, and fails."""
        late = []
        for process in reversed(self.running):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                late.append(process.args)
        self.log.close()
        sys.stdout.write(Path(self.log.name).read_text()[-10_000:])  # seen when a test fails
        assert not late


@pytest.fixture
def install() -> Iterator[Callable[[], Installation]]:
    """Makes installations, each with a folder of its own; all are ended with the test."""
    made: list[Installation] = []
    folders: list[Path] = []

    def make() -> Installation:
        # short, because supervisord's socket lies in it, and a socket's path holds 107 bytes
        folders.append(Path(tempfile.mkdtemp(prefix="mr-deploy-")))
        made.append(Installation(folders[-1]))
        return made[-1]

    yield make
    for each in made:
        each.end()
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def answer(url: str, *, headers: dict[str, str] | None = None, seconds: float = 60) -> Any:
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
