"""Everything that can die dies while people send files, and nothing is lost, doubled or missed.

`SOAK=1` makes it long: 500 files instead of a few dozen.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest

from tests.production.people import ENDED, Person, digest
from tests.production.samples import samples
from tests.production.stack import WORKING, Program, Stack, ready
from tests.support.services import eventually

LONG = bool(os.environ.get("SOAK"))
FILES = 250 if LONG else 40  # of each of two people
SECONDS = 600 if LONG else 120  # for all of it to end

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.redis,
    pytest.mark.nginx,
    pytest.mark.fault,
    pytest.mark.timeout(2 * SECONDS),
]

Harm = Callable[[], Awaitable[None]]


@pytest.fixture
async def people(stack: Stack) -> AsyncIterator[list[Person]]:
    """Two people who are watching already."""
    names = [f"p{os.urandom(4).hex()}" for _ in range(2)]
    both = [Person(stack.url, await asyncio.to_thread(stack.token, name)) for name in names]
    async with watching(both):
        yield both


@asynccontextmanager
async def watching(people: list[Person]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(person.watch()) for person in people]
    for person in people:
        async with asyncio.timeout(20):
            await person.changed.wait()
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def work_through(people: list[Person], harms: Sequence[Harm]) -> None:
    """Send everything; each harm comes when its share of the files is on its way."""
    total = len(people) * FILES
    async with asyncio.TaskGroup() as tasks:
        for number, person in enumerate(people):
            tasks.create_task(person.send(samples(FILES, seed=number)))
        for number, harm in enumerate(harms, 1):
            share = total * number // (len(harms) + 1)
            async with asyncio.timeout(SECONDS):
                await reached(people, share)
            await harm()
    for person in people:
        await person.until_ended(SECONDS)


async def reached(people: list[Person], share: int) -> None:
    """Return when so many files are on their way, all people's together."""
    while sum(len(person.sent) for person in people) < share:
        for person in people:
            person.sending.clear()
        waits = [asyncio.ensure_future(person.sending.wait()) for person in people]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


async def nothing_is_lost(stack: Stack, person: Person) -> None:
    """What this person holds, what the API says and what the database says are the same."""
    async with httpx.AsyncClient(base_url=stack.url, headers=person.headers, timeout=30) as client:
        for file_id, sample in person.sent.items():
            file = (await client.get(f"/api/files/{file_id}/")).json()
            assert file["status"] == sample.status, (sample.name, file["error"], file["attempt"])
            assert file["sha256"] == digest(sample.content)
            assert {step["attempt"] for step in file["steps"]} == {file["attempt"]}
            assert person.files[file_id]["status"] == file["status"]
        content = await client.get(f"/api/files/{file_id}/content/")
        assert content.content == sample.content
        counts = (await client.get("/api/counts/")).json()
    assert counts == person.counts
    assert person.reasons == ["first"], "a client that was away for a moment needs no new snapshot"
    first = person.seqs[0]
    assert person.seqs == list(range(first, first + len(person.seqs))), "an event is missing"


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


async def test_whatever_is_killed_every_file_ends_once_and_every_event_arrives(
    stack: Stack, people: list[Person]
) -> None:
    async def postgres() -> None:
        await asyncio.to_thread(stack.postgres.kill9)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stack.postgres.start)

    async def redis() -> None:
        await asyncio.to_thread(stack.redis.kill9)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(stack.redis.start)

    worker, web = stack.workers[0], stack.web[0]
    harms: list[Harm] = [
        partial(killed, worker, partial(worker.says, WORKING)),
        partial(killed, web, partial(serves, web)),
        redis,
        postgres,
    ]
    await work_through(people, harms)
    for person in people:
        await nothing_is_lost(stack, person)
    nothing_is_doubled(stack, people)
    assert sum(person.repeats for person in people) > 0, "nobody noticed anything"


async def test_a_rolling_restart_under_load_fails_no_upload_and_aborts_no_job(
    stack: Stack, people: list[Person]
) -> None:
    async def renewed(program: Program, back: Callable[[], None]) -> None:
        assert await asyncio.to_thread(program.stop) == 0
        await asyncio.to_thread(program.start)
        await asyncio.to_thread(back)

    harms = [
        *(partial(renewed, web, partial(serves, web)) for web in stack.web),
        *(partial(renewed, each, partial(each.says, WORKING)) for each in stack.workers),
    ]
    await work_through(people, harms)
    for person in people:
        await nothing_is_lost(stack, person)
    nothing_is_doubled(stack, people)
    ids = [file_id for person in people for file_id in person.sent]
    tries = stack.rows("SELECT max(tries) FROM uploads_job WHERE file_id = ANY(%s)", ids)
    assert tries == [(1,)], "a job that was given back counts as not tried"


def serves(web: Program) -> None:
    eventually(partial(ready, web), f"{web.name} serves again", 60)
