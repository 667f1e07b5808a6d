"""Runs jobs: claims as many as there are slots, takes each through the sandbox, renews the leases.

A slot is taken before a job is claimed. Stopping is not cancelling: jobs that run when the worker
stops are given back. Leases are renewed from a thread of its own, so that a blocked loop does not
look dead.
"""

import asyncio
import threading
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from project import database, health
from uploads import metrics
from uploads.processing import known
from uploads.processing.jobs import attempts, leases
from uploads.processing.pipeline import Pipeline
from uploads.processing.sandbox import Limit, Sandbox
from uploads.publishing import doorbell

log = structlog.get_logger(__name__)

POLL_SECONDS = 2  # a lost wake-up costs no more than this
WAITING = 4  # jobs for each slot at the most, most of them waiting for their turn
RECOVER_SECONDS = 1  # pause after the database could not be asked


class Runner:
    """One worker: `slots` jobs at once."""

    def __init__(self, worker: str, slots: int, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.worker = worker
        self.slots = slots
        self.poll_seconds = poll_seconds
        self.sandbox = Sandbox(
            root=settings.DATA_DIR / "work",
            processors_dir=settings.PROCESSORS_DIR,
            limits={name: Limit(*caps) for name, caps in settings.PROCESSOR_LIMITS.items()},
        )
        self.running: dict[uuid.UUID, Pipeline] = {}
        self.alive = False
        self.on_start: Callable[[], None] = lambda: None
        self._due = asyncio.Event()
        self._looked = asyncio.Event()  # since the last nudge, with a slot to spare
        self._idle = asyncio.Event()
        self._idle.set()
        self._resting = False

    async def run(self) -> None:
        """Work until cancelled; then give back what runs."""
        await self.sandbox.start()
        await self._tell_processors()
        unsubscribe = [
            doorbell.subscribe("wake", self._wake),
            doorbell.subscribe("stop", self._stop),
        ]
        unsubscribe.append(health.tell("sandbox", self._layers))
        metrics.sandbox_started(self.sandbox.layers)
        leases = _Leases(self)
        try:
            self.alive = True
            self.on_start()
            async with asyncio.TaskGroup() as tasks:
                await self._claim_for_ever(tasks)
        finally:
            self.alive = False
            for undo in unsubscribe:
                undo()
            leases.end()
            await self.sandbox.stop()

    async def nudged(self) -> None:
        """There may be a job to claim. Returns once this worker has a slot to spare and finds
        nothing more to fill it with; until then, nudges are better brought to others.
        """
        self._looked.clear()
        self._due.set()
        if not self._resting:
            await self._looked.wait()

    async def rest(self, seconds: float) -> None:
        """Claim no more; return when what runs has ended, or when the time is up."""
        self._resting = True
        self._due.set()
        self._looked.set()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            log.info("time is up", jobs=len(self.running))

    def _wake(self, _ring: dict[str, Any]) -> None:
        self._due.set()

    async def _claim_for_ever(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            self._due.clear()
            free = self._free()
            claimed = await self._claim(free) if free > 0 else []
            for job in claimed:
                self._idle.clear()
                self.running[job.file_id] = pipeline = Pipeline(job, self.sandbox, self._due.set)
                tasks.create_task(self._work(pipeline), name=f"job {job.file_id}")
            if len(claimed) >= free:
                await self._due.wait()  # a slot that gets free says so
                continue
            self._looked.set()
            try:
                async with asyncio.timeout(self.poll_seconds):
                    await self._due.wait()
            except TimeoutError:
                pass

    def _free(self) -> int:
        """Slots for further jobs. A job that waits for its turn needs none, within reason."""
        if self._resting or len(self.running) >= WAITING * self.slots:
            return 0
        return self.slots - sum(not pipeline.waiting for pipeline in self.running.values())

    async def _claim(self, free: int) -> list[leases.Claimed]:
        loop = asyncio.get_running_loop()
        claiming = loop.create_task(database.write(leases.claim, self.worker, free), name="claim")
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            for job in await claiming:  # committed while this worker was told to stop
                await self._give_back(job)
            raise
        except Exception:
            log.exception("could not claim")
            await asyncio.sleep(RECOVER_SECONDS)
            return []

    async def _work(self, pipeline: Pipeline) -> None:
        job = pipeline.claimed
        metrics.job_claimed(job.waited_seconds)
        with structlog.contextvars.bound_contextvars(file=str(job.file_id), attempt=job.attempt):
            try:
                await pipeline.run()
            except asyncio.CancelledError:
                await asyncio.shield(self._give_back(job))
                raise
            except leases.LostLease:
                log.info("job taken away")
                await pipeline.discard()
            except (OperationalError, InterfaceError):
                log.exception("database away; the job's lease will run out")
            except Exception:
                log.exception("job broke")
                await self._fail(job)
            finally:
                self._ended(job)

    def _ended(self, job: leases.Claimed) -> None:
        del self.running[job.file_id]
        if not self.running:
            self._idle.set()
        self._due.set()

    async def _fail(self, job: leases.Claimed) -> None:
        """Something of ours went wrong: the file fails and says so, and can be retried."""
        error = {"code": "internal", "message": "Something went wrong here.", "step": None}
        try:
            await database.write(attempts.finish, job, [], error)
        except Exception:
            log.exception("job could not be ended; its lease will run out")

    async def _give_back(self, job: leases.Claimed) -> None:
        try:
            await database.write(attempts.give_back, job)
        except leases.LostLease:
            log.info("job taken away while stopping")
        except Exception:
            log.exception("job could not be given back; its lease will run out")

    async def _tell_processors(self) -> None:
        """Write down which there are, for the pages; a worker works without that, too."""
        own = [entry.name for entry in self.sandbox.processors.values() if not entry.builtin]
        problems = dict(self.sandbox.problems)
        if own and not (self.sandbox.complete or settings.OWN_PROCESSORS_ANYWAY):
            missing = ", ".join(name for name, there in self.sandbox.layers.items() if not there)
            problems["OWN_PROCESSORS_ANYWAY"] = (
                f"The sandbox lacks {missing} here, so own processors are not run."
            )
        try:
            await database.write(known.remember, self.sandbox.processors, problems)
        except Exception:
            log.exception("could not write down which processors there are")

    def _layers(self) -> dict[str, bool]:
        return dict(self.sandbox.layers)

    def _stop(self, ring: dict[str, Any]) -> None:
        pipeline = self.running.get(uuid.UUID(ring["file"]))
        if pipeline is not None:
            pipeline.take_away()


class _Leases:
    """The thread that renews the leases of what runs, and takes away what is no longer ours."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.loop = asyncio.get_running_loop()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._end.set()

    def _run(self) -> None:
        while not self._end.wait(settings.LEASE_SECONDS / 3):
            held = [
                (file_id, pipeline.claimed.attempt)
                for file_id, pipeline in list(self.runner.running.items())
            ]
            if not held:
                continue
            try:
                with transaction.atomic():
                    lost = leases.renew(self.runner.worker, held)
            except Exception:
                log.exception("could not renew leases")
                connection.close()
                continue
            for file_id in lost:
                self.loop.call_soon_threadsafe(self.runner._stop, {"file": str(file_id)})
        connection.close()
