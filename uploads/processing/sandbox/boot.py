"""Starts the fork server's process: with nothing of the server but where it imports from."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# All that a child sees of an environment. Jobs run side by side, so one job's libraries start few
# threads.
ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "VIPS_BLOCK_UNTRUSTED": "1",
    "VIPS_CONCURRENCY": "1",
    "POLARS_MAX_THREADS": "2",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "ORT_DISABLE_TELEMETRY": "1",
}
_BOOT = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from uploads.processing.sandbox.forkserver import main; main()"
)


def start(told: Mapping[str, Any]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """The process, and our end of the socket to it, which doesn't block. Raises OSError.

    The process dies with the thread that calls this.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs, contextlib.ExitStack() as unless_started:
        unless_started.callback(ours.close)
        words = {**told, "socket": theirs.fileno(), "server": os.getpid()}
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own words
            [sys.executable, "-I", "-u", "-c", _BOOT, json.dumps(_path()), json.dumps(words)],
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
        unless_started.pop_all()
    ours.setblocking(False)  # noqa: FBT003 - the socket's own way
    return process, ours


def _path() -> list[str]:
    """Where the server imports from, so that children find the same."""
    here = str(Path(__file__).resolve().parents[3])
    entries = [str(Path(entry).absolute()) for entry in sys.path if entry]
    return [here, *(entry for entry in entries if entry != here)]
