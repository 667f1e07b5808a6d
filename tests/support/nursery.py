"""Starts our Python programs as forks of one that has imported what others wrote (`forking.py`).

A fresh interpreter imports for half a second of computing before the first line of ours runs, and
the tests start two hundred. Where the start itself is what a test looks at, it takes a fresh one.
"""

from __future__ import annotations

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.support.processes import spawn

ROOT = Path(__file__).resolve().parents[2]
STARTING_SECONDS = 120  # only against hanging
ENDING_SECONDS = 120  # likewise


class Forked:
    """A program that runs, held as subprocess.Popen holds one."""

    def __init__(
        self, report: socket.socket, stdin: IO[str] | None, stdout: IO[str] | None
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.returncode: int | None = None
        self._report = report
        self._turn = threading.Lock()
        report.settimeout(STARTING_SECONDS)
        said = report.recv(64)
        assert said, "the nursery has ended; what went wrong is above"
        self.pid = int(said)

    def poll(self) -> int | None:
        """How it ended: None while it runs, and minus a signal's number if that ended it."""
        return self._ended(0)

    def wait(self, timeout: float = ENDING_SECONDS) -> int:
        """The same, once it has ended; raises subprocess.TimeoutExpired after so many seconds."""
        code = self._ended(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, seconds: float) -> int | None:
        with self._turn:
            if self.returncode is None and self._told(seconds):
                said = self._report.recv(64)
                self._report.close()
                self.returncode = int(said) if said else -signal.SIGKILL  # the nursery's end
            return self.returncode

    def _told(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._report, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


class Nursery:
    """Begins with the first program that it is asked for."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._line: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(
        self,
        command: list[str],
        ending: int = signal.SIGKILL,
        *,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[Any] = subprocess.DEVNULL,
        stderr: int | IO[Any] = 2,
    ) -> Forked:
        """Run a script, or `-m` and a module, with its arguments, in ROOT and in a session of its
        own, until it ends, or this process does: then it gets the signal `ending`. What is piped is
        text.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = {"command": command, "env": dict(env), "ending": int(ending)}
        with theirs, _stream(stdin, 0) as (reads, writing), _stream(stdout, 1) as (writes, reading):
            log = stderr if isinstance(stderr, int) else stderr.fileno()
            self._tell(json.dumps(words).encode(), [theirs.fileno(), reads, writes, log])
        return Forked(ours, writing, reading)

    def end(self) -> None:
        """It ends when nobody can ask it any more, and what it has started ends with it."""
        if self._line is not None and self._process is not None:
            self._line.close()
            self._process.wait(timeout=ENDING_SECONDS)

    def _tell(self, order: bytes, descriptors: list[int]) -> None:
        with self._turn:
            if self._line is None:
                self._line = self._begin()
            ancillary = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
            self._line.sendmsg([order], [ancillary])

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        with theirs:
            self._process = spawn(
                [sys.executable, "-m", "tests.support.forking", str(theirs.fileno())],
                cwd=ROOT,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        return ours


@contextmanager
def _stream(chosen: int | IO[Any], number: int) -> Iterator[tuple[int, IO[str] | None]]:
    """The program's end of its standard input (0) or output (1), and ours of a pipe."""
    if not isinstance(chosen, int):
        yield chosen.fileno(), None
        return
    ours = None
    if chosen == subprocess.PIPE:
        ends = os.pipe()
        theirs = ends[number]
        ours = os.fdopen(ends[1 - number], "w" if number == 0 else "r")
    else:
        theirs = os.open(os.devnull, os.O_RDWR)
    try:
        yield theirs, ours
    finally:
        os.close(theirs)


nursery = Nursery()
atexit.register(nursery.end)
