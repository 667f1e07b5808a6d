"""Files with a result of an older version are found by the index, whatever else there is."""

import uuid
from importlib import import_module

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from uploads import people
from uploads.models import KnownProcessor, Space, Step
from uploads.processing import known
from uploads.processing.jobs import arrivals, attempts, leases, wishes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("data_dir")]


def raised(name: str, version: int) -> None:
    """A processor that has this version now."""
    KnownProcessor.objects.update_or_create(
        name=name, defaults={"version": version, "accepts": ["text/*"], "problem": ""}
    )


def processed(space: Space, **versions: int) -> uuid.UUID:
    """A file whose steps were of these versions."""
    with transaction.atomic():
        uploader = people.person(f"u{uuid.uuid4().hex[:8]}")
        arrivals.receive(arrivals.Arrival(space.pk, uploader.pk, "a.txt", size=3), sha256="00")
    return end(**versions)


def end(**versions: int) -> uuid.UUID:
    """Claim what waits, and end it."""
    with transaction.atomic():
        [claimed] = leases.claim("worker", 1)
        steps = [
            attempts.StepRecord(name, version, place, Step.State.DONE, result={})
            for place, (name, version) in enumerate(versions.items())
        ]
        attempts.finish(claimed, steps, None)
    return claimed.file_id


def retried(file: uuid.UUID) -> None:
    with transaction.atomic():
        wishes.retry(file)


def test_old_results_of_one_processor_or_of_any_are_found_in_pages(space: Space) -> None:
    raised("count", 3)
    raised("text", 2)
    first, second = (processed(space, count=version, text=2) for version in (1, 2))
    third = processed(space, count=3, text=1)
    processed(space, count=3, text=2)
    elsewhere = people.private_space(people.person(f"u{uuid.uuid4().hex[:8]}"))
    processed(elsewhere, count=1)
    assert known.old_files(space.pk, "count", limit=9) == sorted([first, second])
    assert known.old_files(space.pk, limit=9) == sorted([first, second, third])
    assert known.old_files(space.pk, "checksum", limit=9) == []
    pages = [known.old_files(space.pk, limit=1)]
    while pages[-1]:
        pages.append(known.old_files(space.pk, after=pages[-1][0], limit=1))
    assert [page[0] for page in pages[:-1]] == sorted([first, second, third])


def test_a_file_that_waits_or_was_replayed_is_not_among_them(space: Space) -> None:
    raised("count", 2)
    file = processed(space, count=1)
    retried(file)
    assert known.old_files(space.pk, "count", limit=9) == []
    end(count=2)
    assert known.old_files(space.pk, "count", limit=9) == []
    kept = Step.objects.filter(file=file).order_by("attempt")
    assert [(step.version, step.space_id) for step in kept] == [(1, None), (2, space.pk)]


def test_they_are_found_by_the_index_alone(space: Space) -> None:
    raised("count", 2)
    processed(space, count=1)
    with CaptureQueriesContext(connection) as asked:
        known.old_files(space.pk, "count", limit=9)
    plans = []
    for query in asked.captured_queries:
        if "uploads_step" in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN QUERY PLAN " + query["sql"])
                plans.append(" ".join(row[3] for row in cursor.fetchall()))
    assert len(plans) == 3  # the first old version, no other one, its files
    assert all("steps_by_version" in plan and "TEMP B-TREE" not in plan for plan in plans), plans


def test_steps_of_before_know_their_space_after_the_migration(space: Space) -> None:
    files = [processed(space, count=1) for _ in range(2)]
    retried(files[0])
    end(count=1)
    Step.objects.update(space=None)
    statement = import_module("uploads.migrations.0010_steps_by_version").SPACES
    with connection.cursor() as cursor:
        cursor.execute(statement)
    found = Step.objects.order_by("attempt").values_list("attempt", "space")
    assert sorted(found, key=str) == sorted([(1, None), (1, space.pk), (2, space.pk)], key=str)
