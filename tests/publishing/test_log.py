"""The stream's law: snapshot + events = fresh snapshot, here for the rows of the database
themselves.
"""

import asyncio
import json
import random
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from project import database
from uploads import people
from uploads.errors import ApiError, BadRequest, CursorGone, NotFound, WrongState
from uploads.models import Batch, Event, Space, UploadedFile
from uploads.processing import periodic
from uploads.processing.jobs import arrivals, attempts, leases, lost, wishes
from uploads.publishing import describing, events
from uploads.publishing import log as stream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def space() -> Space:
    return people.private_space(people.person(f"alice-{uuid.uuid4().hex[:8]}"))


def arrive(space: Space, name: str = "a.txt", **more: Any) -> UploadedFile:
    with transaction.atomic():
        return arrivals.receive(
            arrivals.Arrival(space_id=space.pk, uploader_id=None, name=name, size=3, **more),
            sha256="00",
        )


def replay(space: Space) -> dict[str, dict]:
    """The files that somebody holds who has only heard the events."""
    held: dict[str, dict] = {}
    with database.consistent():
        page = stream.read(space.pk, None, 10_000)
    for _, payload, _, _ in page.events:
        event = json.loads(payload)
        if event["type"] == "file.deleted":
            del held[event["file"]["id"]]
        elif event["type"].startswith("file."):
            held[event["file"]["id"]] = event["file"]
    return held


def rows(space: Space) -> dict[str, dict]:
    files = UploadedFile.objects.filter(space=space)
    return {
        str(file.pk): json.loads(json.dumps(describing.describe(file, space.slug)))
        for file in files
    }


def counted(space: Space) -> dict[str, int]:
    found = dict.fromkeys(space.counts, 0)
    for status in UploadedFile.objects.filter(space=space).values_list("status", flat=True):
        found[status] += 1
    return found


MOVES = [
    lambda file: arrivals.complete(file.pk, size=5, sha256="aa"),
    lambda file: arrivals.announce_size(file.pk, 5),
    lambda file: wishes.cancel(file.pk),
    lambda file: wishes.retry(file.pk),
    lambda file: wishes.delete(file.pk),
    lambda file: arrivals.terminate(file.pk),
]


def one_step(space: Space, dice: random.Random, held: list[leases.Claimed]) -> None:
    """One random move; a refused one changes nothing."""
    batch = dice.choice([None, "one", "two"])
    choice = dice.randrange(6)
    if choice == 0:
        arrive(space, batch=batch, batch_total=dice.choice([None, 4]))
    elif choice == 1:
        size = dice.choice([None, 5])
        arrival = arrivals.Arrival(
            space_id=space.pk, uploader_id=None, name="b", size=size, batch=batch
        )
        arrivals.create(arrival)
    elif choice == 2:
        held += leases.claim("worker", dice.randrange(1, 4))
    elif choice == 3 and held:
        error = dice.choice([None, {"code": "bad_file", "message": "no", "step": "text"}])
        attempts.finish(held.pop(dice.randrange(len(held))), [], error)
    elif choice == 4 and held:
        attempts.give_back(held.pop())
    elif file := UploadedFile.objects.filter(space=space).order_by("?").first():
        dice.choice(MOVES)(file)


@pytest.mark.parametrize("seed", range(6))
def test_events_alone_give_every_row_and_every_count(space: Space, seed: int) -> None:
    dice = random.Random(seed)
    held: list[leases.Claimed] = []
    for _ in range(60):
        try:
            with transaction.atomic():
                one_step(space, dice, held)
        except (ApiError, leases.LostLease):
            pass
    space.refresh_from_db()
    assert replay(space) == rows(space)
    assert space.counts == counted(space)
    assert space.used_bytes == sum(
        file.size or 0 for file in UploadedFile.objects.filter(space=space)
    )
    numbers = list(Event.objects.filter(space=space).order_by("seq").values_list("seq", flat=True))
    assert numbers == list(range(1, space.seq + 1))
    for batch in Batch.objects.filter(space=space):
        found = UploadedFile.objects.filter(space=space, batch=batch.key)
        assert sum(batch.counts.values()) == found.count()


def test_every_event_fits_its_published_type(space: Space) -> None:
    file = arrive(space, batch="one", batch_total=1)
    with transaction.atomic():
        (claimed,) = leases.claim("worker", 1)
        attempts.finish(claimed, [], {"code": "bad_file", "message": "no", "step": "text"})
    types = []
    for event in Event.objects.filter(space=space).order_by("seq"):
        parsed = (
            events.BatchEvent.model_validate_json(event.payload)
            if "batch.ended" in event.payload
            else events.FileEvent.model_validate_json(event.payload)
        )
        types.append(parsed.type)
    assert types == ["file.created", "file.updated", "file.updated", "batch.ended"]
    assert file.pk == claimed.file_id


def test_a_batch_ends_when_fewer_of_it_come_than_was_told_and_goes_on_when_more_do(
    space: Space,
) -> None:
    whole = [
        (arrivals.Arrival(space.pk, None, "a", size=1, batch="drop", batch_total=total), "00" * 32)
        for total in (3, 2)  # the second was sent before the other, and overtaken by it
    ]
    with transaction.atomic():
        arrivals.receive_together(whole)
    with transaction.atomic():
        for claimed in leases.claim("worker", 5):
            attempts.finish(claimed, [], None)
    ended = Event.objects.filter(space=space, payload__contains="batch.ended")
    assert not ended.exists()
    with transaction.atomic():
        stream.announce(space.pk, "drop", 2)
        stream.announce(space.pk, "drop", 2)
    assert json.loads(ended.get().payload)["batch"]["total"] == 2
    with transaction.atomic():
        stream.announce(space.pk, "drop", 3)
    assert Batch.objects.get(key="drop").ended_at is None
    with pytest.raises(NotFound), transaction.atomic():
        stream.announce(space.pk, "other", 3)


def test_a_batch_ends_once_and_only_when_all_of_its_files_have(space: Space) -> None:
    arrive(space, batch="drop", batch_total=2)
    with transaction.atomic():
        (first,) = leases.claim("worker", 5)
        attempts.finish(first, [], None)
    assert not Event.objects.filter(space=space, payload__contains="batch.ended").exists()
    second = arrive(space, batch="drop", batch_total=2)
    with transaction.atomic():
        wishes.delete(second.pk)
    ended = Event.objects.get(space=space, payload__contains="batch.ended")
    assert json.loads(ended.payload)["batch"] == {
        "id": "drop",
        "total": 2,
        "counts": {
            "receiving": 0,
            "queued": 0,
            "processing": 0,
            "processed": 1,
            "failed": 0,
            "cancelled": 0,
        },
        "ended": True,
    }


def test_a_worker_whose_job_was_taken_away_writes_nothing(space: Space) -> None:
    arrive(space)
    with transaction.atomic():
        (zombie,) = leases.claim("old", 1)
        lost.take_back("old")
        (living,) = leases.claim("new", 1)
    with pytest.raises(leases.LostLease), transaction.atomic():
        attempts.finish(zombie, [], {"code": "crashed", "message": "too late", "step": None})
    with transaction.atomic():
        attempts.finish(living, [], None)
    file = UploadedFile.objects.get(space=space)
    assert (file.status, file.attempt, file.error) == ("processed", 2, None)


def test_a_job_whose_workers_keep_dying_fails_and_says_so(space: Space) -> None:
    arrive(space)
    for _ in range(3):
        with transaction.atomic():
            assert len(leases.claim("mortal", 1)) == 1
            assert lost.take_back("mortal") == 1
    file = UploadedFile.objects.get(space=space)
    assert file.status == "failed"
    assert (file.error or {}).get("code") == "worker_lost"
    with transaction.atomic():
        assert wishes.retry(file.pk).status == "queued"


def test_a_cursor_that_cannot_be_honoured_is_refused(space: Space) -> None:
    arrive(space)
    arrive(space)
    space.refresh_from_db()
    for cursor in [("other", 1), (space.epoch, 99)]:
        with pytest.raises(CursorGone):
            stream.read(space.pk, cursor, 10)
    with pytest.raises(BadRequest):
        stream.parse_cursor("drop table")
    assert [seq for seq, *_ in stream.read(space.pk, (space.epoch, 1), 10).events] == [2]


def test_pruned_events_are_gone_and_the_rest_stays_whole(space: Space, settings) -> None:
    settings.EVENTS_KEEP = 3
    for _ in range(8):
        arrive(space)
    with transaction.atomic():
        assert stream.prune(space.pk) == 5
    space.refresh_from_db()
    with pytest.raises(CursorGone):
        stream.read(space.pk, (space.epoch, 4), 10)
    assert [seq for seq, *_ in stream.read(space.pk, (space.epoch, 5), 10).events] == [6, 7, 8]


def test_what_the_table_does_not_allow_is_refused_and_changes_nothing(space: Space) -> None:
    file = arrive(space)
    for move in (lambda: wishes.retry(file.pk), lambda: arrivals.terminate(file.pk)):
        with pytest.raises(WrongState), transaction.atomic():
            move()
    space.refresh_from_db()
    assert (space.seq, space.counts["queued"]) == (1, 1)


async def test_writes_that_wait_together_share_a_commit_and_one_failing_harms_no_other(
    space: Space,
) -> None:
    def one(number: int) -> int:
        if number == 7:
            raise ValueError("mine alone")
        with transaction.atomic():
            arrive(space, name=str(number))
        return number

    try:
        done = await asyncio.gather(
            *[database.write(one, number) for number in range(40)], return_exceptions=True
        )
    finally:
        await asyncio.to_thread(database.close)
    assert [type(d) for d in done].count(ValueError) == 1
    assert sorted(d for d in done if isinstance(d, int)) == [n for n in range(40) if n != 7]
    from asgiref.sync import sync_to_async

    names = await sync_to_async(
        lambda: set(UploadedFile.objects.filter(space=space).values_list("name", flat=True))
    )()
    assert names == {str(n) for n in range(40) if n != 7}


async def test_what_is_old_or_too_much_is_pruned_from_time_to_time_and_nothing_else(
    space: Space, settings
) -> None:
    settings.EVENTS_KEEP, settings.EVENTS_KEEP_DAYS = 5, 2

    def fill() -> tuple[Space, Space]:
        old, calm = (
            people.private_space(people.person(f"{name}-{uuid.uuid4().hex[:8]}"))
            for name in ("old", "calm")
        )
        for _ in range(9):
            arrive(space)
        for each in (old, calm):
            for _ in range(4):
                arrive(each)
        aged = timezone.now() - timedelta(days=3)
        Event.objects.filter(space=old, seq__lte=3).update(at=aged)
        return old, calm

    def kept(one: Space) -> list[int]:
        one.refresh_from_db()
        assert stream.read(one.pk, (one.epoch, one.pruned_seq)).seq == one.seq
        with pytest.raises(CursorGone):
            stream.read(one.pk, (one.epoch, one.pruned_seq - 1))
        return [seq for seq, *_ in stream.read(one.pk, None).events]

    try:
        old, calm = await database.write(fill)
        assert await periodic.prune() == 4 + 3
        assert await database.read(kept, space) == [5, 6, 7, 8, 9]
        assert await database.read(kept, old) == [4]
        assert await database.read(kept, calm) == [1, 2, 3, 4]
        assert await periodic.prune() == 0
    finally:
        await asyncio.to_thread(database.close)


def test_a_stream_that_begins_anew_honours_no_cursor_of_before_and_counts_on(space: Space) -> None:
    for _ in range(3):
        arrive(space)
    space.refresh_from_db()
    before = (space.epoch, space.seq)
    with transaction.atomic():
        stream.renew(space.pk)
    arrive(space)
    space.refresh_from_db()
    assert space.epoch != before[0]
    with pytest.raises(CursorGone):
        stream.read(space.pk, before)
    assert [seq for seq, *_ in stream.read(space.pk, (space.epoch, 3)).events] == [4]
    assert space.counts["queued"] == 4
