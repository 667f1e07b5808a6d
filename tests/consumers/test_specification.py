"""What is really sent is as `/api/asyncapi.json` says, through every door."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from jsonschema import (  # type: ignore[import-untyped]
    Draft7Validator,
    Draft202012Validator,
    FormatChecker,
)
from pydantic import TypeAdapter

from consumers import hub as hubs
from consumers import ring
from consumers import stream as streams
from consumers.hub import Hub
from project import database
from project.settings import BASE_DIR
from tests.consumers.peers import Held, Peer, Person, arrives, process
from tests.consumers.test_sockets import bearer, follow, hello, send, socket_of
from tests.support.node import packages
from tests.support.server import Server
from uploads.models import Event, Space
from uploads.processing import queue
from uploads.processing.jobs import attempts, leases, wishes
from uploads.publishing import doorbell, log
from uploads.publishing.closing import Close
from uploads.publishing.events import Frame
from uploads.reading import asyncapi

FRAME: TypeAdapter[Any] = TypeAdapter(Frame)
SCHEMA = "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"  # AsyncAPI's own


class Specification:
    """Holds frames against a specification."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[str] = set()

    def validator(self, word: str) -> Any:
        schema = self.resolve(self.document["components"]["messages"][word]["payload"])
        whole = schema | {"components": self.document["components"]}
        return Draft202012Validator(whole, format_checker=FormatChecker())

    def resolve(self, reference: dict[str, str]) -> dict[str, Any]:
        found: Any = self.document
        for part in reference["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        resolved: dict[str, Any] = found
        return resolved

    def check(self, channel: str, frame: dict[str, Any]) -> None:
        """Raises for a frame that the channel does not send, or not like that."""
        assert frame["type"] in self.document["channels"][channel]["messages"]
        self.validator(frame["type"]).validate(frame)
        FRAME.validate_json(json.dumps(frame), strict=True)
        self.seen.add(frame["type"])


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token(f"spec-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def specification(server: Server, token: str) -> Specification:
    with server.client(token) as client:
        return Specification(client.get("/api/asyncapi.json").raise_for_status().json())


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_the_document_hangs_together(specification: Specification) -> None:
    document = specification.document
    assert document["asyncapi"] == "3.0.0"
    for reference in references(document):
        assert specification.resolve({"$ref": reference})
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}
    websocket = document["channels"]["websocket"]
    assert set(websocket["x-close-codes"]) == {str(int(code)) for code in Close}


@pytest.mark.timeout(300)  # the first that needs packages of Node installs them
def test_the_document_is_what_asyncapi_says_that_one_is(specification: Specification) -> None:
    schema = json.loads((packages(BASE_DIR / "tests" / "node") / SCHEMA).read_text())
    validator = Draft7Validator(schema)
    assert [error.message for error in validator.iter_errors(specification.document)] == []
    broken = specification.document | {"channels": {"websocket": {"address": 7}}}
    assert not validator.is_valid(broken)


def test_it_is_not_for_strangers(server: Server) -> None:
    assert httpx.get(f"{server.url}/api/asyncapi.json", timeout=60).status_code == 401


def test_the_page_shows_the_stream_and_its_types(server: Server, token: str) -> None:
    with server.client(token) as client:
        page = client.get("/api/docs/").text
    for word in ("/ws/events/", "SnapshotFrame", "PositionFrame", "4008"):
        assert word in page


async def test_real_traffic_is_as_specified(
    server: Server, token: str, specification: Specification
) -> None:
    held, heard = Held(), Held()
    async with (
        socket_of(server, bearer(token)) as one,
        httpx.AsyncClient(base_url=server.url, headers=bearer(token), timeout=60) as client,
        client.stream("GET", "/events/", timeout=100) as stream,
    ):
        greeting = {"type": "hello", "after": None}
        specification.validator("hello").validate(greeting)
        await hello(one, held)
        pictures = await send(server, token, "a.png", content=b"\x89PNG\r\n\x1a\n broken")
        texts = await send(server, token, *(f"{n}.txt" for n in range(5)), content=b"w " * 200_000)
        await asyncio.to_thread(change, server, token, texts[0])
        await follow(one, held, lambda: done(held, 5))
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                heard.take(json.loads(line.removeprefix("data: ")))
                if done(heard, 5):
                    break
    for frame in held.frames:
        specification.check("websocket", frame)
    for frame in heard.frames:
        specification.check("sse", frame)
    assert {"snapshot", "events", "ready"} <= specification.seen
    assert held.files[pictures[0]]["status"] in {"failed", "processed"}
    assert held.files == heard.files
    with server.client(token) as api:
        page = api.get("/api/events/", params={"limit": "1000"}).raise_for_status().json()
    validator = specification.validator("events")
    for event in page["events"]:
        shown = {"type": "events", "cursor": "a:1", "events": [event], "counts": held.counts}
        validator.validate(shown)


def change(server: Server, token: str, file: str) -> None:
    """A file is processed once more, another is deleted."""
    with server.client(token) as client:
        server.wait_for(client, file)
        client.post(f"/api/files/{file}/retry/").raise_for_status()
        server.wait_for(client, file)
        client.delete(f"/api/files/{file}/").raise_for_status()


def done(held: Held, left: int) -> bool:
    statuses = {file["status"] for file in held.files.values()}
    return len(held.files) == left and statuses <= {"processed", "failed"}


async def test_every_type_of_frame_event_and_reason_is_as_specified(
    hub: Hub, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "POSITION_SECONDS", 0.3)
    monkeypatch.setattr(ring, "MOST_EVENTS", 1)
    monkeypatch.setattr(hubs, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(doorbell, "PULSE_SECONDS", 0.05)
    specification = Specification(json.loads(json.dumps(asyncapi.document())))
    async with Peer(alice.headers) as peer:
        await peer.join()
        await all_that_can_happen(alice, peer, monkeypatch)
        everything = list(peer.held.frames)
        for reason in ("epoch", "expired"):
            everything += await told_anew(alice, peer.held, reason)
    for frame in everything:
        specification.check("websocket", frame)
        if frame["type"] != "hello":
            specification.check("sse", frame)
    assert specification.seen == set(specification.document["components"]["messages"]) - {"hello"}
    assert events_of(everything) == {
        "file.created",
        "file.updated",
        "file.deleted",
        "batch.ended",
    }
    reasons = {frame["reason"] for frame in everything if frame["type"] == "snapshot"}
    assert reasons == {"first", "epoch", "expired"}


async def all_that_can_happen(alice: Person, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events of every type, progress, a stalled step, a position, the layer away."""
    error = {"code": "bad_file", "message": "It ends early.", "step": "image"}
    await arrives(alice.space, "bad.png", batch="drop", batch_total=2)
    await database.write(process, alice.space, error)
    await arrives(alice.space, "slow.txt", batch="drop", batch_total=2)
    [claimed] = await database.write(leases.claim, "worker", 1)
    measure = {"id": str(claimed.file_id), "attempt": 1, "step": "text", "done": 3}
    measure |= {"total": 9, "unit": "lines", "eta_s": 1.5}
    doorbell.progress(alice.space.pk, "drop", measure)
    await peer.until(lambda: "progress" in peer.held.types)
    step = {"name": "text", "done": 3, "total": 9, "unit": "lines", "eta_s": None}
    step["stalled_since"] = "2026-01-01T00:00:00.000Z"
    await database.write(attempts.record, claimed, [], step)
    await database.write(attempts.finish, claimed, [], None)
    await database.write(wishes.delete, claimed.file_id)
    await peer.until(lambda: "file.deleted" in events_of(peer.held.frames))
    await peer.until(lambda: "position" in peer.held.types)
    await database.write(queue.pause, alice.space.pk, by=alice.user.pk, reason="a new wheel")
    await peer.until(lambda: "queue" in peer.held.types)
    await database.write(queue.resume, alice.space.pk)

    async def away(*_: Any) -> None:
        raise ConnectionError("refused")

    with monkeypatch.context() as trouble:
        line: Any = doorbell._line
        trouble.setattr(line.layer, "group_send", away)
        await peer.until(lambda: "delivery" in peer.held.types)


async def told_anew(alice: Person, held: Held, reason: str) -> list[dict[str, Any]]:
    """What somebody is sent whose cursor can't be honoured, for that reason."""
    await sync_to_async(_break)(alice.space, reason)
    epoch = (held.cursor or "").partition(":")[0]
    peer = Peer(alice.headers, held=Held())
    peer.held.cursor = "00000000:1" if reason == "epoch" else f"{epoch}:1"
    async with peer:
        await peer.join()
        return peer.held.frames


def _break(space: Space, reason: str) -> None:
    if reason == "expired":
        with transaction.atomic():
            Event.objects.filter(space=space).delete()
            Space.objects.filter(pk=space.pk).update(pruned_seq=log.head(space.pk).seq)


def events_of(frames: list[dict[str, Any]]) -> set[str]:
    found = [frame["events"] for frame in frames if frame["type"] == "events"]
    return {event["type"] for events in found for event in events}
