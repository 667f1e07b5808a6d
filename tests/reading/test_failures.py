"""Failures by reason, and trying all of a reason again, also where there are thousands."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.patience import within
from tests.support.server import Server

FAIL = """
import itertools
from django.db import transaction
from django.utils import timezone
from uploads import people
from uploads.models import Status, UploadedFile
from uploads.processing import queue
from uploads.processing.jobs import arrivals
user = people.person({name!r})
space = people.private_space(user)
queue.pause(space.pk, by=user.pk)
reasons = [("bad_file", "image")] * 6 + [("time_cap", "pdf"), ("time_cap", "text")]
steps = itertools.cycle(reasons)
for _ in range({count} // 400):
    with transaction.atomic():
        files = arrivals.receive_together(
            [(arrivals.Arrival(space.pk, user.pk, "a.txt", size=3), "0" * 64) for _ in range(400)])
for file in UploadedFile.objects.filter(space=space):
    code, step = next(steps)
    file.error = {{"code": code, "message": "What " + step + " said", "step": step}}
    file.status, file.finished_at, file.attempt = Status.FAILED, timezone.now(), 1
    file.save()
from uploads.models import Job, Space
Job.objects.filter(space=space).update(state=Job.State.ENDED, attempt=1)
Space.objects.filter(pk=space.pk).update(queued=0, failed={count})
print(people.make_token(user)[1])
"""


@pytest.fixture
def failed(server: Server, request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """Somebody with 1,600 failed files and a queue that stands still."""
    name = f"unlucky{abs(hash(request.node.name)) % 10**6}"
    secret = server.manage("shell", "-v0", "-c", FAIL.format(name=name, count=1600)).strip()
    with server.client(secret) as client:
        yield client


def reasons(client: httpx.Client) -> dict[tuple[str, str], int]:
    answer = client.get("/api/failures/")
    assert answer.status_code == 200
    assert answer.json()["more"] is False
    return {(item["code"], item["step"]): item["count"] for item in answer.json()["items"]}


def test_all_files_of_a_reason_are_retried_each_once_and_the_others_stay(
    failed: httpx.Client,
) -> None:
    told = failed.get("/api/failures/").json()["items"]
    assert told[0] == {
        "code": "bad_file",
        "step": "image",
        "message": "What image said",
        "count": 1200,
    }
    with within(1):
        reasons(failed)
    listed = failed.get("/api/files/", params={"error": "time_cap", "step": "text", "limit": 1000})
    assert len(listed.json()["items"]) == 200
    changed, cursor = 0, None
    while True:
        body = {"status": ["failed"], "error": "bad_file", "step": "image"}
        answer = failed.post(
            "/api/files/retry/", json=body | ({"cursor": cursor} if cursor else {}), timeout=60
        ).json()
        assert answer["refused"] == []
        changed += answer["changed"]
        cursor = answer["next"]
        assert answer["more"] == (cursor is not None)
        if cursor is None:
            break
    assert changed == 1200
    assert reasons(failed) == {("time_cap", "pdf"): 200, ("time_cap", "text"): 200}
    assert failed.get("/api/counts/").json()["queued"] == 1200
    waiting = {"status": ["queued"]}
    gone = failed.post("/api/files/cancel/", json=waiting, timeout=60).json()
    assert (gone["changed"], gone["more"]) == (1000, True)


def test_a_cursor_or_a_reason_with_ids_makes_no_sense(server: Server) -> None:
    with server.client(server.token("sense")) as client:
        one = "00000000-0000-4000-8000-000000000000"
        for more in ({"error": "bad_file"}, {"step": "image"}, {"cursor": "x"}):
            answer = client.post("/api/files/retry/", json={"ids": [one], **more})
            assert answer.status_code == 400
        answer = client.post("/api/files/retry/", json={"status": ["failed"], "cursor": "x"})
        assert answer.status_code == 400
