"""A snapshot of a space or a batch is read from indexes alone, however many files there are."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from uploads import people
from uploads.models import Job, Space, Status, UploadedFile
from uploads.publishing import snapshot

pytestmark = pytest.mark.django_db(transaction=True)

FILES = 4_000
IN_FLIGHT = (*snapshot.RUNNING, Status.QUEUED)
LARGE, SMALL = "large", "small"  # half of all files, and twenty


@pytest.fixture
def space() -> Space:
    space = people.private_space(people.person(f"alice-{uuid.uuid4().hex[:8]}"))
    now = timezone.now()
    files = []
    for number in range(FILES):
        # those of the small batch are the oldest, behind everything else
        batch = SMALL if number < 20 else (None, LARGE)[number % 2]
        at = now - timedelta(seconds=FILES - number)
        ended = number % 50 != 1
        status = Status.PROCESSED if ended else IN_FLIGHT[number // 50 % 3]
        files.append(
            UploadedFile(
                space=space,
                name=f"{number}.txt",
                batch=batch,
                status=status,
                created_at=at,
                finished_at=at if ended else None,
            )
        )
    UploadedFile.objects.bulk_create(files, batch_size=1000)
    jobs = [
        Job(file=file, space=space, queued_at=file.created_at)
        for file in files
        if file.status == Status.QUEUED
    ]
    Job.objects.bulk_create(jobs)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return space


def plans(queries: list[dict[str, Any]]) -> list[str]:
    """How the database answers what was asked of files."""
    found = []
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    with connection.cursor() as cursor:
        for query in queries:
            if "uploads_uploadedfile" in query["sql"]:
                cursor.execute(f"{explain} {query['sql']}")
                found.append(" ".join(str(part) for row in cursor.fetchall() for part in row))
    return found


@pytest.mark.parametrize(
    ("batch", "indexes"),
    [
        (None, {"files_by_status", "files_just_ended", "autoindex", "pkey"}),
        (LARGE, {"batch_by_status", "batch_just_ended"}),
        (SMALL, {"batch_by_status", "batch_just_ended"}),
        ("nobody's", {"batch_by_status", "batch_just_ended"}),
    ],
)
def test_no_row_is_looked_at_that_is_not_shown(
    space: Space, batch: str | None, indexes: set[str]
) -> None:
    with CaptureQueriesContext(connection) as asked:
        taken = snapshot.take(space.pk, batch=batch)
    rows = UploadedFile.objects.filter(space=space)
    if batch is not None:
        rows = rows.filter(batch=batch)
    ended = rows.processed().order_by("-finished_at", "-id")[: snapshot.MOST_ENDED]
    expected = {str(row.pk) for row in [*rows.in_flight(), *ended]}
    assert {file["id"] for file in taken.files} == expected
    found = plans(list(asked.captured_queries))
    assert len(found) == len(IN_FLIGHT) + 1
    if connection.vendor == "postgresql" and batch not in {None, LARGE}:
        return  # for so few rows it takes whichever index is smallest
    for plan in found:
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
        assert any(index in plan for index in indexes), plan


def test_of_a_long_queue_those_are_shown_whose_turn_comes_first(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = list(Job.objects.filter(space=space).order_by("queued_at").values_list("pk", flat=True))
    urgent = queue[-1]
    Job.objects.filter(pk=urgent).update(priority=5)
    others = UploadedFile.objects.filter(space=space, status__in=snapshot.RUNNING).count()
    monkeypatch.setattr(snapshot, "MOST_IN_FLIGHT", others + 4)
    files = snapshot.take(space.pk).files
    shown = [file["id"] for file in files if file["status"] == Status.QUEUED]
    assert shown == [str(pk) for pk in (urgent, *queue[:3])]
