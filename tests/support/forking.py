"""The process behind `nursery.py`: it has imported what others wrote, and forks for each program.

A fork has the environment, the streams, the session and the arguments that it was given. From there
on it runs as the interpreter would run it, with all that is ours still to be imported, the settings
first. It ends with this process, and this one with the tests.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import socket
import sys
from typing import Any

LARGEST = 1 << 17  # bytes of one order
DESCRIPTORS = 4  # of an order: where to report, and the three streams
PR_SET_PDEATHSIG = 1  # linux/prctl.h
# What takes time to import, and doesn't look at settings or environment when it is (as ninja and
# prometheus_client do).
IMPORTED = (
    "channels.generic.websocket",
    "channels.routing",
    "django.contrib.auth.hashers",
    "django.contrib.staticfiles.storage",
    "django.core.asgi",
    "django.core.mail",
    "django.core.management.commands.shell",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.executor",
    "django.template.defaulttags",
    "django.test.signals",
    "django.views.generic",
    "httptools",
    "nh3",
    "orjson",
    "pydantic.dataclasses",
    "pydantic.functional_validators",
    "pydantic.networks",
    "pydantic.type_adapter",
    "python_multipart",
    "servestatic.asgi",
    "structlog",
    "uvicorn.logging",
    "uvicorn.main",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)


class Programs:
    """Those that run, and the line that asks for more."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._running: dict[int, tuple[int, socket.socket]] = {}  # by a descriptor of the process

    def fork(self) -> list[str] | None:
        """In a fork, the program that it is to become; None when nobody can ask any more."""
        poll = select.poll()
        poll.register(self._line, select.POLLIN)
        while True:
            for descriptor, _ in poll.poll():
                if descriptor in self._running:
                    poll.unregister(descriptor)
                    self._has_ended(descriptor)
                    continue
                order, descriptors, _, _ = socket.recv_fds(self._line, LARGEST, DESCRIPTORS)
                if not order:
                    return None
                parent, pid = os.getpid(), os.fork()
                if pid == 0:
                    return self._become(json.loads(order), descriptors, parent)
                poll.register(self._begun(pid, descriptors), select.POLLIN)

    def _begun(self, pid: int, descriptors: list[int]) -> int:
        report = socket.socket(fileno=descriptors[0])
        for each in descriptors[1:]:
            os.close(each)
        report.send(str(pid).encode())
        process = os.pidfd_open(pid)
        self._running[process] = (pid, report)
        return process

    def _has_ended(self, process: int) -> None:
        pid, report = self._running.pop(process)
        os.close(process)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with report:
            try:
                report.send(str(code).encode())
            except BrokenPipeError:
                pass  # nobody wants to know

    def _become(self, order: dict[str, Any], descriptors: list[int], parent: int) -> list[str]:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, order["ending"])
        if os.getppid() != parent:
            os._exit(1)
        os.setsid()
        for number, stream in enumerate(descriptors[1:]):
            os.dup2(stream, number)
        for process, (_, report) in self._running.items():
            os.close(process)
            report.close()
        for each in descriptors:
            os.close(each)
        self._line.close()
        os.environ.clear()
        os.environ.update(order["env"])
        command: list[str] = order["command"]
        return command


def main() -> None:
    """Import, then fork as often as is asked for."""
    gc.disable()  # as manage.py does
    for module in IMPORTED:
        importlib.import_module(module)
    program = Programs(socket.socket(fileno=int(sys.argv[1]))).fork()
    if program is not None:
        run(program)


def run(program: list[str]) -> None:
    """As the interpreter would."""
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        runpy.run_path(program[0], run_name="__main__")


if __name__ == "__main__":
    main()
