"""Runs processors inside a child and says over the pipe how each of them went."""

from __future__ import annotations

import errno
import os
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from uploads.processing.sandbox import confinement, held, wire
from uploads.processing.sandbox.contract import Caps, LeftOut, sentence
from uploads.processing.sandbox.order import UNKNOWN_KIND, UNKNOWN_MEDIA_TYPE, Order
from uploads.processors import (
    REGISTRY,
    BadFile,
    Context,
    InvalidResult,
    Processor,
    load_directory,
    load_entry_points,
    plan,
    registry,
)
from uploads.processors.children import Children

IDENTIFY = "identify"
PROGRESS_SECONDS = 0.05  # between two measures that are sent
_OURS = {__file__, registry.__file__}
_NO_MEMORY = ("out of memory", "cannot allocate memory")


class Speaker(Protocol):
    """Whoever hears how it goes."""

    def send(self, line: bytes) -> None: ...

    def hold(self, line: bytes) -> None: ...


class Nobody:
    """For a rehearsal."""

    def send(self, line: bytes) -> None:
        pass

    def hold(self, line: bytes) -> None:
        pass


class Sender:
    """The pipe to the server, and the page for what isn't sent yet. Threads may report progress, so
    lines go one at a time.
    """

    def __init__(self, descriptor: int, page: held.Page) -> None:
        self._descriptor = descriptor
        self._page = page
        self._lock = threading.Lock()

    def hold(self, line: bytes) -> None:
        """Leave it for others to tell, should nothing be sent for a while; b"" for nothing."""
        if line:
            self._page.write(line)
        else:
            self._page.clear()

    def send(self, line: bytes) -> None:
        with self._lock:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


class Reporter:
    """Sends a step's progress no more often than can be seen. What it holds back is told when the
    step falls silent, and at the end.
    """

    def __init__(self, step: str, sender: Speaker) -> None:
        self._step = step
        self._sender = sender
        self._sent_at = time.monotonic()  # a short step says only how far it came
        self._held: tuple[float, float | None, str] | None = None

    def __call__(self, done: float, total: float | None, unit: str) -> None:
        self._held = (done, total, unit[: wire.UNIT])
        now = time.monotonic()
        if now - self._sent_at >= PROGRESS_SECONDS:
            self._sent_at = now
            self.flush()
        else:
            self._sender.hold(wire.held(self._step, *self._held))

    def flush(self) -> None:
        measured, self._held = self._held, None
        if measured is not None:
            self._sender.hold(b"")
            self._sender.send(wire.measured(*measured))


def obey(order: Order, sender: Speaker) -> None:
    """Do what the order says, and answer it. Lets through only what no answer could be given to."""
    if order.do == "probe":
        sender.send(wire.answer(confinement.probe(Path(order.bait))))
    elif order.do == "own":
        problems = _load_own(order)
        found = [described(entry) for entry in REGISTRY.values() if not entry.builtin]
        sender.send(wire.answer({"processors": found, "problems": problems}))
    else:
        _take_steps(order, sender)


def described(entry: Processor) -> dict[str, Any]:
    """A processor without its function, as JSON."""
    left_out = {"function", "builtin"}
    return {name: value for name, value in vars(entry).items() if name not in left_out}


def _load_own(order: Order) -> dict[str, str]:
    """Import the own processors; answers what was wrong with which."""
    folder = Path(order.processors) if order.processors else None
    return {**load_directory(folder, order.broken), **load_entry_points()}


@dataclass
class _File:
    """The file as it is known so far."""

    order: Order
    media_type: str
    kind: str
    results: dict[str, Any]

    def learn(self, step: str, result: dict[str, Any]) -> None:
        self.results[step] = result
        if step == IDENTIFY:
            self.media_type = result.get("media_type", UNKNOWN_MEDIA_TYPE)
            self.kind = result.get("kind", UNKNOWN_KIND)


def _take_steps(order: Order, sender: Speaker) -> None:
    problems = _load_own(order) if order.processors is not None else {}
    file = _File(order, order.media_type, order.kind, dict(order.results))
    for name in _names(file):
        sender.send(wire.started(name, REGISTRY[name].version if name in REGISTRY else 1))
        began = time.perf_counter()
        try:
            said = _take_step(name, file, sender, problems)
        except BaseException as error:  # noqa: BLE001 - a processor may raise anything, SystemExit too
            code, message = _why(error, replace(order.caps, memory=_memory(name, order)))
            sender.send(wire.failed(name, code, message, _trace(error), _since(began)))
            if code == "memory_cap":
                return  # libraries rarely survive an allocation that failed: a new child goes on
        else:
            sender.send(said)


def _names(file: _File) -> Iterator[str]:
    """A generator, since what follows is known once the file has been identified."""
    if file.order.steps is not None:
        yield from file.order.steps
        return
    yield IDENTIFY
    for entry in plan(file.media_type, REGISTRY):
        if file.order.light and not entry.light:
            return  # a child that is made for it goes on
        if entry.name != IDENTIFY:
            yield entry.name


def _take_step(name: str, file: _File, sender: Speaker, problems: dict[str, str]) -> bytes:
    """The line that says how it went. Lets through what the processor raises."""
    began = time.perf_counter()
    if name not in REGISTRY:
        said = "; ".join(f"{where}: {what}" for where, what in problems.items())
        raise LookupError(f"there is no processor {name}. {said}".rstrip())
    folder = Path(name).absolute()  # the child's work folder is where it is
    if not REGISTRY[name].builtin:
        folder.mkdir()  # ours make theirs when they save something, which few do
    report = Reporter(name, sender)
    ctx = Context(
        path=Path(file.order.path),
        name=file.order.name,
        media_type=file.media_type,
        kind=file.kind,
        size=file.order.size,
        folder=folder,
        results=file.results,
        report=report,
        children=Children(**vars(file.order.send_on)),
    )
    try:
        with confinement.with_less_memory(file.order.caps.memory - _memory(name, file.order)):
            result = REGISTRY[name].run(ctx)
    finally:
        report.flush()
    for child in ctx.children.sent:
        sender.send(wire.sent(*child))
    file.learn(name, result)
    # A path that was asked for and never written to is no artifact.
    artifacts = [saved for saved in ctx.artifacts if os.path.lexists(folder / saved[0])]
    left_out = LeftOut(ctx.children.left_out_total, tuple(ctx.children.left_out))
    return wire.done(name, result, artifacts, _since(began), left_out)


def _memory(step: str, order: Order) -> int:
    """Bytes that a step may have."""
    return order.memory.get(step, order.caps.memory)


def _why(error: BaseException, caps: Caps) -> tuple[str, str]:
    """The code of a failure, and its sentence."""
    if isinstance(error, BadFile):
        return "bad_file", str(error) or "The file is broken."
    if isinstance(error, InvalidResult):
        return "invalid_result", str(error)
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        return "disk_cap", sentence("disk_cap", caps)
    if _is_for_want_of_memory(error):
        return "memory_cap", sentence("memory_cap", caps)
    return "processor_error", f"{type(error).__name__}: {error}".removesuffix(": ")


def _trace(error: BaseException) -> str:
    """Where it was raised, from the processor's own code on: what called that is our affair, and
    so is how a result is looked at.
    """
    if isinstance(error, InvalidResult):
        return ""
    trace = error.__traceback__
    inner = trace
    while inner is not None and inner.tb_frame.f_code.co_filename in _OURS:
        inner = inner.tb_next
    return "".join(traceback.format_exception(error.with_traceback(inner or trace)))


def _is_for_want_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error).lower() for words in _NO_MEMORY)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
