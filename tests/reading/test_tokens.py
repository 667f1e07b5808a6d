"""`/api/tokens/`: a token gives no more than it has."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.reading.conftest import People
from tests.receiving.client import until
from tests.support.server import Server

IN_AN_HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
IN_A_DAY = (datetime.now(UTC) + timedelta(days=1)).isoformat()


def make(client: httpx.Client, **more: object) -> httpx.Response:
    return client.post("/api/tokens/", json={"name": "for a test", **more})


@pytest.fixture
def narrow(server: Server, people: People) -> Iterator[httpx.Client]:
    """A token of Alice's for the team alone, for an hour, that may manage."""
    scopes = ["read", "upload", "manage"]
    made = make(people.alice, space=people.team, scopes=scopes, expires_at=IN_AN_HOUR).json()
    with server.client(made["secret"]) as client:
        yield client


def test_a_made_token_works_is_listed_without_its_secret_and_ends_at_once_when_removed(
    server: Server, people: People
) -> None:
    answer = make(people.bob, scopes=["read"])
    assert answer.status_code == 201
    made = answer.json()
    assert made["scopes"] == ["read"]
    with server.client(made["secret"]) as client:
        assert client.get("/api/files/").status_code == 200
        listed = people.bob.get("/api/tokens/").json()["items"]
        assert made["id"] in [token["id"] for token in listed]
        assert made["secret"] not in people.bob.get("/api/tokens/").text
        assert people.charlie.delete(f"/api/tokens/{made['id']}/").status_code == 404
        assert people.bob.delete(f"/api/tokens/{made['id']}/").status_code == 204
        assert client.get("/api/files/").status_code == 401
    assert people.bob.delete(f"/api/tokens/{made['id']}/").status_code == 404


def test_who_only_reads_waits_for_nobody_who_writes_and_a_tokens_use_is_noted(
    server: Server, people: People
) -> None:
    made = make(people.bob, scopes=["read"]).json()
    writing = sqlite3.connect(server.data_dir / "millrace.sqlite3", isolation_level=None)
    with server.client(made["secret"]) as client, closing(writing):
        writing.execute("BEGIN IMMEDIATE")
        assert client.get("/api/files/").status_code == 200
        assert used(people.bob, made["id"]) is None
        writing.execute("ROLLBACK")
    until(lambda: used(people.bob, made["id"]) is not None)


def used(client: httpx.Client, token_id: int) -> str | None:
    """When this token was used, as the list of them tells."""
    tokens = client.get("/api/tokens/").json()["items"]
    found: str | None
    (found,) = [token["last_used_at"] for token in tokens if token["id"] == token_id]
    return found


def test_a_token_for_one_space_reaches_no_other_and_neither_do_those_it_makes(
    server: Server, people: People, narrow: httpx.Client
) -> None:
    own = people.names["alice"]
    assert narrow.get("/api/files/", params={"space": own}).status_code == 404
    assert [space["slug"] for space in narrow.get("/api/spaces/").json()["items"]] == [people.team]
    assert {token["space"] for token in narrow.get("/api/tokens/").json()["items"]} == {people.team}
    assert make(narrow, expires_at=IN_AN_HOUR).status_code == 403
    assert make(narrow, space=own, expires_at=IN_AN_HOUR).status_code == 404
    made = make(narrow, space=people.team, expires_at=IN_AN_HOUR, scopes=["read"])
    assert made.status_code == 201
    assert make(people.charlie, space=people.team).status_code == 404


def test_a_token_makes_none_that_outlives_it(people: People, narrow: httpx.Client) -> None:
    for end in (IN_A_DAY, None):
        answer = make(narrow, space=people.team, expires_at=end)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_the_scope_metrics_is_given_by_staff_alone(people: People) -> None:
    assert make(people.alice, scopes=["metrics"]).status_code == 403


@pytest.mark.parametrize(
    "more",
    [
        {"name": ""},
        {"name": "n" * 101},
        {"name": "\x00"},
        {"scopes": []},
        {"scopes": ["all"]},
        {"scopes": "read"},
        {"expires_at": "soon"},
        {"expires_at": "2020-01-01T00:00:00Z"},
        {"digest": "x"},
    ],
)
def test_a_token_that_makes_no_sense_is_refused(people: People, more: dict) -> None:
    answer = make(people.alice, **more)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
