"""A server that can open no more files: who sends is told to come again; nothing is half done."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from resource import RLIMIT_NOFILE, prlimit

import httpx
import pytest

from tests.receiving.client import BYTES, Tus
from tests.support.server import Server
from tests.support.services import eventually

SMALL, LARGE = b"s" * 1000, b"l" * 400_000


def descriptors(server: Server) -> set[int]:
    """What it holds open."""
    return {int(each.name) for each in Path(f"/proc/{server.pid}/fd").iterdir()}


def settled(server: Server) -> bool:
    """Whether it has opened and closed nothing for a while."""
    before = descriptors(server)
    time.sleep(0.1)
    return descriptors(server) == before


def forbid(server: Server) -> None:
    """Let the server open nothing more: a new one would get the first number that is free."""
    eventually(lambda: settled(server), "the end of what is open for a moment only")
    _, hard = prlimit(server.pid, RLIMIT_NOFILE)
    first = next(number for number in count() if number not in descriptors(server))
    prlimit(server.pid, RLIMIT_NOFILE, (first, hard))


def allow(server: Server) -> None:
    """As many as ever."""
    _, hard = prlimit(server.pid, RLIMIT_NOFILE)
    prlimit(server.pid, RLIMIT_NOFILE, (hard, hard))


@pytest.fixture
def tus(fresh_server: Server, user: Callable[..., Tus]) -> Tus:
    """Of a server that has opened before what it keeps open; what comes is left where it is."""
    tus = user(fresh_server)
    tus.http.post("/api/queue/pause/", json={"reason": "test"}).raise_for_status()
    for _, send in doors(tus):
        send()
    return tus


def doors(tus: Tus) -> list[tuple[str, Callable[[], httpx.Response]]]:
    """A file or two, by each door."""
    json = {"Accept": "application/json"}
    form = [("file", ("small", SMALL)), ("file", ("large", LARGE))]
    size = {"Upload-Length": str(len(SMALL))} | BYTES
    return [
        ("creation with upload", lambda: tus.post(size, SMALL)),
        ("plain, small", lambda: tus.http.put("/upload/small", content=SMALL, headers=json)),
        ("plain, large", lambda: tus.http.put("/upload/large", content=LARGE, headers=json)),
        ("form", lambda: tus.http.post("/upload/", files=form, headers=json)),
    ]


def answered(send: Callable[[], httpx.Response]) -> httpx.Response:
    """Its answer. A connection that an answer has ended holds its number until the server has seen
    that, and until then there is none for another.
    """
    deadline = time.monotonic() + 60
    while True:
        try:
            return send()
        except httpx.TransportError:
            assert time.monotonic() < deadline


def test_who_sends_is_told_to_come_again_and_nothing_is_half_done(tus: Tus) -> None:
    begun = tus.create(len(LARGE))
    before = tus.counts()
    forbid(tus.server)
    try:
        every = [*doors(tus), ("PATCH", lambda: tus.patch(begun, 0, LARGE))]
        refused = {door: answered(send) for door, send in every}
    finally:
        allow(tus.server)
    for door, answer in refused.items():
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), door
        assert answer.headers["Retry-After"], door
    assert tus.counts() == before
    assert tus.patch(begun, 0, LARGE).status_code == 204
    assert {send().status_code for _, send in doors(tus)} == {201}
    assert "Traceback" not in tus.server.log_path.read_text()
