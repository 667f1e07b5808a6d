"""A worker machine's engine ends at whatever moment of its start it is told to.

What it waits for, and what its pool runs in the background, is deaf to a cancellation now and then.
"""

import asyncio

import pytest
from django.db import connection

from tests.support.patience import within
from uploads.processing.engines import procrastinate_worker
from uploads.processing.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)


async def begin_and_end(after: float) -> None:
    working = asyncio.create_task(procrastinate_worker.work(Runner("w", 1), ["jobs"]))
    await asyncio.sleep(after)
    await procrastinate_worker.end(working)


def test_it_ends_at_whatever_moment_it_is_told_to() -> None:
    with connection.cursor() as cursor:  # a nudge of another test's would be waited for
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    for milliseconds in range(0, 60, 3):
        with within(5), asyncio.Runner() as loop:
            loop.run(begin_and_end(milliseconds / 1000))
