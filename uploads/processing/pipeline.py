"""Takes one claimed job through its steps: sandbox out, database and doorbell in.

A step that runs longer than `SHORT_SECONDS` is written down at its start and at its end; shorter
ones ride along with the next write. One that gives no sign of life for `STALL_SECONDS` is written
down as stalled, and once more when it goes on.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from project import database
from uploads import metrics, storage
from uploads.models import Step
from uploads.processing import children, turns
from uploads.processing.children import Inside
from uploads.processing.jobs import attempts, leases
from uploads.processing.rates import Rates
from uploads.processing.sandbox import (
    Caps,
    Message,
    Planned,
    Progress,
    Run,
    Sandbox,
    StepDone,
    StepFailed,
    StepStarted,
    Task,
)
from uploads.publishing import doorbell, search
from uploads.publishing.events import moment

log = structlog.get_logger(__name__)

SHORT_SECONDS = 0.1
TURN_SECONDS = 0.5  # between two looks whether it is this job's turn
AWAY_SECONDS = 300  # that finished work waits for a database that is away
LOST = "worker_lost"  # the sandbox broke down, and the attempt with it
OUTSIDE = {"processor_error", "time_cap"}  # what a service that is away looks like
PROGRESS_SECONDS = 0.1  # between two measures of one file

_rates = Rates()


class Pipeline:
    """One job under way."""

    def __init__(
        self, claimed: leases.Claimed, sandbox: Sandbox, on_waiting: Callable[[], object] = bool
    ) -> None:
        """`on_waiting` is called when it waits, for its turn or for its end to be written down, and
        needs no slot meanwhile.
        """
        self.claimed = claimed
        self.sandbox = sandbox
        self.waiting = False
        self.error: dict[str, Any] | None = None
        self._on_waiting = on_waiting
        self._taken_away = asyncio.Event()
        self._may_pass = True  # whatever failed
        self.steps: dict[str, attempts.StepRecord] = {}
        self.kind: str | None = None
        self._run: Run | None = None
        self._current: _Current | None = None
        self._sent: list[StepDone] = []  # those that send files on, each where it is now
        self._inside = Inside()
        self._unwritten: dict[str, attempts.StepRecord] = {}
        self._writes: set[asyncio.Task[None]] = set()

    @property
    def taken_away(self) -> bool:
        """Whether the job is no longer ours."""
        return self._taken_away.is_set()

    def take_away(self) -> None:
        """The job is no longer ours: stop at once."""
        self._taken_away.set()
        if self._run is not None:
            self._run.cancel()

    async def discard(self) -> None:
        """Remove what this attempt saved, unless it is the result after all."""
        if await database.read(leases.stands, self.claimed):
            return
        children.discard(self._inside)
        await asyncio.to_thread(storage.remove_attempt, self.claimed.file_id, self.claimed.attempt)

    async def run(self) -> None:
        """All steps, then the end of the job. Raises LostLease."""
        await self._take_apart()
        await asyncio.gather(*self._writes)
        if self.taken_away:
            raise leases.LostLease
        for step in self.steps.values():
            if step.status == Step.State.WAITING:
                step.status = Step.State.SKIPPED
                self._unwritten[step.name] = step
        words = await asyncio.to_thread(self._words)
        metrics.job_ended(await self._ended(list(self._unwritten.values()), words))

    async def _ended(self, steps: Sequence[attempts.StepRecord], words: str) -> str:
        """Write the end down, whenever the database is there; how it ended."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                if self._inside:
                    await asyncio.to_thread(children.touch, self._inside)
                return await asyncio.shield(database.write(self._end_job, steps, words))
            except (OperationalError, InterfaceError):
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    def _end_job(self, steps: Sequence[attempts.StepRecord], words: str) -> str:
        if self.error is None or not self._may_pass:
            attempts.finish(self.claimed, steps, self.error, words, self._inside)
            return "processed" if self.error is None else "failed"
        again = attempts.postpone(self.claimed, steps, self.error, words, self._inside)
        if again is None:
            return "failed"
        transaction.on_commit(partial(children.discard, self._inside))
        return "postponed"

    async def _take_apart(self) -> None:
        task = Task(
            id=f"{self.claimed.file_id}-{self.claimed.attempt}",
            path=storage.path(self.claimed.file_id),
            name=self.claimed.name,
            size=self.claimed.size,
            caps=Caps(
                memory=settings.STEP_MEMORY_BYTES,
                seconds=settings.STEP_SECONDS,
                disk=settings.STEP_DISK_BYTES,
            ),
            network=True,
            own=self.sandbox.complete or settings.OWN_PROCESSORS_ANYWAY,
            send_on=children.may_send(self.claimed.depth, asked=self.claimed.expand),
            turn=self._turn,
        )
        async with self.sandbox.run(task) as run:
            self._run = run
            if self.taken_away:
                run.cancel()
            try:
                async for message in run:
                    await self._take(message)
                self._give_up_slot()
                if self._sent and not self.taken_away:
                    await asyncio.to_thread(self._store_children)
            finally:
                self._run = None

    @asynccontextmanager
    async def _turn(self, processor: str) -> AsyncIterator[None]:
        """Wait until this job may run a processor of which only so many run at once."""
        most = settings.PROCESSOR_CONCURRENCY.get(processor)
        if most is None:
            yield
            return
        await self._wait_for_turn(processor, most)
        try:
            yield
        finally:
            if not self.taken_away:  # then the attempt is over, and its turn with it
                await asyncio.shield(database.write(turns.leave, processor, self.claimed))

    async def _wait_for_turn(self, processor: str, most: int) -> None:
        while not self.taken_away and not await database.write(
            turns.take, processor, most, self.claimed
        ):
            self._give_up_slot()
            try:
                async with asyncio.timeout(TURN_SECONDS):
                    await self._taken_away.wait()
            except TimeoutError:
                pass
        self.waiting = False

    def _give_up_slot(self) -> None:
        self.waiting = True
        self._on_waiting()

    # -- messages ----------------------------------------------------------------------------------

    async def _take(self, message: Message) -> None:
        match message:
            case Planned():
                for name, version in message.steps:
                    self._record_of(name, version)
            case StepStarted():
                self._begin(message)
            case Progress():
                self._measure(message)
            case StepDone():
                await self._keep_artifacts(message)
                self._note_children(message)
                if message.step == "identify":
                    self.kind = message.result["kind"]
                self._end(message.step, Step.State.DONE, message.duration_ms, result=message.result)
            case StepFailed():
                failure = {"code": message.code, "message": message.message}
                self._record_of(message.step).detail = message.detail or None
                self._end(message.step, Step.State.FAILED, message.duration_ms, error=failure)
                self._fail({**failure, "step": message.step}, may_pass=self._passes(message))
                log.info("step failed", step=message.step, code=message.code, detail=message.detail)

    def _fail(self, error: dict[str, Any], *, may_pass: bool) -> None:
        """The first failure is the file's, unless the whole attempt is lost: then it did not get to
        its end, and is tried again whatever else has failed.
        """
        if error["code"] == LOST:
            self.error, self._may_pass = error, True
        elif self.error is None or self.error["code"] != LOST:
            self.error = self.error or error
            self._may_pass = self._may_pass and may_pass

    def _note_children(self, message: StepDone) -> None:
        self._inside.note(message.step, message.left_out)
        if message.children:
            place = partial(
                storage.artifact_path, self.claimed.file_id, self.claimed.attempt, message.step
            )
            moved = {saved.path: place(saved.name) for saved in message.artifacts}
            self._sent.append(replace(message, children=children.where(message.children, moved)))

    def _store_children(self) -> None:
        for message in self._sent:
            children.store(message.step, message.children, self._inside)

    def _passes(self, failure: StepFailed) -> bool:
        """Whether trying again may help: a crash, or an outside service that was not there."""
        processor = self.sandbox.processors.get(failure.step)
        outside = processor is not None and processor.network
        return failure.code == "crashed" or (outside and failure.code in OUTSIDE)

    def _record_of(self, name: str, version: int = 1) -> attempts.StepRecord:
        if name not in self.steps:
            step = attempts.StepRecord(name, version, len(self.steps), Step.State.WAITING)
            self.steps[name] = self._unwritten[name] = step
        return self.steps[name]

    def _begin(self, message: StepStarted) -> None:
        step = self._record_of(message.step, message.version)
        step.status, step.started_at = Step.State.RUNNING, timezone.now()
        self._unwritten[step.name] = step
        loop = asyncio.get_running_loop()
        self._current = _Current(step, loop.call_later(SHORT_SECONDS, self._runs_long))

    def _runs_long(self) -> None:
        if self._current is not None:
            self._current.long = True
            self._current.await_sign(self._look)
            self._write()

    def _look(self) -> None:
        """Long enough since the step's last sign of life, as it was known when this was called."""
        if self._current is not None and self._current.fall_silent(self._look):
            self._write()

    def _measure(self, message: Progress) -> None:
        current = self._current
        if current is None or current.step.name != message.step:
            return
        if current.give_sign(self._look):
            self._write()
        step = current.step
        if step.done is not None and message.done < step.done:
            return  # never backwards within an attempt
        step.done, step.total, step.unit = message.done, message.total, message.unit
        current.tell_in_time(self._tell)

    def _tell(self) -> None:
        """Let those who watch know how far the step is by now."""
        current = self._current
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

    def _eta(self, current: "_Current") -> float | None:
        step = current.step
        key = (step.name, self.kind or "", step.unit or "")
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
        step = self._record_of(name)
        current, self._current = self._current, None
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
                name, self.kind or "", step.unit, step.done or 0.0, time.monotonic() - current.began
            )
        if current.long:
            self._write()

    # -- writing -----------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write down what is not yet; the writing thread keeps the order."""
        steps = [replace(step) for step in self._unwritten.values()]  # as they are now
        self._unwritten = {}
        # not of a group: one that fails must not end the others; `run` waits for all
        task = asyncio.get_running_loop().create_task(self._record(steps, self._running_json()))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _record(
        self, steps: Sequence[attempts.StepRecord], running: dict[str, Any] | None
    ) -> None:
        try:
            await asyncio.shield(database.write(attempts.record, self.claimed, steps, running))
        except leases.LostLease:
            self.take_away()
        except Exception:
            log.exception("steps could not be written; the next write takes them along")
            for step in steps:
                self._unwritten.setdefault(step.name, self.steps[step.name])

    def _words(self) -> str:
        """What the search will find the file by: its name, and what was read out of it."""
        texts: list[str] = []
        for step in self.steps.values():
            texts += [str(step.result["head"])] if step.result and "head" in step.result else []
            texts += [
                storage.head_of_artifact(
                    self.claimed.file_id, self.claimed.attempt, step.name, name
                )
                for name, media_type, _ in step.artifacts
                if media_type.startswith("text/plain")
            ]
        return search.words(self.claimed.name, *texts, path=self.claimed.path)

    def _running_json(self) -> dict[str, Any] | None:
        if self._current is None:
            return None
        step, stalled = self._current.step, self._current.stalled_since
        return {
            "name": step.name,
            "done": step.done,
            "total": step.total,
            "unit": step.unit,
            "eta_s": self._eta(self._current) if stalled is None else None,
            "stalled_since": moment(stalled),
        }

    async def _keep_artifacts(self, message: StepDone) -> None:
        if not message.artifacts:
            return
        await asyncio.to_thread(
            storage.keep_artifacts,
            self.claimed.file_id,
            self.claimed.attempt,
            message.step,
            message.artifacts,
        )
        step = self._record_of(message.step)
        step.artifacts = tuple(
            (saved.name, saved.media_type, saved.size) for saved in message.artifacts
        )


class _Current:
    """The step that runs now, and whether it gives signs of life."""

    def __init__(self, step: attempts.StepRecord, timer: asyncio.TimerHandle) -> None:
        self.step = step
        self.began = self.heard_at = time.monotonic()
        self._told_at = 0.0
        self._telling: asyncio.TimerHandle | None = None
        self.long = False
        self.stalled_since: datetime | None = None
        self._timer = timer  # of whatever comes next: that it runs long, or that it is silent

    def tell_in_time(self, tell: Callable[[], None]) -> None:
        """Call `tell` now or, where it was called a moment ago, as soon as it may be again: what is
        newest then is told, even if nothing follows.
        """
        now = time.monotonic()
        if self._telling is not None:
            return
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            tell()
            return
        due = self._told_at + PROGRESS_SECONDS - now
        self._telling = asyncio.get_running_loop().call_later(due, self._tell_late, tell)

    def _tell_late(self, tell: Callable[[], None]) -> None:
        self._telling, self._told_at = None, time.monotonic()
        tell()

    def await_sign(self, look: Callable[[], None]) -> None:
        """Call `look` when there was none for too long."""
        self._timer.cancel()
        due = self.heard_at + settings.STALL_SECONDS - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due), look)

    def fall_silent(self, look: Callable[[], None]) -> bool:
        """Whether it is stalled now; else `look` is called again."""
        silence = time.monotonic() - self.heard_at
        if silence < settings.STALL_SECONDS:
            self.await_sign(look)
            return False
        self.stalled_since = timezone.now() - timedelta(seconds=silence)
        return True

    def give_sign(self, look: Callable[[], None]) -> bool:
        """It lives; whether it was shown as stalled, by this worker or, while that slept itself, by
        another.
        """
        silence = time.monotonic() - self.heard_at
        shown = self.stalled_since is not None or silence >= settings.STALL_SECONDS
        self.heard_at, self.stalled_since = time.monotonic(), None
        if shown:
            self.await_sign(look)
        return shown

    def end(self) -> None:
        """It runs no more."""
        self._timer.cancel()
        if self._telling is not None:
            self._telling.cancel()
