"""`GET /api/events/`, the stream for those who rather ask; tickets for those who listen."""

import uuid

import pytest

from tests.reading.conftest import People
from tests.support.server import Server
from tests.support.tus import upload
from uploads.publishing.events import EventsPage


def events(people: People, **params: str) -> dict:
    answer = people.charlie.get("/api/events/", params=params)
    assert answer.status_code == 200, answer.text
    page: dict = answer.json()
    return page


def test_pages_of_the_stream_join_without_a_hole(server: Server, people: People) -> None:
    sent = [upload(people.charlie, f"{number}.txt", b"x") for number in range(3)]
    for file_id in sent:
        server.wait_for(people.charlie, file_id)
    whole = events(people, limit="1000")
    assert not whole["more"]
    seen, after = [], None
    while True:
        page = events(people, limit="2", **({"after": after} if after else {}))
        EventsPage.model_validate(page)
        seen += page["events"]
        after = page["cursor"]
        if not page["more"]:
            break
    assert seen == whole["events"]
    assert after == whole["cursor"]
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    assert events(people, after=after) == {"cursor": after, "events": [], "more": False}


def test_the_stream_can_be_narrowed_to_a_file_or_a_batch(server: Server, people: People) -> None:
    batch = uuid.uuid4().hex
    file_id = upload(people.charlie, "a.txt", b"x", batch=batch)
    server.wait_for(people.charlie, file_id)
    of_file = events(people, file=file_id)["events"]
    assert of_file
    assert {event["file"]["id"] for event in of_file} == {file_id}
    of_batch = events(people, batch=batch)["events"]
    assert [event["type"] for event in of_batch][-1] == "batch.ended"
    assert len(of_batch) == len(of_file) + 1


@pytest.mark.parametrize("gone", ["other:1", "{epoch}:999999", "0:0"])
def test_a_cursor_that_cannot_be_honoured_is_410(people: People, gone: str) -> None:
    epoch = events(people)["cursor"].partition(":")[0]
    answer = people.charlie.get("/api/events/", params={"after": gone.format(epoch=epoch)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "cursor_gone")


@pytest.mark.parametrize("bad", ["x", "1", ":", "a:b", "a:-1", "a" * 50 + ":1", "a:1\x00"])
def test_what_is_no_cursor_is_refused(people: People, bad: str) -> None:
    answer = people.charlie.get("/api/events/", params={"after": bad})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_a_ticket_is_for_one_space_and_a_minute(people: People) -> None:
    answer = people.bob.post(f"/api/tickets/?space={people.team}").json()
    assert answer["expires_in"] == 60
    assert answer["ticket"] != people.bob.post("/api/tickets").json()["ticket"]
