"""The steps of a job under way: what is known of each, what is told of it, what is written down.

A step that runs longer than `SHORT_SECONDS` is written down at its start and at its end; shorter
ones ride along with the next write. One that gives no sign of life for `STALL_SECONDS` is written
down as stalled, and once more when it goes on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import structlog
from django.utils import timezone

from project import database
from uploads import metrics
from uploads.models import Step
from uploads.processing.current import Current
from uploads.processing.jobs import attempts
from uploads.processing.jobs.attempts import StepRecord
from uploads.processing.jobs.leases import Claimed, LostLease
from uploads.processing.rates import Rates
from uploads.processing.sandbox import Progress, StepDone, StepFailed, StepStarted
from uploads.publishing import doorbell
from uploads.publishing.describing import moment

log = structlog.get_logger(__name__)

SHORT_SECONDS = 0.1

_rates = Rates()


class Steps:
    """What one attempt does."""

    def __init__(self, claimed: Claimed, on_lost: Callable[[], None]) -> None:
        """`on_lost` is called when a write finds the job no longer ours."""
        self.claimed = claimed
        self.known: dict[str, StepRecord] = {}
        self.current: Current | None = None
        self._on_lost = on_lost
        self._kind: str | None = None
        self._unwritten: dict[str, StepRecord] = {}
        self._writes: set[asyncio.Task[None]] = set()

    def of(self, name: str, version: int = 1) -> StepRecord:
        """The record of a step, made where nothing was known of it."""
        if name not in self.known:
            step = StepRecord(name, version, len(self.known), Step.State.WAITING)
            self.known[name] = self._unwritten[name] = step
        return self.known[name]

    def begin(self, message: StepStarted) -> None:
        """It runs now."""
        step = self.of(message.step, message.version)
        step.status, step.started_at = Step.State.RUNNING, timezone.now()
        self._unwritten[step.name] = step
        loop = asyncio.get_running_loop()
        self.current = Current(step, loop.call_later(SHORT_SECONDS, self.runs_long))

    def measure(self, message: Progress) -> None:
        """How far it is; a sign of life."""
        current = self.current
        if current is None or current.step.name != message.step:
            return
        if current.give_sign(self._look):
            self._write()
        step = current.step
        if step.done is not None and message.done < step.done:
            return  # never backwards within an attempt
        step.done, step.total, step.unit = message.done, message.total, message.unit
        current.tell_in_time(self._tell)

    def done(self, message: StepDone) -> None:
        """It has ended well."""
        if message.step == "identify":
            self._kind = message.result["kind"]
        self._end(message.step, Step.State.DONE, message.duration_ms, result=message.result)

    def fail(self, message: StepFailed) -> None:
        """It has failed."""
        self.of(message.step).detail = message.detail or None
        failure = {"code": message.code, "message": message.message}
        self._end(message.step, Step.State.FAILED, message.duration_ms, error=failure)

    def skip_rest(self) -> None:
        """What waits still will not run."""
        for step in self.known.values():
            if step.status == Step.State.WAITING:
                step.status = Step.State.SKIPPED
                self._unwritten[step.name] = step

    async def written(self) -> list[StepRecord]:
        """What is not yet written down, once all writes under way have ended."""
        await asyncio.gather(*self._writes)
        return list(self._unwritten.values())

    def runs_long(self) -> None:
        """It is no short one: worth a write of its own, at its start and at its end."""
        if self.current is not None:
            self.current.long = True
            self.current.await_sign(self._look)
            self._write()

    def _look(self) -> None:
        """Long enough since the step's last sign of life, as it was known when this was called."""
        if self.current is not None and self.current.fall_silent(self._look):
            self._write()

    def _tell(self) -> None:
        """Let those who watch know how far the step is by now."""
        current = self.current
        if current is None:
            return
        step = current.step
        if step.total is not None and (step.done or 0.0) >= step.total:
            return  # all of it means committed, which the event of the end says
        measure = {
            "id": str(self.claimed.file_id),
            "attempt": self.claimed.attempt,
            "step": step.name,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "eta_s": self._eta(current),
        }
        doorbell.progress(self.claimed.space_id, self.claimed.batch, measure)

    def _eta(self, current: Current) -> float | None:
        step = current.step
        key = (step.name, self._kind or "", step.unit or "")
        return _rates.eta(key, step.done or 0.0, step.total, time.monotonic() - current.began)

    def _end(
        self,
        name: str,
        status: str,
        duration_ms: float,
        *,
        result: dict[str, Any] | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        step = self.of(name)
        current, self.current = self.current, None
        step.status, step.result, step.error = status, result, error
        metrics.step_ended(name, error["code"] if error else "done", duration_ms)
        step.finished_at, step.duration_ms = timezone.now(), round(duration_ms)
        step.started_at = step.started_at or step.finished_at
        self._unwritten[name] = step
        if current is None:
            return
        current.end()
        if step.unit is not None and status == Step.State.DONE:
            _rates.learn(
                name,
                self._kind or "",
                step.unit,
                step.done or 0.0,
                time.monotonic() - current.began,
            )
        if current.long:
            self._write()

    def _write(self) -> None:
        """Write down what is not yet; the writing thread keeps the order."""
        steps = [replace(step) for step in self._unwritten.values()]  # as they are now
        self._unwritten = {}
        # not of a group: one that fails must not end the others; `written` waits for all
        task = asyncio.get_running_loop().create_task(self._record(steps, self._running_json()))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _record(self, steps: Sequence[StepRecord], running: dict[str, Any] | None) -> None:
        try:
            await asyncio.shield(database.write(attempts.record, self.claimed, steps, running))
        except LostLease:
            self._on_lost()
        except Exception:
            log.exception("steps could not be written; the next write takes them along")
            for step in steps:
                self._unwritten.setdefault(step.name, self.known[step.name])

    def _running_json(self) -> dict[str, Any] | None:
        if self.current is None:
            return None
        step, stalled = self.current.step, self.current.stalled_since
        return {
            "name": step.name,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "eta_s": self._eta(self.current) if stalled is None else None,
            "stalled_since": moment(stalled),
        }
