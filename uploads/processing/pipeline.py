"""Takes one claimed job through the sandbox, and its end to the database."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from project import database
from uploads import metrics, storage
from uploads.processing import children, turns
from uploads.processing.children import Inside
from uploads.processing.jobs import attempts, leases
from uploads.processing.jobs.attempts import StepRecord
from uploads.processing.jobs.leases import Claimed, LostLease
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
from uploads.processing.steps import Steps
from uploads.publishing import search

log = structlog.get_logger(__name__)

TURN_SECONDS = 0.5  # between two looks whether it is this job's turn
AWAY_SECONDS = 300  # that finished work waits for a database that is away
LOST = "worker_lost"  # the sandbox broke down, and the attempt with it
OUTSIDE = {"processor_error", "time_cap"}  # what a service that is away looks like


class Pipeline:
    """One job under way."""

    def __init__(
        self, claimed: Claimed, sandbox: Sandbox, on_waiting: Callable[[], object] = bool
    ) -> None:
        """`on_waiting` is called when it waits, for its turn or for its end to be written down, and
        needs no slot meanwhile.
        """
        self.claimed = claimed
        self.sandbox = sandbox
        self.waiting = False
        self.error: dict[str, Any] | None = None
        self.steps = Steps(claimed, self.take_away)
        self._on_waiting = on_waiting
        self._taken_away = asyncio.Event()
        self._may_pass = True  # whatever failed
        self._run: Run | None = None
        self._sent: list[StepDone] = []  # those that send files on, each where it is now
        self._inside = Inside()

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
        self.steps.skip_rest()
        steps = await self.steps.written()
        if self.taken_away:
            raise LostLease
        words = await asyncio.to_thread(self._words)
        metrics.job_ended(await self._ended(steps, words))

    async def _ended(self, steps: Sequence[StepRecord], words: str) -> str:
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

    def _end_job(self, steps: Sequence[StepRecord], words: str) -> str:
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
                    self.steps.of(name, version)
            case StepStarted():
                self.steps.begin(message)
            case Progress():
                self.steps.measure(message)
            case StepDone():
                await self._keep_artifacts(message)
                self._note_children(message)
                self.steps.done(message)
            case StepFailed():
                self.steps.fail(message)
                failure = {"code": message.code, "message": message.message, "step": message.step}
                self._fail(failure, may_pass=self._passes(message))
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

    def _words(self) -> str:
        """What the search will find the file by: its name, and what was read out of it."""
        texts: list[str] = []
        for step in self.steps.known.values():
            texts += [str(step.result["head"])] if step.result and "head" in step.result else []
            texts += [
                storage.head_of_artifact(
                    self.claimed.file_id, self.claimed.attempt, step.name, name
                )
                for name, media_type, _ in step.artifacts
                if media_type.startswith("text/plain")
            ]
        return search.words(self.claimed.name, *texts, path=self.claimed.path)

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
        step = self.steps.of(message.step)
        step.artifacts = tuple(
            (saved.name, saved.media_type, saved.size) for saved in message.artifacts
        )
