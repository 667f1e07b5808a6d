"""The queue's order, pauses, second tries and turns."""

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from uploads import people
from uploads.errors import NotFound
from uploads.models import Job, Space, Step, UploadedFile, User
from uploads.processing import queue, turns
from uploads.processing.jobs import arrivals, attempts, leases, lost, wishes
from uploads.publishing import standing

pytestmark = pytest.mark.django_db(transaction=True)

CRASHED = {"code": "crashed", "message": "It ended without saying why.", "step": "image"}


@pytest.fixture
def spaces() -> list[Space]:
    """Three people's own spaces."""
    return [people.private_space(people.person(f"u{uuid.uuid4().hex[:8]}")) for _ in range(3)]


@pytest.fixture
def user() -> User:
    """Who pauses."""
    return people.person("paula")


def arrive(space: Space, name: str = "a.txt") -> UploadedFile:
    with transaction.atomic():
        return arrivals.receive(arrivals.Arrival(space.pk, None, name, size=3), sha256="00")


def claim(limit: int = 1) -> list[leases.Claimed]:
    with transaction.atomic():
        return leases.claim("worker", limit)


def turns_of(claimed: list[leases.Claimed], spaces: list[Space]) -> list[int]:
    order = [space.pk for space in spaces]
    return [order.index(job.space_id) for job in claimed]


def test_one_space_with_many_files_does_not_starve_another_with_one(spaces: list[Space]) -> None:
    for _ in range(20):
        arrive(spaces[0])
    assert turns_of(claim(), spaces) == [0]
    arrive(spaces[1])
    arrive(spaces[2])
    assert sorted(turns_of(claim() + claim(), spaces)) == [1, 2]


def test_spaces_take_turns_by_what_runs_of_each(spaces: list[Space]) -> None:
    for space in spaces:
        for _ in range(10):
            arrive(space)
    running = claim(6)
    assert Counter(turns_of(running, spaces)) == {0: 2, 1: 2, 2: 2}
    with transaction.atomic():
        for job in running:
            if job.space_id == spaces[2].pk:
                attempts.finish(job, [], None)
    assert turns_of(claim() + claim(), spaces) == [2, 2]
    assert Counter(turns_of(claim(3), spaces)) == {0: 1, 1: 1, 2: 1}


def test_a_claim_is_filled_from_whoever_has_more(spaces: list[Space]) -> None:
    arrive(spaces[0])
    for _ in range(5):
        arrive(spaces[1])
    assert Counter(turns_of(claim(5), spaces)) == {0: 1, 1: 4}
    assert turns_of(claim(5), spaces) == [1]
    assert claim(5) == []


def test_the_higher_priority_comes_first_then_the_older(spaces: list[Space]) -> None:
    names = [arrive(spaces[0], name) for name in "abcd"]
    with transaction.atomic():
        queue.prioritise(names[2].pk, 5)
        queue.prioritise(names[3].pk, 5)
    assert [queue.place(file.pk) for file in names] == [2, 3, 0, 1]
    assert [claim()[0].name for _ in names] == ["c", "d", "a", "b"]
    assert queue.place(names[0].pk) is None
    with pytest.raises(NotFound):
        queue.prioritise(uuid.uuid4(), 1)


def test_what_is_not_due_is_passed_by_and_holds_up_nobody(spaces: list[Space]) -> None:
    later = arrive(spaces[0])
    Job.objects.filter(pk=later.pk).update(run_after=timezone.now() + timedelta(minutes=1))
    for _ in range(3):
        arrive(spaces[1])
    assert turns_of(claim(5), spaces) == [1, 1, 1]
    Job.objects.filter(pk=later.pk).update(run_after=timezone.now())
    assert turns_of(claim(5), spaces) == [0]


def test_a_paused_space_waits_while_others_go_on(spaces: list[Space], user: User) -> None:
    running = arrive(spaces[0])
    claim()
    arrive(spaces[0])
    arrive(spaces[1])
    with transaction.atomic():
        queue.pause(spaces[0].pk, by=user.pk, reason="the service is down")
    assert turns_of(claim(5), spaces) == [1]
    (pause,) = standing.pauses(spaces[0].pk)
    assert pause.by == user
    assert (pause.reason, pause.until) == ("the service is down", None)
    assert standing.pauses(spaces[1].pk) == []
    assert Job.objects.get(pk=running.pk).state == Job.State.RUNNING
    with transaction.atomic():
        assert queue.resume(spaces[0].pk)
        assert not queue.resume(spaces[0].pk)
    assert turns_of(claim(5), spaces) == [0]


def test_everything_can_be_paused_until_a_time(spaces: list[Space]) -> None:
    arrive(spaces[0])
    arrive(spaces[1])
    soon = timezone.now() + timedelta(minutes=5)
    with transaction.atomic():
        queue.pause(None, reason="upgrade", until=soon + timedelta(hours=1))
        queue.pause(None, reason="a short one", until=soon)
    assert claim(5) == []
    (pause,) = standing.pauses(spaces[2].pk)
    assert (pause.reason, pause.until) == ("a short one", soon)
    assert queue.end_pauses() == 0
    with transaction.atomic():
        assert queue.take(5, soon + timedelta(seconds=1))  # its time being over is enough


def test_a_pause_whose_time_is_over_is_forgotten(spaces: list[Space]) -> None:
    arrive(spaces[0])
    with transaction.atomic():
        queue.pause(spaces[0].pk, until=timezone.now())
        assert queue.end_pauses() == 1
        assert queue.end_pauses() == 0
    assert standing.pauses() == []
    assert turns_of(claim(), spaces) == [0]


def test_what_may_pass_is_tried_again_later_and_later_then_fails(
    spaces: list[Space], settings
) -> None:
    settings.RETRY_SECONDS, settings.JOB_ATTEMPTS = 100, 3
    file = arrive(spaces[0])
    step = attempts.StepRecord("image", 1, 0, Step.State.FAILED, error=CRASHED)
    waits = []
    for attempt in (1, 2, 3):
        (claimed,) = claim()
        assert (claimed.attempt, claimed.tries) == (attempt, attempt)
        with transaction.atomic():
            at = attempts.postpone(claimed, [step], CRASHED)
        if at is not None:
            waits.append((at - timezone.now()).total_seconds())
            file.refresh_from_db()
            assert file.status == "queued"
            assert claim() == []
            Job.objects.filter(pk=file.pk).update(run_after=timezone.now())
    file.refresh_from_db()
    assert (file.status, file.error) == ("failed", CRASHED)
    assert [round(wait / 100) for wait in waits] in ([1, 4], [1, 5], [1, 3])
    with transaction.atomic():
        wishes.retry(file.pk)
    assert claim()[0].tries == 1  # somebody asked: all tries are left again


def test_an_attempt_that_lost_its_job_postpones_nothing(spaces: list[Space]) -> None:
    arrive(spaces[0])
    (taken,) = claim()
    with transaction.atomic():
        lost.take_back("worker")
    with pytest.raises(leases.LostLease), transaction.atomic():
        attempts.postpone(taken, [], CRASHED)


def test_only_so_many_have_their_turn_at_once(spaces: list[Space]) -> None:
    for _ in range(3):
        arrive(spaces[0])
    first, second, third = claim(3)
    with transaction.atomic():
        assert turns.take("ocr", 2, first)
        assert turns.take("ocr", 2, second)
        assert not turns.take("ocr", 2, third)
        assert turns.take("translate", 1, third)
        turns.leave("ocr", first)
        assert turns.take("ocr", 2, third)


def test_the_turn_of_a_dead_worker_is_free(spaces: list[Space]) -> None:
    arrive(spaces[0])
    arrive(spaces[0])
    dead, living = claim(2)
    with transaction.atomic():
        assert turns.take("ocr", 1, dead)
        assert not turns.take("ocr", 1, living)
        wishes.cancel(dead.file_id)
        assert turns.take("ocr", 1, living)


def test_what_a_late_worker_saved_is_kept_only_if_it_is_the_result(spaces: list[Space]) -> None:
    arrive(spaces[0])
    (taken,) = claim()
    with transaction.atomic():
        lost.take_back("worker")
    (living,) = claim()
    with transaction.atomic():
        attempts.finish(living, [], None)
    assert leases.stands(living)
    assert not leases.stands(taken)
