"""What tests start ends with them, though they be killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import children, running, with_us
from tests.support.server import ROOT
from tests.support.services import eventually

PROGRAM = """
import sys, threading
from pathlib import Path
from tests.production.stack import Program
from tests.support.processes import children
from tests.support.server import Server, free_port
from tests.support.services import Redis, eventually

folder = Path(sys.argv[1])
server = Server(folder / "data")
threading.Thread(target=server.start).start()  # it outlives the thread that asked for it
eventually(lambda: server.link, "the server's start")
redis = Redis().start()
port = str(free_port())
web = Program(
    "web",
    ["-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "asgi:application"],
    server.env() | {"PORT": port, "WEB_CONCURRENCY": "1", "DATA_DIR": str(folder / "data")},
    folder / "web.log",
).start()
eventually(lambda: children(web.pid), "gunicorn's worker")
print(server.pid, redis.pid, web.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.redis
@pytest.mark.timeout(300)
def test_what_killed_tests_had_started_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        with_us([sys.executable, "-c", PROGRAM, str(tmp_path)]),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdout is not None
        programs = [int(word) for word in tests.stdout.readline().split()]
        assert len(programs) == 3
        started = programs + [child for program in programs for child in children(program)]
        assert len(started) > 4  # fork servers, gunicorn's worker
        tests.kill()
        eventually(lambda: not any(map(running, started)), "the end of all of them")
