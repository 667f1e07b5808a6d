"""The event-stream door: the same frames, their cursors as ids, and the same people."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest
from pytest_django import Settings

from consumers import sse
from consumers.hub import Hub
from project import database
from tests.consumers.peers import PATIENCE_SECONDS, Held, Person, arrives, fresh, quiet
from uploads.processing.jobs import arrivals
from uploads.publishing import doorbell


class Stream:
    """An EventSource without a network."""

    def __init__(
        self,
        headers: dict[str, str],
        query: str = "",
        method: str = "GET",
        held: Held | None = None,
    ) -> None:
        self.held = held or Held()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ids: list[str | None] = []
        self.ended = False
        self._scope = {
            "type": "http",
            "method": method,
            "path": "/events/",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self._changed = asyncio.Event()
        self._leaving = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Stream:
        work = sse.stream(self._scope, self._receive, self._send)
        self._task = asyncio.get_running_loop().create_task(work)
        await self.until(lambda: self.status)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._leaving.set()
        assert self._task is not None
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._task

    async def until(self, test: Any) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not test():
                self._changed.clear()
                await self._changed.wait()

    async def ready(self) -> Stream:
        await self.until(lambda: "ready" in self.held.types)
        return self

    async def _receive(self) -> dict[str, Any]:
        await self._leaving.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if self.ended:
            raise RuntimeError("the response was complete")
        if message["type"] == "http.response.start":
            assert not self.status
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert self.status
            self.body += message["body"]
            self._take(message["body"].decode())
            if not message.get("more_body"):
                self.ended = True
                self._leaving.set()
        self._changed.set()

    def _take(self, text: str) -> None:
        for block in text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
            if self.status == 200 and "data" in fields:
                self.ids.append(fields.get("id"))
                self.held.take(json.loads(fields["data"]))

    @property
    def error(self) -> str:
        code: str = json.loads(self.body)["error"]["code"]
        return code


async def test_it_sends_the_same_frames_with_their_cursors_as_ids(hub: Hub, alice: Person) -> None:
    await arrives(alice.space)
    async with Stream(alice.headers) as stream:
        await stream.ready()
        assert stream.status == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store, no-transform"
        assert stream.body.startswith(b": millrace\nretry: 2000\n\n")
        await arrives(alice.space, "b")
        await stream.until(lambda: stream.held.seq == 2)
        epoch = alice.space.epoch
        assert stream.held.types == ["snapshot", "ready", "events"]
        assert stream.ids == [f"{epoch}:1", None, f"{epoch}:2"]
        assert stream.held.files == (await fresh(alice)).files


async def test_last_event_id_wins_over_after(hub: Hub, alice: Person) -> None:
    for name in "abcd":
        await arrives(alice.space, name)
    epoch = alice.space.epoch
    async with Stream(alice.headers, f"after={epoch}:1") as stream:
        await stream.ready()
        assert stream.held.seqs == [2, 3, 4]
    async with Stream(
        alice.headers | {"last-event-id": f"{epoch}:3"}, f"after={epoch}:1"
    ) as stream:
        await stream.ready()
        assert stream.held.seqs == [4]


async def test_a_part_of_a_snapshot_is_no_place_to_resume_from(hub: Hub, alice: Person) -> None:
    def many() -> None:
        for number in range(501):
            arrivals.receive(
                arrivals.Arrival(
                    space_id=alice.space.pk, uploader_id=None, name=str(number), size=1
                ),
                sha256="00",
            )

    await database.write(many)
    async with Stream(alice.headers) as stream:
        await stream.ready()
        assert stream.ids == [None, f"{alice.space.epoch}:501", None]


async def test_it_filters_by_batch_and_by_file(hub: Hub, alice: Person) -> None:
    mine = await arrives(alice.space, "mine", batch="one")
    await arrives(alice.space, "other")
    for query in ("batch=one", f"file={mine.pk}"):
        async with Stream(alice.headers, query) as stream:
            await stream.ready()
            assert list(stream.held.files) == [str(mine.pk)]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}])
async def test_who_is_not_signed_in_gets_401(hub: Hub, headers: dict[str, str]) -> None:
    async with Stream(headers) as stream:
        assert stream.status == 401
        assert stream.headers["www-authenticate"] == "Bearer"
        assert stream.error == "not_signed_in"


async def test_what_is_not_yours_is_404(hub: Hub, alice: Person, bob: Person) -> None:
    async with Stream(bob.headers, f"space={alice.space.slug}") as stream:
        assert stream.status == 404
        assert stream.error == "not_found"


@pytest.mark.parametrize("query", ["file=7", "batch=" + "b" * 101, "batch=a%00b"])
async def test_a_filter_that_can_match_nothing_is_refused(
    hub: Hub, alice: Person, query: str
) -> None:
    async with Stream(alice.headers, query) as stream:
        assert stream.status == 400


async def test_other_methods_are_refused(hub: Hub, alice: Person) -> None:
    async with Stream(alice.headers, method="POST") as stream:
        assert stream.status == 405
        assert stream.headers["allow"] == "GET, OPTIONS"


async def test_another_sites_page_may_read_it_only_where_the_operator_says_so(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    elsewhere = {"origin": "https://elsewhere.example"}
    async with Stream(alice.headers | elsewhere) as stream:
        await stream.ready()
        assert "access-control-allow-origin" not in stream.headers
    settings.CORS_ORIGINS = ["https://elsewhere.example"]
    async with Stream(alice.headers | elsewhere) as stream:
        await stream.ready()
        assert stream.headers["access-control-allow-origin"] == "https://elsewhere.example"
    async with Stream(elsewhere, method="OPTIONS") as stream:
        assert stream.status == 204
        assert "authorization" in stream.headers["access-control-allow-headers"]


async def test_too_many_streams_of_one_user_are_refused(
    hub: Hub, alice: Person, settings: Settings
) -> None:
    settings.SOCKETS_PER_USER = 1
    async with Stream(alice.headers) as one:
        await one.ready()
        async with Stream(alice.headers) as two:
            assert two.status == 429
    async with Stream(alice.headers) as three:
        await three.ready()


async def test_a_revoked_token_ends_its_streams(hub: Hub, alice: Person) -> None:
    async with Stream(alice.headers) as stream:
        await stream.ready()
        doorbell.revoke(user=alice.user.pk)
        await stream.until(lambda: stream.ended)


async def test_a_stopping_server_ends_its_streams(hub: Hub, alice: Person) -> None:
    async with Stream(alice.headers) as stream:
        await stream.ready()
        hub.farewell()
        await stream.until(lambda: stream.ended)


async def test_an_open_stream_holds_neither_thread_nor_connection(hub: Hub, alice: Person) -> None:
    async with Stream(alice.headers) as first:
        await first.ready()
        before = threading.active_count()
        streams = [Stream(alice.headers) for _ in range(20)]
        for stream in streams:
            await stream.__aenter__()
            await stream.ready()
        await quiet(0.02)
        # the pool of readers, which all share, may have come to its full size meanwhile
        assert threading.active_count() <= before + database.READERS
        for stream in streams:
            await stream.__aexit__()
    assert hub.subscribers == 0
