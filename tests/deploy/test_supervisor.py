"""supervisor.conf starts web and workers, starts them again, and stops them in time."""

import configparser
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.conftest import ROOT, Installation

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


def test_it_runs_web_and_workers():
    assert set(programs()) == {"web", "worker"}


def test_it_waits_longer_than_a_program_takes_to_end(gunicorn_settings):
    for name, program in programs().items():
        assert int(program["stopwaitsecs"]) > gunicorn_settings["graceful_timeout"], name
        assert program["stopsignal"] == "TERM", name


def test_it_starts_them_starts_them_again_and_stops_them(
    install: Callable[[], Installation], configuration: Path, free_port: int
):
    machine = install()
    machine.environment["GUNICORN_CMD_ARGS"] = f"--bind 127.0.0.1:{free_port}"
    machine.run("manage.py", "migrate", "--verbosity", "0")
    machine.run("manage.py", "collectstatic", "--noinput", "--verbosity", "0")
    supervisord = machine.start("-m", "supervisor.supervisord", "-c", str(configuration))
    machine.ready(f"http://127.0.0.1:{free_port}")

    def control(*words: str) -> str:
        return machine.run("-m", "supervisor.supervisorctl", "-c", str(configuration), *words)

    def running(seconds: float = 30) -> dict[str, int]:
        """The pids of all three, once all three run."""
        deadline = time.monotonic() + seconds
        while True:
            said = machine_status()
            found = dict(re.findall(r"^(\S+)\s+RUNNING\s+pid (\d+)", said, re.MULTILINE))
            if len(found) == 3:
                return {name: int(pid) for name, pid in found.items()}
            assert time.monotonic() < deadline, said
            time.sleep(0.2)

    def machine_status() -> str:
        try:
            return control("status")
        except AssertionError:
            return ""  # not all run: supervisorctl ends with 3

    before = running()
    assert set(before) == {"web", "worker:worker_0", "worker:worker_1"}
    os.kill(before["worker:worker_0"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while (after := running())["worker:worker_0"] == before["worker:worker_0"]:
        assert time.monotonic() < deadline
    assert after["web"] == before["web"]

    supervisord.send_signal(signal.SIGTERM)
    assert supervisord.wait(timeout=45) == 0
    assert not [pid for pid in after.values() if Path(f"/proc/{pid}").exists()]
