"""What a worker writes down of the steps of its job."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from django.utils import timezone
from pydantic import TypeAdapter
from pytest_django import Settings

from project import database
from tests.consumers.peers import arrive, person
from uploads.models import Event, Job, Step, UploadedFile
from uploads.processing.jobs import attempts, leases, lost
from uploads.processing.pipeline import Pipeline
from uploads.processing.sandbox import Progress, StepDone, StepStarted
from uploads.publishing import doorbell
from uploads.publishing.events import Event as Told

EVENT: TypeAdapter[Any] = TypeAdapter(Told)
SANDBOX: Any = None  # messages are handed to the pipeline as a sandbox would


@pytest.fixture
async def claimed(transactional_db: None) -> AsyncIterator[leases.Claimed]:
    """A file whose job a worker has begun."""
    who = await sync_to_async(person)(f"worker-{uuid.uuid4().hex[:8]}")
    await database.write(arrive, who.space)
    [one] = await database.write(leases.claim, "worker", 1)
    yield one
    await asyncio.to_thread(database.close)


async def stored(claimed: leases.Claimed) -> UploadedFile:
    return await database.read(UploadedFile.objects.get, pk=claimed.file_id)


@asynccontextmanager
async def progress() -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
    """What is told of progress meanwhile."""
    told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    unsubscribe = doorbell.subscribe("progress", told.put_nowait)
    async with doorbell.service():
        yield told
    unsubscribe()


async def settled(one: Pipeline) -> None:
    """What the pipeline writes is written."""
    async with asyncio.timeout(60):
        await one.steps.written()


async def test_a_step_whose_write_failed_is_written_with_the_next(
    claimed: leases.Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("away")

    one = Pipeline(claimed, SANDBOX)
    with monkeypatch.context() as trouble:
        trouble.setattr(attempts, "record", away)
        await one._take(StepStarted("text", 1))
        one.steps.runs_long()
        await one._take(StepDone("text", {"words": 3}, (), 200))
        await settled(one)
    await one._ended(await one.steps.written(), "a txt")
    step = await database.read(Step.objects.get, file=claimed.file_id, name="text")
    assert (step.status, step.result) == ("done", {"words": 3})
    assert (await stored(claimed)).status == "processed"


async def test_a_running_step_without_a_sign_of_life_is_shown_as_stalled_until_it_goes_on(
    claimed: leases.Claimed, settings: Settings
) -> None:
    settings.STALL_SECONDS = 0.3
    one = Pipeline(claimed, SANDBOX)
    began = timezone.now()
    await one._take(StepStarted("pdf", 1))
    await one._take(Progress("pdf", 3, 12, "pages"))
    heard = timezone.now()
    assert await silences(claimed, 1) == [None]  # it is told of because it runs long
    shown = (await silences(claimed, 2))[-1]
    assert shown is not None
    little = timedelta(seconds=0.1)  # between two looks at two clocks
    assert began - little <= datetime.fromisoformat(shown) <= heard + little
    await one._take(Progress("pdf", 4, 12, "pages"))
    assert (await silences(claimed, 3))[-1] is None
    assert (await silences(claimed, 4))[-1] is not None  # and silent once more
    await one._take(StepDone("pdf", {}, (), 900))
    await one._ended(await one.steps.written(), "a txt")
    assert (await stored(claimed)).step is None
    for payload in await database.read(payloads, claimed):
        EVENT.validate_json(payload, strict=True)


async def test_a_step_that_gives_signs_of_life_is_not_shown_as_stalled(
    claimed: leases.Claimed, settings: Settings
) -> None:
    settings.STALL_SECONDS = 1.5
    one = Pipeline(claimed, SANDBOX)
    await one._take(StepStarted("pdf", 1))
    for page in range(10):
        await asyncio.sleep(0.2)
        await one._take(Progress("pdf", page, 12, "pages"))
    await settled(one)
    assert await silences(claimed, 1) == [None]
    one.steps.current.end()  # type: ignore[union-attr]


async def test_the_step_of_a_worker_that_is_silent_is_shown_as_stalled_until_its_lease_runs_out(
    claimed: leases.Claimed, settings: Settings
) -> None:
    settings.LEASE_SECONDS, settings.STALL_SECONDS = 300, 30
    running = {"name": "pdf", "done": 3, "total": 12, "unit": "pages", "eta_s": 2.0}
    await database.write(attempts.record, claimed, [], running)
    await database.write(lease, claimed, timedelta(seconds=190))
    assert await database.write(lost.note_silence) == 0  # its next renewal is hardly due
    await database.write(lease, claimed, timedelta(seconds=140))
    assert await database.write(lost.note_silence) == 1
    assert await database.write(lost.note_silence) == 0  # said once
    step: Any = (await stored(claimed)).step
    assert (step["name"], step["done"], step["eta_s"]) == ("pdf", 3, None)
    since = timezone.now() - datetime.fromisoformat(step["stalled_since"])
    assert timedelta(seconds=159) < since < timedelta(seconds=220)
    assert await database.write(lost.sweep) == 0
    await database.write(lease, claimed, timedelta(seconds=-1))
    assert await database.write(lost.note_silence) == 0
    assert await database.write(lost.sweep) == 1
    file = await stored(claimed)
    assert (file.status, file.step) == ("queued", None)


async def test_what_a_worker_was_shown_as_while_it_slept_is_taken_back_when_it_wakes(
    claimed: leases.Claimed, settings: Settings
) -> None:
    settings.LEASE_SECONDS = 300
    one = Pipeline(claimed, SANDBOX)
    await one._take(StepStarted("pdf", 1))
    assert await silences(claimed, 1) == [None]
    one.steps.current.heard_at -= 60  # type: ignore[union-attr]
    await database.write(lease, claimed, timedelta(seconds=140))
    assert await database.write(lost.note_silence) == 1
    await one._take(Progress("pdf", 1, 12, "pages"))
    assert [bool(one) for one in await silences(claimed, 3)] == [False, True, False]
    one.steps.current.end()  # type: ignore[union-attr]


def lease(claimed: leases.Claimed, left: timedelta) -> None:
    Job.objects.filter(pk=claimed.file_id).update(lease_until=timezone.now() + left)


def payloads(claimed: leases.Claimed) -> list[str]:
    found = Event.objects.filter(file=claimed.file_id).order_by("seq")
    return list(found.values_list("payload", flat=True))


async def silences(claimed: leases.Claimed, number: int) -> list[str | None]:
    """What the events said of the running step's silence, once there are so many."""
    async with asyncio.timeout(60):
        while True:
            steps = [
                json.loads(one)["file"]["step"] for one in await database.read(payloads, claimed)
            ]
            found = [step.get("stalled_since") for step in steps if step]
            if len(found) >= number:
                return found[:number]
            await asyncio.sleep(0.02)


async def test_the_time_left_of_a_step_is_told_from_what_it_and_runs_before_it_measured(
    claimed: leases.Claimed,
) -> None:
    async with progress() as told:
        first = Pipeline(claimed, SANDBOX)
        began = time.monotonic()
        await first._take(StepStarted("timed", 1))
        await asyncio.sleep(0.2)
        await first._take(Progress("timed", 20, 40, "pages"))
        await first._take(StepDone("timed", {}, (), 200))
        took = time.monotonic() - began
        second = Pipeline(claimed, SANDBOX)
        await second._take(StepStarted("timed", 1))
        await second._take(Progress("timed", 0, 40, "pages"))
        second.steps.current.end()  # type: ignore[union-attr]
        async with asyncio.timeout(60):
            own, before = [(await told.get())["measure"]["eta_s"] for _ in range(2)]
    assert 0.15 <= own <= took + 0.1  # 20 pages in 0.2 s, and as many to go
    assert 0.3 <= before <= 2 * took + 0.1  # nothing done yet: 40 pages at that pace


async def test_of_measures_in_quick_succession_the_last_one_is_told_even_if_nothing_follows(
    claimed: leases.Claimed,
) -> None:
    async with progress() as told:
        one = Pipeline(claimed, SANDBOX)
        await one._take(StepStarted("pdf", 1))
        for page in range(1, 8):
            await one._take(Progress("pdf", page, 12, "pages"))
        shown = []
        async with asyncio.timeout(60):
            while 7 not in shown:
                shown.append((await told.get())["measure"]["done"])
        one.steps.current.end()  # type: ignore[union-attr]
    assert shown == sorted(shown)
    assert shown[0] == 1
