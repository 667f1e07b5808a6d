"""A snapshot of a space or a batch is read from indexes alone, however many files there are."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from uploads import people
from uploads.models import Space, Status, UploadedFile
from uploads.publishing import snapshot

pytestmark = pytest.mark.django_db(transaction=True)

FILES = 4_000
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
        status = Status.PROCESSED if ended else snapshot.ORDER[number // 50 % 3]
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
        (None, {"files_by_status", "files_just_ended"}),
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
    assert len(found) == len(snapshot.ORDER) + 1
    if connection.vendor == "postgresql" and batch not in {None, LARGE}:
        return  # for so few rows it takes whichever index is smallest
    for plan in found:
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan
        assert any(index in plan for index in indexes), plan
