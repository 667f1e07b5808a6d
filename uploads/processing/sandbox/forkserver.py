"""The process that forks children: it has one thread, no environment, no privilege, one socket.

It forks, watches, kills and reaps, and knows nothing of what children say. When the server ends, so
does it, and with it they.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import orjson

from uploads.processing.sandbox import (
    aside,
    catalogue,
    child,
    confinement,
    held,
    linux,
    steps,
    watch,
)
from uploads.processing.sandbox import folder as folders
from uploads.processing.sandbox.contract import Caps, Reason
from uploads.processing.sandbox.order import Order
from uploads.processors import PRELOAD, PRELOAD_LIGHT, REGISTRY, load_builtin
from uploads.processors.loading import described_builtin, load_light

DATAGRAM_BYTES = 65536
REHEARSALS = 10  # after eight calls a function's code is specialised
DESCRIPTORS = 3  # of an order: itself, the pipe for messages, the pipe for output


@dataclass
class Child:
    """`watched` is made at the first look: most children have ended by then."""

    number: int
    order: dict[str, Any]
    page: held.Page
    watched: watch.Watched | None = None
    excess: Reason | None = None


class ForkServer:
    def __init__(self, server: socket.socket, layers: confinement.Layers) -> None:
        self._server = server
        self._layers = layers
        self._children: dict[int, Child] = {}  # by process id
        self._base = watch.memory_in(watch.status_of(os.getpid()))
        self._pid = os.getpid()
        self._looked_at = 0.0
        self._wake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> NoReturn:
        """Until the server's end of the socket closes."""
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll(self._patience())}
            if self._wake in ready:
                self._reap()
            if self._server.fileno() in ready:
                self._obey()
            self._look()

    def say(self, **what: Any) -> None:
        try:
            self._server.send(orjson.dumps(what))
        except OSError:
            self._end()

    def _patience(self) -> int | None:
        """Milliseconds to the next look at the children; without any, for as long as it takes."""
        return int(watch.LOOK_SECONDS * 1000) if self._children else None

    def _obey(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(self._server, DATAGRAM_BYTES, DESCRIPTORS)
        except OSError:
            self._end()
        if not data:
            self._end()
        order = orjson.loads(data)
        if order["do"] == "fork":
            self._fork(order, descriptors)
        else:
            self._kill(order["number"])

    def _fork(self, order: dict[str, Any], descriptors: list[int]) -> None:
        try:
            page = held.Page()
            pid = os.fork()
        except OSError as error:
            self._close(descriptors)
            self.say(now="refused", number=order["number"], why=str(error))
            return
        if pid == 0:
            child.become(self._layers, descriptors, self._pid, page)
        page.own()
        self._close(descriptors)
        self._children[pid] = Child(order["number"], order, page)
        self.say(now="forked", number=order["number"], pid=pid)

    @staticmethod
    def _close(descriptors: list[int]) -> None:
        for descriptor in descriptors:
            os.close(descriptor)

    def _kill(self, number: int) -> None:
        for pid, one in self._children.items():
            if one.number == number:
                _kill_group(pid)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < watch.LOOK_SECONDS:
            return
        self._looked_at = now
        for pid, one in self._children.items():
            if one.excess is None and (excess := self._watched(pid, one).excess()):
                one.excess = excess
                _kill_group(pid)
            self._tell(one.number, one.page.left_standing())

    def _watched(self, pid: int, one: Child) -> watch.Watched:
        if one.watched is None:
            folder, caps = Path(one.order["folder"]), Caps(**one.order["caps"])
            one.watched = watch.Watched(pid, folder, caps, self._base)
        return one.watched

    def _tell(self, number: int, line: bytes) -> None:
        """A measure that a child holds back, as it stands there."""
        if line:
            self.say(now="held", number=number, line=line.decode("latin-1"))

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 4096)
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if (one := self._children.pop(pid, None)) is not None:
                self._report(one, status, usage)
            self._sweep()

    def _report(self, one: Child, status: int, usage: Any) -> None:
        self._tell(one.number, one.page.read())  # how far it came before it crashed
        one.page.close()
        self.say(
            now="ended",
            number=one.number,
            status=os.waitstatus_to_exitcode(status),
            excess=one.excess,
            cpu=usage.ru_utime + usage.ru_stime,
            rss=usage.ru_maxrss * 1024,
        )

    def _sweep(self) -> None:
        """Where no filter forbids it to fork, what a child left behind has become ours: end it."""
        if self._layers.seccomp is not None:
            return
        for pid in _children_of_this_process() - self._children.keys():
            _kill_group(pid)

    def _end(self) -> NoReturn:
        for pid in self._children:
            _kill_group(pid)
        self._sweep()
        os._exit(0)


def _kill_group(pid: int) -> None:
    """Only for a child that has not been reaped: until then its number can't be another's."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _children_of_this_process() -> set[int]:
    try:
        return {
            int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        }
    except OSError:
        return set()  # a kernel without that file


def preload() -> None:
    """Everything that children share, from here on in memory that is written by nobody."""
    _import(PRELOAD)
    importlib.import_module("asyncio")
    if (pillow := sys.modules.get("PIL.Image")) is not None:
        pillow.init()  # it imports its sixty formats at the first file that isn't a common one
    load_builtin()


def preload_light() -> None:
    """As little as light children need: a fork takes time for each library that is mapped, and for
    each page of memory, whether its child needs it or not.
    """
    _import(PRELOAD_LIGHT)
    described = orjson.loads(aside.answer(_described))
    load_light(
        {module: catalogue.builtin(entries).values() for module, entries in described.items()}
    )


def _described() -> bytes:
    return orjson.dumps(
        {
            module: [steps.described(entry) for entry in entries]
            for module, entries in described_builtin().items()
        }
    )


def _import(modules: Iterable[str]) -> None:
    for module in modules:
        with contextlib.suppress(ImportError):  # an optional library that isn't installed
            importlib.import_module(module)


def rehearse(folder: Path) -> None:
    """Take a small text apart a few times, here.

    Python then has prepared its code for speed, and imported what is imported late, once instead of
    in every child: it saves each a quarter of its time.
    """
    for number in range(REHEARSALS):
        # another name than one's own predecessor left, if it was killed here
        stage = folder / f"rehearsal.{os.getpid()}.{number}"
        stage.mkdir()
        sample = stage / "sample"
        sample.write_bytes(b"A line of words.\n" * 8)
        order = Order(do="steps", folder=str(stage), path=str(sample), name="a.txt", size=136)
        os.chdir(stage)
        # a step that fails here fails again where it can be told
        with contextlib.suppress(Exception):
            steps.obey(order, steps.Nobody())
        os.chdir("/")
        folders.remove(stage)


def threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def main() -> NoReturn:
    """Arguments: where to import from (for the boot), and what the link tells, both as JSON."""
    told = orjson.loads(sys.argv[2])
    linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != told["server"]:
        sys.exit(1)  # it died before the line above
    linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    # When a whole group is told to end, the server decides what becomes of its jobs.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    confinement.give_up_privileges()
    layers = confinement.prepare([Path(path) for path in told["readable"]], told["without"])
    gc.disable()  # what is imported is never garbage
    (preload_light if told["light"] else preload)()
    gc.enable()
    rehearse(Path(told["folder"]))
    gc.collect()
    gc.freeze()
    server = socket.socket(fileno=told["socket"])
    here = ForkServer(server, confinement.weigh(layers))
    here.say(
        now="ready",
        threads=threads(),
        landlock_abi=layers.landlock_abi,
        processors=[steps.described(entry) for entry in REGISTRY.values()],
    )
    here.serve()
