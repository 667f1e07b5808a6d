"""Nudges: with the job or not at all, and never fewer than wake a worker."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests.production.laws.conftest import Arrive
from uploads.models import Job, Space
from uploads.processing.engines import procrastinate_nudges
from uploads.processing.jobs import arrivals, attempts, leases, wishes

pytestmark = pytest.mark.django_db(transaction=True)


def nudges() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        count: int = cursor.fetchone()[0]
    return count


@pytest.fixture(autouse=True)
def _none_left() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def test_each_queued_job_has_its_nudge_and_takes_it_along_when_claimed(
    spaces: list[Space], arrive: Arrive
) -> None:
    for _ in range(5):
        arrive(spaces[0])
    assert nudges() == 5
    with transaction.atomic():
        claimed = leases.claim("w", 3)
    assert nudges() == 2
    with transaction.atomic():
        attempts.give_back(claimed[0])
        attempts.finish(claimed[1], [], None)
    assert nudges() == 3
    with transaction.atomic():
        wishes.retry(claimed[1].file_id)
    assert nudges() == 4


def test_a_job_that_was_undone_leaves_no_nudge(spaces: list[Space]) -> None:
    with transaction.atomic():
        arrivals.receive(arrivals.Arrival(spaces[0].pk, None, "a.txt", size=3), sha256="00")
        assert nudges() == 1
        transaction.set_rollback(True)
    assert nudges() == 0


def test_jobs_that_nobody_was_told_of_are_found(spaces: list[Space], arrive: Arrive) -> None:
    for _ in range(3):
        arrive(spaces[0])
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    assert procrastinate_nudges.repair() == 3
    assert procrastinate_nudges.repair() == 0
    assert nudges() == 3


def test_jobs_that_are_not_due_wake_nobody(spaces: list[Space], arrive: Arrive) -> None:
    file = arrive(spaces[0])
    Job.objects.filter(pk=file.pk).update(run_after=timezone.now() + timedelta(hours=1))
    procrastinate_nudges.forget([file.pk])
    assert procrastinate_nudges.repair() == 0
    with transaction.atomic():
        assert leases.claim("w", 1) == []


def test_a_file_that_is_cancelled_and_retried_is_nudged_for_once(
    spaces: list[Space], arrive: Arrive
) -> None:
    file = arrive(spaces[0])
    for _ in range(2):
        with transaction.atomic():
            wishes.cancel(file.pk)
            wishes.retry(file.pk)
    assert nudges() == 1
