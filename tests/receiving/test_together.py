"""A crowd of small files is committed together, and nobody can tell."""

from collections import Counter
from collections.abc import Callable

import httpx

from tests.receiving.client import Tus
from tests.support.server import Server


def crowd(tus: Tus, number: int, size: int, **names: str) -> list[httpx.Response]:
    """The answers to so many small creations at once."""
    files = {f"{place}.bin": b"x" * size for place in range(number)}
    return list(tus.post_all(files, **names).values())


def test_each_has_its_row_its_job_and_its_event(server: Server, user: Callable[..., Tus]) -> None:
    tus = user(server)
    answers = crowd(tus, 120, 1000, batch="crowd", batch_total="120")
    assert {answer.status_code for answer in answers} == {201}
    files = tus.http.get("/api/files/?limit=200").json()["items"]
    assert sorted(file["name"] for file in files) == sorted(f"{n}.bin" for n in range(120))
    page = tus.http.get("/api/events/?limit=1000").json()
    numbers = [event["seq"] for event in page["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    created = [event for event in page["events"] if event["type"] == "file.created"]
    assert Counter(event["file"]["status"] for event in created) == {"queued": 120}
    assert len({event["file"]["id"] for event in created}) == 120
    assert sum(tus.counts().values()) == 120
    batch = tus.http.get("/api/batches/crowd/").json()
    assert (batch["total"], sum(batch["counts"].values())) == (120, 120)


def test_those_that_do_not_fit_are_refused_alone(strict: Tus) -> None:
    answers = crowd(strict, 30, 100_000)
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses == {201: 15, 413: 15}
    refused = [answer for answer in answers if answer.status_code == 413]
    assert {answer.json()["error"]["code"] for answer in refused} == {"quota_reached"}
    assert sum(strict.counts().values()) == 15
