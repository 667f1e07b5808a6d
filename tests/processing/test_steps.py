"""What a worker writes down of the steps of its job."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from project import database
from tests.consumers.peers import arrive, person
from uploads.models import Step, UploadedFile
from uploads.processing import jobs
from uploads.processing.pipeline import Pipeline
from uploads.processing.sandbox import StepDone, StepStarted

SANDBOX: Any = None  # messages are handed to the pipeline as a sandbox would


@pytest.fixture
async def claimed(transactional_db: None) -> AsyncIterator[jobs.Claimed]:
    """A file whose job a worker has begun."""
    who = await sync_to_async(person)(f"worker-{uuid.uuid4().hex[:8]}")
    await database.write(arrive, who.space)
    [one] = await database.write(jobs.claim, "worker", 1)
    yield one
    await asyncio.to_thread(database.close)


async def stored(claimed: jobs.Claimed) -> UploadedFile:
    return await database.read(UploadedFile.objects.get, pk=claimed.file_id)


async def settled(one: Pipeline) -> None:
    """What the pipeline writes is written."""
    async with asyncio.timeout(5):
        await asyncio.gather(*one._writes)


async def test_a_step_whose_write_failed_is_written_with_the_next(
    claimed: jobs.Claimed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError("away")

    one = Pipeline(claimed, SANDBOX)
    with monkeypatch.context() as trouble:
        trouble.setattr(jobs, "record", away)
        await one._take(StepStarted("text", 1))
        one._runs_long()
        await one._take(StepDone("text", {"words": 3}, (), 200))
        await settled(one)
    await one._ended(list(one._unwritten.values()), "a txt")
    step = await database.read(Step.objects.get, file=claimed.file_id, name="text")
    assert (step.status, step.result) == ("done", {"words": 3})
    assert (await stored(claimed)).status == "processed"
