"""The sandbox as the runner knows it: starts it, says what holds, gives runs."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from uploads.processing.sandbox import catalogue, landlock, wire
from uploads.processing.sandbox import folder as folders
from uploads.processing.sandbox.confinement import LAYERS
from uploads.processing.sandbox.contract import Limit, SandboxError, Task
from uploads.processing.sandbox.link import Link
from uploads.processing.sandbox.order import Order
from uploads.processing.sandbox.run import Run
from uploads.processing.sandbox.surroundings import Surroundings
from uploads.processing.sandbox.ward import Refused, Ward
from uploads.processors import Processor

log = logging.getLogger(__name__)

_QUESTION_SECONDS = 60.0  # in which the fork server starts, too, on a machine that is busy
_THREADS = 4
_HEAVY_SECONDS = 3.0  # from the start until the fork server is started that loads all libraries
_LOCK, _LOCK_FLAGS = ".lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_AT_ONCE = fcntl.LOCK_EX | fcntl.LOCK_NB


class Sandbox:
    """One for each server process; several may share `root`, where children's folders are made.
    `limits` are for single processors, by name.

    `without` leaves layers out ("landlock", "seccomp", "rlimits"), to see what the others hold
    alone.
    """

    def __init__(
        self,
        root: Path,
        processors_dir: Path | None = None,
        *,
        limits: Mapping[str, Limit] | None = None,
        without: Collection[str] = (),
    ) -> None:
        self.layers: Mapping[str, bool] = dict.fromkeys(LAYERS, False)
        self.landlock_abi = 0
        self.processors: Mapping[str, Processor] = {}  # by name, built-in ones first
        self.problems: Mapping[str, str] = {}  # what is wrong with own processors, by where it is
        self._root = root.resolve()
        self._processors_dir = processors_dir.resolve() if processors_dir else None
        self._limits = limits or {}
        self._folder = self._root / f"{os.getpid()}-{secrets.token_hex(4)}"
        link = partial(Link, self._folder, landlock.python_folders(self._root), sorted(without))
        self._link, self._light = link(), link(light=True)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox")
        self._runs = 0
        self._lock = -1

    async def start(self) -> None:
        """Raises SandboxError."""
        if any(self._root.is_relative_to(shared) for shared in landlock.SYSTEM):
            raise SandboxError(
                f"{self._root} is where processors may read; keep the data elsewhere"
            )
        await asyncio.get_running_loop().run_in_executor(self._threads, self._settle)
        try:
            await self._light.start()
            self._link.begin_later(_HEAVY_SECONDS)
            self.landlock_abi = self._light.greeting["landlock_abi"]
            self.layers = await self._probe()
            await self.load_processors()
        except BaseException:
            await self.stop()
            raise
        self._complain()

    async def stop(self) -> None:
        """End everything that runs, and leave nothing."""
        await asyncio.gather(self._link.stop(), self._light.stop())
        await asyncio.get_running_loop().run_in_executor(self._threads, self._leave)
        self._threads.shutdown()

    @property
    def complete(self) -> bool:
        """Whether every layer protects."""
        return all(self.layers.values())

    @property
    def ready(self) -> bool:
        """Whether children can be had now; False while the fork server starts again."""
        return self._link.ready and self._light.ready

    @property
    def pid(self) -> int | None:
        """The fork server's process."""
        return self._link.pid

    @property
    def light_pid(self) -> int | None:
        """The process of the fork server for light steps."""
        return self._light.pid

    def run(self, task: Task) -> Run:
        self._runs += 1
        label = re.sub(r"[^\w-]", "", task.id)[:40]
        return Run(self._around(), task, self._folder / f"{label}.{self._runs}")

    async def load_processors(self) -> None:
        """Ask a child which own processors there are; nothing of theirs is ever imported here."""
        builtin = catalogue.builtin(self._light.greeting["processors"])
        if not catalogue.may_have_own(self._processors_dir):
            self._take_over(builtin, {})
            return
        order = Order(do="own", folder="", processors=str(self._processors_dir or ""))
        try:
            answer = await self._ask(order)
        except SandboxError as error:
            own: dict[str, Processor] = {}
            problems = {str(self._processors_dir): f"Loading the own processors failed. {error}"}
        else:
            own, problems = catalogue.own(answer, taken=builtin.keys())
        self._take_over(builtin | own, problems)

    def _take_over(self, found: Mapping[str, Processor], problems: Mapping[str, str]) -> None:
        self.processors, senseless = catalogue.limited(found, self._limits)
        self.problems = {**problems, **senseless}

    async def _probe(self) -> Mapping[str, bool]:
        found = await self._ask(Order(do="probe", folder="", bait=str(self._folder / _LOCK)))
        return {layer: found.get(layer) is True for layer in LAYERS}

    async def _ask(self, order: Order) -> dict[str, Any]:
        """A child's answer to what isn't about a file. Raises SandboxError without one."""
        self._runs += 1
        folder = self._folder / f"question.{self._runs}"
        ward = Ward(self._link if order.do == "own" else self._light, _hear_answer)
        ward.start(replace(order, folder=str(folder)), run_folder=folder)
        ward.allow(_QUESTION_SECONDS)
        try:
            answer = await ward.next()
            await ward.ended_at_last()
        finally:
            ward.kill("cancelled")
            await self._around().in_thread(partial(folders.remove, folder))
        if not isinstance(answer, wire.Answer):
            raise SandboxError(ward.end.detail if ward.end else "")
        return answer.value

    def _complain(self) -> None:
        if missing := [layer for layer, there in self.layers.items() if not there]:
            log.warning("The sandbox lacks %s", ", ".join(missing))
        for where, what in self.problems.items():
            log.warning("Own processor %s: %s", where, what)

    def _around(self) -> Surroundings:
        return Surroundings(
            self._link,
            self._light,
            self.processors,
            self._processors_dir,
            tuple(name for name in self.problems if name.endswith(".py")),
            self._threads,
        )

    def _settle(self) -> None:
        """A folder of our own, locked while we live; what is left of servers that are gone goes."""
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One server at a time looks and makes, so that none takes another's new folder for an old
        # one.
        with _locked(self._root / _LOCK, os.O_CREAT, fcntl.LOCK_EX):
            for folder in self._root.iterdir():
                with contextlib.suppress(OSError), _locked(folder / _LOCK, 0, _AT_ONCE):
                    folders.remove(folder)
            self._folder.mkdir(mode=0o700)
            self._lock = os.open(self._folder / _LOCK, _LOCK_FLAGS | os.O_CREAT, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def _leave(self) -> None:
        folders.remove(self._folder)
        os.close(self._lock)


@contextlib.contextmanager
def _locked(path: Path, flags: int, how: int) -> Iterator[None]:
    """Raises OSError where it isn't there, or can't be locked."""
    lock = os.open(path, _LOCK_FLAGS | flags, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


def _hear_answer(said: wire.Said) -> list[object]:
    if not isinstance(said, wire.Answer):
        raise Refused("that was not the question")
    return [said]
