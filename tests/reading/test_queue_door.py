"""`/api/queue/` and priorities: managers command, members see who, why, until when and how long."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.reading.conftest import People
from tests.support.patience import within
from tests.support.server import Server


@pytest.fixture
def paused(people: People) -> Iterator[str]:
    """The team's queue, paused by Alice; resumed at the end."""
    wanted = {"reason": "the scanner is being repaired"}
    answer = people.alice.post("/api/queue/pause/", params={"space": people.team}, json=wanted)
    assert answer.status_code == 200
    yield people.team
    people.alice.post("/api/queue/resume/", params={"space": people.team})


def put(client: httpx.Client, space: str, name: str) -> str:
    answer = client.put(
        f"/upload/{name}",
        params={"space": space},
        content=b"hello " + uuid.uuid4().bytes,
        headers={"Accept": "application/json"},
    )
    file_id: str = answer.json()["files"][0]["id"]
    return file_id


def queue_of(client: httpx.Client, space: str, **more: str) -> dict:
    answer = client.get("/api/queue/", params={"space": space, **more})
    assert answer.status_code == 200
    body: dict = answer.json()
    return body


def test_members_see_who_paused_and_why_and_their_places_until_it_goes_on(
    server: Server, people: People, paused: str
) -> None:
    files = [put(people.bob, paused, f"{number}.txt") for number in range(3)]
    seen = queue_of(people.bob, paused)
    (pause,) = seen["pauses"]
    assert (pause["by"], pause["scope"]) == (people.names["alice"], "space")
    assert (pause["reason"], pause["until"]) == ("the scanner is being repaired", None)
    assert seen["waiting"] >= 3
    assert seen["wait_s"] is None  # nobody knows until when
    places = {file["id"]: file["place"] for file in seen["files"]}
    assert [places[file] for file in files] == sorted(places[file] for file in files)
    assert people.bob.get(f"/api/files/{files[2]}/").json()["queue"] == {
        "place": places[files[2]],
        "wait_s": None,
        "priority": 0,
    }
    answer = people.alice.post("/api/queue/resume/", params={"space": paused})
    assert answer.json()["pauses"] == []
    for file in files:
        assert server.wait_for(people.bob, file)["queue"] is None


def test_a_higher_priority_goes_first_and_only_managers_give_it(
    server: Server, people: People, paused: str
) -> None:
    first, second = (put(people.bob, paused, name) for name in ("first.txt", "second.txt"))
    door = f"/api/files/{second}/priority/"
    assert people.bob.post(door, json={"priority": 5}).status_code == 403
    assert people.charlie.post(door, json={"priority": 5}).status_code == 404
    assert people.alice.post(door, json={"priority": 101}).status_code == 400
    told = people.alice.post(door, json={"priority": 5}).json()["queue"]
    assert (told["place"], told["priority"]) == (1, 5)
    seen = queue_of(people.bob, paused, files=f"{first},{second}")
    assert [file["id"] for file in seen["files"]] == [second, first]
    people.alice.post("/api/queue/resume/", params={"space": paused})
    server.wait_for(people.bob, first)


def hold_for(people: People, seconds: float) -> dict[str, Any]:
    """The answer to a pause of the team's queue, instead of the one that there is."""
    until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    answer = people.alice.post(
        "/api/queue/pause/", params={"space": people.team}, json={"until": until}
    )
    found: dict[str, Any] = answer.json()
    return found


def test_a_pause_with_an_end_resumes_by_itself_and_tells_how_long(
    server: Server, people: People
) -> None:
    server.wait_for(people.bob, put(people.bob, people.team, "measured.txt"))
    assert hold_for(people, 600)["pauses"][0]["until"] is not None
    file = put(people.bob, people.team, "patient.txt")
    told = people.bob.get(f"/api/files/{file}/").json()["queue"]
    assert told["place"] == 1
    assert 500 < told["wait_s"] < 610
    hold_for(people, 1)
    assert server.wait_for(people.bob, file)["status"] == "processed"
    assert queue_of(people.bob, people.team)["pauses"] == []


def test_pausing_twice_replaces_and_resuming_twice_is_harmless(people: People, paused: str) -> None:
    asked = [
        people.alice.post(
            "/api/queue/pause/", params={"space": paused}, json={"minutes": minutes}
        ).json()["pauses"]
        for minutes in (30, 60)
    ]
    assert [len(pauses) for pauses in asked] == [1, 1]
    ends = [datetime.fromisoformat(pauses[0]["until"]) for pauses in asked]
    assert timedelta(minutes=29) < ends[1] - ends[0] < timedelta(minutes=31)
    for _ in range(2):
        answer = people.alice.post("/api/queue/resume/", params={"space": paused})
        assert answer.json()["pauses"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"minutes": 5, "until": "2100-01-01T00:00:00Z"},
        {"until": "2001-01-01T00:00:00Z"},
        {"minutes": 0},
        {"reason": "x" * 501},
        {"reason": "no\0ne"},
    ],
)
def test_what_makes_no_sense_is_refused(people: People, body: dict) -> None:
    answer = people.alice.post("/api/queue/pause/", params={"space": people.team}, json=body)
    assert answer.status_code == 400
    assert queue_of(people.alice, people.team)["pauses"] == []


def test_uploaders_and_strangers_command_nothing(people: People) -> None:
    for action, body in (("pause", {}), ("resume", None)):
        door = f"/api/queue/{action}/"
        where = {"space": people.team}
        assert people.bob.post(door, params=where, json=body).status_code == 403
        assert people.charlie.post(door, params=where, json=body).status_code == 404
        assert people.nobody.post(door, params=where, json=body).status_code == 401


def test_places_among_thousands_are_told_fast(server: Server, people: People) -> None:
    made = server.manage(
        "shell",
        "-v0",
        "-c",
        "from uploads import people\n"
        "from uploads.processing import queue\n"
        "from uploads.processing.jobs import arrivals\n"
        "from django.db import transaction\n"
        "user = people.person('crowd')\n"
        "space = people.private_space(user)\n"
        "queue.pause(space.pk, by=user.pk)\n"
        "with transaction.atomic():\n"
        "    whole = [(arrivals.Arrival(space.pk, user.pk, f'{n}.txt', size=3), '0' * 64)"
        " for n in range(3000)]\n"
        "    for at in range(0, 3000, 300):\n"
        "        arrivals.receive_together(whole[at:at + 300])\n"
        "print(people.make_token(user)[1])",
    )
    with server.client(made.strip()) as crowd:
        with within(1):
            seen = queue_of(crowd, "crowd")
        assert seen["waiting"] == 3000
        assert [file["place"] for file in seen["files"]] == list(range(1, 101))
