"""Several people pause the queue at once, through several processes."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from project import database
from project.writer import Write, Writer
from uploads.models import Pause, Space
from uploads.processing import queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("everything", [True, False], ids=["everything", "one space"])
async def test_of_those_who_pause_at_once_one_is_the_last_and_nobody_fails(
    spaces: list[Space], writers: Callable[[], Writer], everything: bool
) -> None:
    loop = asyncio.get_running_loop()
    space_id = None if everything else spaces[0].pk
    several = [writers() for _ in range(4)]
    for turn in range(10):
        writes = []
        for number, writer in enumerate(several):
            pause = partial(queue.pause, space_id, reason=f"turn {turn} of {number}")
            writes.append(Write(pause, loop))
            writer.put(writes[-1])
        made = await asyncio.gather(*(write.future for write in writes))
        (stands,) = await database.read(lambda: list(Pause.objects.all()))
        assert {pause.pk for pause in made} == {stands.pk}
        assert stands.reason in {pause.reason for pause in made}
        gone = Write(partial(queue.resume, space_id), loop)
        several[0].put(gone)
        assert await gone.future is True
        assert await database.read(Pause.objects.count) == 0
