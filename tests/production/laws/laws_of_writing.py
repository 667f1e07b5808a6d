"""Writing to Postgres from several processes, through crashes of it and cut connections."""

import asyncio
import json
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import connection, connections, transaction

from project import commits, database, writer
from project.writer import Write, Writer
from tests.production.laws.conftest import Arrive
from tests.production.laws.cut import Cut
from tests.support.services import Postgres
from uploads.errors import NotFound, WrongState
from uploads.models import Event, Job, Space, UploadedFile
from uploads.processing import queue
from uploads.processing.jobs import arrivals, attempts, leases, lost, wishes
from uploads.publishing import log as stream
from uploads.statements import insert

pytestmark = pytest.mark.django_db(transaction=True)


def deadlocks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        count: int = cursor.fetchone()[0]
    return count


def arrival(space: Space, **more: object) -> arrivals.Arrival:
    return arrivals.Arrival(space.pk, None, "a.txt", size=3, **more)  # type: ignore[arg-type]


def receive(coming: arrivals.Arrival) -> uuid.UUID:
    return arrivals.receive(coming, sha256="00").pk


async def all_of(writer: Writer, functions: Sequence[Callable[[], object]]) -> list[Any]:
    loop = asyncio.get_running_loop()
    writes = [Write(function, loop) for function in functions]
    for write in writes:
        writer.put(write)
    return await asyncio.gather(*(write.future for write in writes), return_exceptions=True)


def whole(space: Space) -> bool:
    """Whether the numbers of the stream have no hole, and the counts are those of the rows."""
    space.refresh_from_db()
    events = Event.objects.filter(space=space).order_by("seq")
    statuses = Counter(UploadedFile.objects.filter(space=space).values_list("status", flat=True))
    counts = {status: count for status, count in space.counts.items() if count}
    numbers = list(events.values_list("seq", flat=True))
    return bool(numbers == list(range(1, space.seq + 1)) and counts == dict(statuses))


async def test_processes_that_write_to_the_same_spaces_in_any_order_never_deadlock(
    spaces: list[Space], writers: Callable[[], Writer]
) -> None:
    before = await database.read(deadlocks)

    def many(order: list[Space]) -> list[Callable[[], object]]:
        return [partial(receive, arrival(space)) for space in order * 60]

    done = await asyncio.gather(
        all_of(writers(), many(spaces)),
        all_of(writers(), many(spaces[::-1])),
        all_of(writers(), many([spaces[1], spaces[2], spaces[0]])),
    )
    assert all(isinstance(one, uuid.UUID) for some in done for one in some), done
    assert await database.read(deadlocks) == before
    for space in spaces:
        assert await database.read(whole, space)
        assert space.counts["queued"] == 180


async def test_uploading_a_batch_while_it_is_processed_and_cancelled_never_deadlocks(
    spaces: list[Space], writers: Callable[[], Writer]
) -> None:
    before = await database.read(deadlocks)
    ids = [uuid.uuid4() for _ in range(120)]
    coming = [
        arrival(spaces[number % 2], id=file_id, batch="drop", batch_total=60)
        for number, file_id in enumerate(ids)
    ]

    def work() -> int:
        claimed = leases.claim("w", 3)
        for job in claimed:
            attempts.finish(job, [], None)
        return len(claimed)

    def cancel(file_id: uuid.UUID) -> None:
        try:
            with transaction.atomic():
                wishes.cancel(file_id)
        except WrongState:
            wishes.delete(file_id)

    def correct(space: Space, total: int) -> None:
        with suppress(NotFound):  # nothing of it has come yet
            stream.announce(space.pk, "drop", total)

    await asyncio.gather(
        all_of(writers(), [partial(receive, one) for one in coming]),
        all_of(writers(), [partial(correct, spaces[one % 2], 30 + one) for one in range(60)]),
        all_of(writers(), [work] * 60),
        all_of(writers(), [work] * 60),
        all_of(writers(), [partial(cancel, one) for one in ids[::3]]),
        all_of(writers(), [lost.sweep] * 20),
    )
    assert await database.read(deadlocks) == before
    for space in spaces[:2]:
        assert await database.read(whole, space)


def test_many_workers_at_once_get_each_job_once(spaces: list[Space], arrive: Arrive) -> None:
    files = {arrive(space).pk for space in spaces for _ in range(25)}
    claimed: list[uuid.UUID] = []
    start = threading.Barrier(8)

    def worker(name: str) -> None:
        start.wait()
        while True:
            with transaction.atomic():
                got = leases.claim(name, 2)
            if not got:
                break
            claimed.extend(job.file_id for job in got)
        connections.close_all()

    threads = [threading.Thread(target=worker, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(claimed) == Counter(files)


def test_a_worker_passes_by_what_another_is_just_taking(
    spaces: list[Space], arrive: Arrive
) -> None:
    first, second = arrive(spaces[0], "1"), arrive(spaces[0], "2")
    taken: list[uuid.UUID] = []

    def other() -> None:
        with transaction.atomic():
            taken.extend(queue.take(1, second.created_at))
        connections.close_all()

    with transaction.atomic():
        assert queue.take(1, second.created_at) == [first.pk]
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert taken == [second.pk]


@pytest.fixture
def cut(postgres: Postgres) -> Iterator[Cut]:
    """Connections that are made from now on go through a door that can be shut."""
    door = Cut(postgres.folder)
    place = connections.settings["default"]
    before, place["HOST"] = place["HOST"], door.folder
    yield door
    place["HOST"] = before
    door.close()


@pytest.mark.parametrize("where", ["request", "answer"])
@pytest.mark.parametrize("together", [1, 20])
async def test_a_commit_whose_answer_is_lost_is_done_exactly_once(
    spaces: list[Space], writers: Callable[[], Writer], cut: Cut, where: str, together: int
) -> None:
    writer, rung = writers(), []
    await all_of(writer, [lambda: receive(arrival(spaces[0]))])
    coming = [arrival(spaces[0]) for _ in range(together)]

    def one(what: arrivals.Arrival) -> uuid.UUID:
        transaction.on_commit(lambda: rung.append(what.id))
        return receive(what)

    cut.where = where
    done = await all_of(writer, [partial(one, what) for what in coming])
    assert done == [what.id for what in coming]
    assert cut.cuts == 1
    assert sorted(rung) == sorted(what.id for what in coming)
    assert await database.read(whole, spaces[0])
    assert spaces[0].counts["queued"] == together + 1


async def test_writes_and_reads_under_way_when_postgres_is_killed_are_done_once_it_is_back(
    spaces: list[Space], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (database, writer, commits):  # how long it takes to recover is not ours
        monkeypatch.setattr(module, "AWAY_SECONDS", 100)
    coming = [arrival(space) for space in spaces for _ in range(100)]

    def look() -> int:
        return UploadedFile.objects.count()

    async def look_often() -> int:
        for _ in range(50):
            seen = await database.read(look)
        return seen

    async with asyncio.timeout(200), asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(database.write(receive, one)) for one in coming]
        reads = [tasks.create_task(look_often()) for _ in range(3)]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(postgres.restart)
    assert [write.result() for write in writes] == [one.id for one in coming]
    assert all(read.result() <= len(coming) for read in reads)
    for space in spaces:
        assert await database.read(whole, space)
        assert space.counts["queued"] == 100


async def test_an_error_of_ones_own_is_told_at_once_and_undoes_nothing_else(
    spaces: list[Space], writers: Callable[[], Writer]
) -> None:
    def wrong() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    def orphan() -> None:
        insert([Job(file_id=uuid.uuid4(), space_id=spaces[0].pk)])  # found at the commit

    good = [lambda: receive(arrival(spaces[0])) for _ in range(10)]
    done = await all_of(writers(), [*good, wrong, orphan, *good])
    assert [type(one).__name__ for one in done[10:12]] == ["DataError", "IntegrityError"]
    assert all(isinstance(one, uuid.UUID) for one in [*done[:10], *done[12:]])


def test_events_name_the_space_that_they_belong_to(spaces: list[Space], arrive: Arrive) -> None:
    arrive(spaces[0])
    (event,) = Event.objects.filter(space=spaces[0])
    assert json.loads(event.payload)["file"]["space"] == spaces[0].slug
