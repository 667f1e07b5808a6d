"""What is really sent is as `/api/asyncapi.json` says, through every door."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from pydantic import TypeAdapter

from tests.consumers.peers import Held
from tests.consumers.test_sockets import bearer, follow, hello, send, socket_of
from tests.support.server import Server
from uploads.publishing.closing import Close
from uploads.publishing.events import Frame

FRAME: TypeAdapter[Any] = TypeAdapter(Frame)


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


def test_it_is_not_for_strangers(server: Server) -> None:
    assert httpx.get(f"{server.url}/api/asyncapi.json").status_code == 401


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
        httpx.AsyncClient(base_url=server.url, headers=bearer(token)) as client,
        client.stream("GET", "/events/", timeout=30) as stream,
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
