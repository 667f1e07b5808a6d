"""A run: one file's way through its steps, from child to child, told as messages."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from uploads.processing.sandbox import folder as folders
from uploads.processing.sandbox import wire
from uploads.processing.sandbox.contract import (
    CODES,
    Exit,
    Message,
    Progress,
    Reason,
    StepDone,
    StepFailed,
    StepStarted,
    Task,
    sentence,
)
from uploads.processing.sandbox.course import Course, Leg
from uploads.processing.sandbox.order import Order
from uploads.processing.sandbox.surroundings import Surroundings
from uploads.processing.sandbox.ward import End, Refused, Ward

log = logging.getLogger(__name__)

_BEGIN_SECONDS = 60.0  # at the least, for a step to begin; its own time counts from then on
_NOTHING_LEFT_SECONDS = 5.0  # for a child whose steps are all done to go


class Run:
    """Enter it, iterate once, read `exit`, move what is to be kept out of `folder`, leave it."""

    def __init__(self, around: Surroundings, task: Task, folder: Path) -> None:
        self.folder = folder
        self.exit = Exit("ok")
        self._around = around
        self._task = task
        self._course = Course(task, around.processors)
        self._ward: Ward | None = None
        self._legs = 0
        self._cancelled = False
        self._step: str | None = None  # that has started and not ended
        self._began = time.monotonic()
        self._measured = 0.0
        self._sent: list[wire.Sent] = []  # of the step that has started

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left of it afterwards: no child, no folder."""
        self.cancel()
        try:
            if self._ward is not None:
                await self._ward.ended_at_last()
            self._admit_being_cancelled()
        finally:
            await self._removed(self.folder)

    def __aiter__(self) -> AsyncIterator[Message]:
        return self._messages()

    def cancel(self) -> None:
        """End it now, whatever it does."""
        self._cancelled = True
        if self._ward is not None:
            self._ward.kill("cancelled")

    @property
    def pid(self) -> int | None:
        """The process that is at work now."""
        return self._ward.pid if self._ward is not None and self._ward.end is None else None

    async def _messages(self) -> AsyncIterator[Message]:
        lost = False
        while self._goes_on() and not lost:
            leg = self._course.leg()
            async with self._turn(leg):
                if not self._goes_on():  # cancelled while it waited
                    break
                before = self._course.next_step
                ward = self._begin(leg)
                while (heard := await ward.next()) is not None:
                    message = await self._taken_over(heard) if isinstance(heard, _Done) else heard
                    yield message  # type: ignore[misc]  # `_hear` passes on nothing else
            end = ward.end or End("lost", "")
            for message in self._judge(end, advanced=self._course.next_step != before):
                yield message
            lost = end.lost
            if self._course.remaining and not lost:
                await self._removed(self._leg_folder())
        self._admit_being_cancelled()

    def _turn(self, leg: Leg) -> AbstractAsyncContextManager[None]:
        if self._task.turn is None or not leg.own or not leg.steps:
            return nullcontext()
        return self._task.turn(leg.steps[0])

    def _goes_on(self) -> bool:
        return self._course.remaining and not self._cancelled

    def _begin(self, leg: Leg) -> Ward:
        self._legs += 1
        link = self._around.light if leg.light else self._around.link
        self._ward = ward = Ward(link, self._hear)
        own = self._around.processors_dir
        self._began = time.monotonic()
        ward.start(
            Order(
                do="steps",
                folder=str(self._leg_folder()),
                caps=leg.caps,
                network=leg.network,
                light=leg.light,
                processors=str(own or "") if leg.own else None,
                broken=self._around.broken,
                path=str(self._task.path),
                name=self._task.name,
                size=self._task.size,
                media_type=self._course.media_type,
                kind=self._course.kind,
                memory=leg.memory,
                steps=leg.steps,
                results=self._course.results,
                send_on=self._task.send_on,
            ),
            run_folder=self.folder,
        )
        ward.allow(self._seconds_to_begin(self._course.next_step))
        return ward

    def _seconds_to_begin(self, step: str | None) -> float:
        """A fork server that starts anew, or a machine that does much else, is not the step's
        fault.
        """
        return max(_BEGIN_SECONDS, self._course.caps(step).seconds)

    def _leg_folder(self) -> Path:
        return self.folder / str(self._legs)

    # -- what a child says, judged at once ---------------------------------------------------------

    def _hear(self, said: wire.Said) -> Sequence[object]:
        match said:
            case wire.Started():
                return self._hear_started(said)
            case wire.Measured():
                return self._hear_measured(said)
            case wire.Held():
                return self._hear_measured(said.measured) if said.step == self._step else []
            case wire.Sent() if self._step is not None:
                return self._hear_sent(said)
            case wire.Done() if said.step == self._step:
                return self._hear_done(said)
            case wire.Failed() if said.step == self._step:
                return self._hear_failed(said)
        raise Refused(f"{type(said).__name__} out of turn")

    def _hear_started(self, said: wire.Started) -> Sequence[object]:
        if self._step is not None or said.step != self._course.next_step:
            raise Refused(f"{said.step!r} isn't next")
        self._step, self._measured, self._sent = said.step, 0.0, []
        self._began = time.monotonic()
        self._watch().allow(self._course.caps(said.step).seconds)
        return [StepStarted(said.step, said.version)]

    def _hear_measured(self, said: wire.Measured) -> Sequence[object]:
        if self._step is None:
            raise Refused("progress of no step")
        if said.done < self._measured:
            return []  # it never decreases
        self._measured = said.done
        return [Progress(self._step, said.done, said.total, said.unit)]

    def _hear_sent(self, said: wire.Sent) -> Sequence[object]:
        if len(self._sent) >= self._task.send_on.most or self._task.send_on.deep:
            raise Refused("more is sent on than may be")
        self._sent.append(said)
        return []

    def _hear_done(self, said: wire.Done) -> Sequence[object]:
        planned = self._course.done(said.step, said.result)
        source = self._leg_folder() / said.step
        done = _Done(said, self._sent, source, self._milliseconds(said.milliseconds))
        self._between_steps()
        return [done, *([planned] if planned else [])]

    def _hear_failed(self, said: wire.Failed) -> Sequence[object]:
        planned = self._course.failed(said.step)
        milliseconds = self._milliseconds(said.milliseconds)
        self._between_steps()
        failed = StepFailed(said.step, said.code, said.message, milliseconds, said.detail)
        return [failed, *([planned] if planned else [])]

    def _between_steps(self) -> None:
        self._step = None
        following = self._course.next_step
        if following is None:
            self._watch().allow(_NOTHING_LEFT_SECONDS, "ok")
        else:
            self._watch().allow(self._seconds_to_begin(following))

    def _watch(self) -> Ward:
        if self._ward is None:
            raise RuntimeError("nobody can speak before there is a child")
        return self._ward

    def _milliseconds(self, claimed: float) -> float:
        return min(claimed, round((time.monotonic() - self._began) * 1000, 1))

    # -- what follows from it ----------------------------------------------------------------------

    async def _taken_over(self, done: _Done) -> Message:
        said = done.said
        if not said.artifacts and not done.sent:
            return StepDone(said.step, said.result, (), done.milliseconds, (), said.left_out)
        move = partial(
            folders.take_over,
            done.source,
            self.folder / "kept" / said.step,
            said.artifacts,
            done.sent,
            room=self._task.caps.disk,
        )
        try:
            saved, children = await self._around.in_thread(move)
        except folders.Unfit as error:
            self._course.results.pop(said.step, None)
            return StepFailed(said.step, "invalid_result", f"{error}.", done.milliseconds)
        return StepDone(said.step, said.result, saved, done.milliseconds, children, said.left_out)

    def _judge(self, end: End, *, advanced: bool) -> list[Message]:
        """What a child's end means for the step that was its turn."""
        self._count(end)
        step = self._course.next_step
        if end.reason == "ok" and (step is None or (advanced and self._step is None)):
            return []
        reason: Reason = "crashed" if end.reason == "ok" else end.reason
        self._end_with(reason, step, end.detail)
        if step is None or reason == "cancelled":
            return []
        return self._failed_by_end(step, reason, end)

    def _failed_by_end(self, step: str, reason: Reason, end: End) -> list[Message]:
        messages: list[Message] = []
        if self._step is None:
            entry = self._around.processors.get(step)
            messages.append(StepStarted(step, entry.version if entry else 1))
        lasted = round((time.monotonic() - self._began) * 1000, 1)
        said = end.words or sentence(reason, self._course.caps(step))
        messages.append(StepFailed(step, CODES[reason], said, lasted, end.detail))
        self._step = None
        planned = self._course.failed(step)
        return [*messages, planned] if planned else messages

    def _admit_being_cancelled(self) -> None:
        if self._cancelled and self._course.remaining and self.exit.reason == "ok":
            self._end_with("cancelled", self._course.next_step, "")

    def _count(self, end: End) -> None:
        self.exit = Exit(
            self.exit.reason,
            self.exit.step,
            self.exit.detail,
            self.exit.cpu_seconds + end.cpu,
            max(self.exit.max_rss, end.rss),
            end.printed,
        )

    def _end_with(self, reason: Reason, step: str | None, detail: str) -> None:
        """The first thing that went wrong counts; being cancelled counts always."""
        if self.exit.reason == "ok" or reason == "cancelled":
            self.exit = replace(self.exit, reason=reason, step=step, detail=detail)

    async def _removed(self, folder: Path) -> None:
        try:
            await self._around.in_thread(partial(folders.remove, folder))
        except OSError:
            log.warning("The folder %s can't be removed", folder, exc_info=True)


@dataclass(frozen=True)
class _Done:
    """A step that is done, what it made not yet taken over."""

    said: wire.Done
    sent: Sequence[wire.Sent]
    source: Path
    milliseconds: float
