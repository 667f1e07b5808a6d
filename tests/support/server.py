"""A real Millrace in a process of its own, on a free loopback port, with its own DATA_DIR."""

from __future__ import annotations

import functools
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import httpx

from tests.support import shared
from tests.support.nursery import Forked, nursery
from tests.support.processes import spawn
from tests.support.services import eventually

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120  # only against hanging
STOP_SECONDS = 60  # likewise
LINK = re.compile(r"http://127\.0\.0\.1:\d+/sign-in/\S+")


LOWEST_PORT = 10_000


def free_port() -> int:
    """A loopback port that nobody has, and that the kernel gives to no connection either: whoever
    gets it may leave it and take it again. None is given twice in a run, to none of its processes.
    """
    while True:
        port = LOWEST_PORT + secrets.randbelow(_kernels_ports() - LOWEST_PORT)
        try:
            (shared.begin() / f"port-{port}").touch(exist_ok=False)
        except FileExistsError:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@functools.cache
def _kernels_ports() -> int:
    """The first of those that the kernel chooses from."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return first if first > 2 * LOWEST_PORT else 2**15


class Commands:
    """A process beside a server that runs management commands, one after the other."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = nursery.start(
            ["-m", "tests.support.commands"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, *arguments: str) -> str:
        """What the command prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{arguments} failed; what went wrong is above"
        printed: str = json.loads(answer)
        return printed

    def end(self) -> None:
        """It ends when nothing more can come."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=STOP_SECONDS)
        self._process.stdout.close()


class Server:
    """`manage.py serve`, started, stopped and killed as often as a test likes."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.environment = environment
        self.empty = False  # whether its starts find nothing ready: no tables, no interpreter
        self.link = ""
        self._process: subprocess.Popen[str] | Forked | None = None
        self._log: IO[bytes] | None = None
        self._commands: Commands | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        return self.data_dir / "server.log"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def env(self) -> dict[str, str]:
        """The environment that the server and its commands run in."""
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "TMPDIR")
            if name in os.environ
        }
        return kept | {"PORT": str(self.port), "DATA_DIR": str(self.data_dir)} | self.environment

    def start(self) -> Server:
        """Return when the sign-in link was printed: from then on pages are served."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not self.empty:
            self._share()
        self._log = self.log_path.open("ab")
        self._process = self._fresh(self._log) if self.empty else self._forked(self._log)
        self.link = self._wait_for_link(self._process)
        return self

    def works(self) -> Server:
        """Return when it says that it can work. Where its runner starts late, as on a machine that
        does much else, pages are served before, which know no processors yet.
        """
        ready = f"{self.url}/readyz"
        eventually(lambda: httpx.get(ready, timeout=60).status_code == 200, "a server that works")
        return self

    def _forked(self, log: IO[bytes]) -> Forked:
        return nursery.start(
            ["manage.py", "serve"], env=self.env(), stdout=subprocess.PIPE, stderr=log
        )

    def _fresh(self, log: IO[bytes]) -> subprocess.Popen[str]:
        return spawn(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )

    def _share(self) -> None:
        """What takes seconds to make, and is the same for all."""
        if not (self.data_dir / "static").exists():
            (self.data_dir / "static").symlink_to(shared.static_files())
        database = self.data_dir / "millrace.sqlite3"
        if not database.exists() and "DATABASE_URL" not in self.environment:
            shutil.copyfile(shared.database(), database)

    def _wait_for_link(self, process: subprocess.Popen[str] | Forked) -> str:
        assert process.stdout is not None
        timer = threading.Timer(START_SECONDS, process.kill)
        timer.start()
        try:
            for line in process.stdout:
                if found := LINK.search(line):
                    return found.group()
        finally:
            timer.cancel()
        tail = self.log_path.read_text(errors="replace")[-3000:]
        raise AssertionError(f"the server did not start:\n{tail}")

    def stop(self) -> int:
        """SIGTERM; the exit code. Fails when it takes far too long."""
        return self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """What a power cut looks like to the process."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> int:
        if self._commands is not None:
            self._commands.end()
            self._commands = None
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        code = process.wait(timeout=STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
        if self._log is not None:
            self._log.close()
        return code

    def manage(self, *arguments: str) -> str:
        """What a management command prints on stdout."""
        if self._commands is None:
            self._commands = Commands(self.env())
        return self._commands.ask(*arguments)

    def manage_apart(self, *arguments: str) -> str:
        """As `manage`, in a process of its own, that has ended then."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.env(),
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def token(self, name: str, space: str | None = None) -> str:
        """A new API token of a user, who is made where missing."""
        extra = [] if space is None else ["--space", space]
        return self.manage("token", name, *extra).strip()

    def client(self, token: str) -> httpx.Client:
        """An HTTP client that carries a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def wait_for(
        self, client: httpx.Client, file_id: str, *statuses: str, seconds: float = 100
    ) -> dict:
        """The file's JSON, once its status is one of these (default: it has ended)."""
        wanted = statuses or ("processed", "failed", "cancelled")
        deadline = time.monotonic() + seconds
        while True:
            answer = client.get(f"/api/files/{file_id}/")
            answer.raise_for_status()
            file: dict = answer.json()
            if file["status"] in wanted:
                return file
            assert time.monotonic() < deadline, f"still {file['status']} after {seconds} s: {file}"
            time.sleep(0.05)
