"""Everything that can die dies while people send files, and nothing is lost, doubled or missed.

With 40 files in every run of the tests, with 500 in a soak.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

import pytest

from tests.production.people import ENDED, Person, nothing_is_lost, watching
from tests.production.samples import samples
from tests.production.stack import WORKING, Program, Stack, ready
from tests.support.services import eventually

SECONDS = 240  # for a harm's turn to come, and for all to end after the last
SOAK_SECONDS = 600

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.nginx,
    pytest.mark.fault,
]
# files of each of two people, and how long each stretch of the way may take
sizes = pytest.mark.parametrize(
    ("files", "seconds"),
    [
        pytest.param(20, SECONDS, marks=pytest.mark.timeout(2 * SECONDS), id="40 files"),
        pytest.param(
            250,
            SOAK_SECONDS,
            marks=[pytest.mark.soak, pytest.mark.timeout(2 * SOAK_SECONDS)],
            id="500 files",
        ),
    ],
)

Harm = Callable[[], Awaitable[None]]


@pytest.fixture
async def people(stack: Stack) -> AsyncIterator[list[Person]]:
    """Two people who are watching already."""
    names = [f"p{os.urandom(4).hex()}" for _ in range(2)]
    both = [Person(stack.url, await asyncio.to_thread(stack.token, name)) for name in names]
    async with watching(both):
        yield both


async def work_through(
    people: list[Person], harms: Sequence[Harm], *, files: int, seconds: float
) -> None:
    """Send everything; each harm comes when its share of the files is on its way."""
    began, total = time.monotonic(), len(people) * files
    async with asyncio.TaskGroup() as tasks:
        for number, person in enumerate(people):
            tasks.create_task(person.send(samples(files, seed=number)))
        for number, harm in enumerate(harms, 1):
            share = total * number // (len(harms) + 1)
            async with asyncio.timeout(seconds):
                await reached(people, share)
            await harm()
    for person in people:
        await person.until_ended(seconds)
    took = time.monotonic() - began
    print(f"{total} files, {len(harms)} harms: all ended within {took:.1f} s")


async def reached(people: list[Person], share: int) -> None:
    """Return when so many files are on their way, all people's together."""
    while sum(len(person.sent) for person in people) < share:
        for person in people:
            person.sending.clear()
        waits = [asyncio.ensure_future(person.sending.wait()) for person in people]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


def nothing_is_doubled(stack: Stack, people: list[Person]) -> None:
    """Each file ended once; no stream has a hole; no nudge was aborted."""
    sent = [file_id for person in people for file_id in person.sent]
    endings = stack.rows(
        "SELECT file, count(*) FROM uploads_event"
        " WHERE file = ANY(%s) AND payload::jsonb #>> '{file,status}' = ANY(%s) GROUP BY file",
        sent,
        list(ENDED),
    )
    assert len(endings) == len(sent)
    assert {count for _, count in endings} == {1}
    holes = stack.rows(
        "SELECT space.id FROM uploads_space space JOIN uploads_event event"
        " ON event.space_id = space.id GROUP BY space.id"
        " HAVING count(*) <> space.seq OR min(event.seq) <> 1 OR max(event.seq) <> space.seq"
    )
    assert holes == []
    assert (
        stack.rows("SELECT * FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')") == []
    )


async def killed(program: Program, back: Callable[[], None]) -> None:
    await asyncio.to_thread(program.kill9)
    await asyncio.sleep(0.3)
    await asyncio.to_thread(program.start)
    await asyncio.to_thread(back)


@sizes
async def test_whatever_is_killed_every_file_ends_once_and_every_event_arrives(
    stack: Stack, people: list[Person], files: int, seconds: float
) -> None:
    async def postgres() -> None:
        await asyncio.to_thread(stack.postgres.kill9)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stack.postgres.start)

    async def redis() -> None:
        await asyncio.to_thread(stack.redis.kill9)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stack.redis.start)

    worker = stack.workers[0]
    harms: list[Harm] = [
        partial(killed, worker, partial(worker.says, WORKING)),
        # each of them: everybody may be connected to one
        *(partial(killed, web, partial(serves, web)) for web in stack.web),
        redis,
        postgres,
    ]
    await work_through(people, harms, files=files, seconds=seconds)
    for person in people:
        await nothing_is_lost(person)
    nothing_is_doubled(stack, people)
    noticed = sum(person.repeats + person.joins - 1 for person in people)
    assert noticed > 0, "nobody noticed anything"


@sizes
async def test_a_rolling_restart_under_load_fails_no_upload_and_aborts_no_job(
    stack: Stack, people: list[Person], files: int, seconds: float
) -> None:
    async def renewed(program: Program, back: Callable[[], None]) -> None:
        assert await asyncio.to_thread(program.stop) == 0
        await asyncio.to_thread(program.start)
        await asyncio.to_thread(back)

    harms = [
        *(partial(renewed, web, partial(serves, web)) for web in stack.web),
        *(partial(renewed, each, partial(each.says, WORKING)) for each in stack.workers),
    ]
    await work_through(people, harms, files=files, seconds=seconds)
    for person in people:
        await nothing_is_lost(person)
    nothing_is_doubled(stack, people)
    ids = [file_id for person in people for file_id in person.sent]
    tries = stack.rows("SELECT max(tries) FROM uploads_job WHERE file_id = ANY(%s)", ids)
    assert tries == [(1,)], "a job that was given back counts as not tried"


def serves(web: Program) -> None:
    eventually(partial(ready, web), f"{web.name} serves again")
