"""supervisor.conf starts web and workers, starts them again, and stops them in time."""

import configparser
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import pytest
from supervisor.xmlrpc import SupervisorTransport

from tests.deploy.conftest import ROOT, Installation
from tests.support.services import Postgres, Redis

FILE = ROOT / "supervisor.conf"


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    """The project's file, with this environment's Python in the place of .venv's."""
    text = FILE.read_text(encoding="utf-8")
    assert "%(here)s/.venv/bin/python" in text
    text = text.replace("startsecs = 5", "startsecs = 1")  # a test has less patience
    text = text.replace("%(here)s/.venv/bin/python", sys.executable).replace("%(here)s", str(ROOT))
    copy = tmp_path / "supervisor.conf"
    copy.write_text(text, encoding="utf-8")
    return copy


def programs() -> dict[str, configparser.SectionProxy]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=None)
    parser.read(FILE, encoding="utf-8")
    return {
        name.removeprefix("program:"): parser[name]
        for name in parser.sections()
        if name.startswith("program:")
    }


class Control:
    """What supervisord says of its programs, asked as supervisorctl asks."""

    def __init__(self, socket: Path) -> None:
        self.transport = SupervisorTransport(None, None, f"unix://{socket}")
        self.proxy = ServerProxy("http://127.0.0.1", transport=self.transport)

    def running(self) -> dict[str, int]:
        """The pids of all three, once all three run."""
        deadline = time.monotonic() + 100
        while True:
            facts: Any = self.proxy.supervisor.getAllProcessInfo()
            self.transport.close()
            found = {each["name"]: each["pid"] for each in facts if each["statename"] == "RUNNING"}
            if len(found) == 3:
                return found
            assert time.monotonic() < deadline, facts
            time.sleep(0.1)


def test_it_runs_web_and_workers():
    assert set(programs()) == {"web", "worker"}


def test_it_waits_longer_than_a_program_takes_to_end(gunicorn_settings, settings):
    takes = max(gunicorn_settings["graceful_timeout"], settings.GRACE_SECONDS)
    for name, program in programs().items():
        assert int(program["stopwaitsecs"]) > takes, name
        assert program["stopsignal"] == "TERM", name


@pytest.mark.postgres
@pytest.mark.redis
def test_it_starts_them_starts_them_again_and_stops_them(
    install: Callable[[], Installation],
    configuration: Path,
    postgres: Postgres,
    redis: Redis,
    free_port: int,
):
    machine = install()
    machine.environment |= {
        "DATABASE_URL": postgres.database(),
        "REDIS_URL": redis.url,
        "ENGINE": "procrastinate",
    }
    machine.environment["GUNICORN_CMD_ARGS"] = f"--bind 127.0.0.1:{free_port}"
    supervisord = machine.start("-m", "supervisor.supervisord", "-c", str(configuration))
    machine.ready(f"http://127.0.0.1:{free_port}")

    control = Control(machine.data_dir / "supervisor.sock")
    before = control.running()
    assert set(before) == {"web", "worker_0", "worker_1"}
    os.kill(before["worker_0"], signal.SIGKILL)
    deadline = time.monotonic() + 100
    while (after := control.running())["worker_0"] == before["worker_0"]:
        assert time.monotonic() < deadline
    assert {after[name] == before[name] for name in ("web", "worker_1")} == {True}
    asked = ("-m", "supervisor.supervisorctl", "-c", str(configuration), "pid", "web")
    assert machine.run(*asked).strip() == str(after["web"])

    supervisord.send_signal(signal.SIGTERM)
    assert supervisord.wait(timeout=100) == 0
    assert not [pid for pid in after.values() if Path(f"/proc/{pid}").exists()]
