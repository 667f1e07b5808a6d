"""The specification of the stream, made of the types that its frames are held against.

`document()` is AsyncAPI 3.0; `AsyncApi` serves it; `group()` says the same to the page for people.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from uploads.publishing.closing import Close
from uploads.publishing.events import (
    DeliveryFrame,
    EventsFrame,
    Hello,
    PositionFrame,
    ProgressFrame,
    QueueFrame,
    ReadyFrame,
    SnapshotFrame,
)
from uploads.reading.doors import Door

FRAMES: tuple[type[BaseModel], ...] = (
    SnapshotFrame,
    EventsFrame,
    ReadyFrame,
    ProgressFrame,
    PositionFrame,
    DeliveryFrame,
    QueueFrame,
)
MODELS: tuple[type[BaseModel], ...] = (Hello, *FRAMES)
ABOUT = """\
One numbered stream for each space. A client that has applied a snapshot and every event after it
holds what a later snapshot would show. `cursor` is a place in the stream: keep the newest one (of a
snapshot only that of its last frame) and say it in the next hello to be told exactly what happened
since; where that can't be done there is a new snapshot, and `reason` says why. Counts are always
the space's, also with a filter. Progress is fleeting: it may be left out, and never decreases
within an attempt.
"""
HELLO = """\
Say hello first, within ten seconds. The answer is either `events` (what was missed after the
cursor) or `snapshot` (in frames of at most 500 files, the last one marked), then `ready`, then what
happens. Programs send a bearer token, our own pages the session cookie, pages elsewhere a ticket of
`POST /api/tickets/` in the hello.
"""
SSE = """\
The same frames as server-sent events, with the cursor as `id`. A browser that comes back by itself
sends it as `Last-Event-ID`, which wins over `after`.
"""
QUERY: dict[str, dict[str, Any]] = {
    "space": {"type": "string", "maxLength": 64, "description": "Slug of the space; default yours"},
    "after": {"type": "string", "description": "Cursor to resume from"},
    "batch": {"type": "string", "maxLength": 100, "description": "Only files of this batch"},
    "file": {"type": "string", "format": "uuid", "description": "Only this file"},
}


class AsyncApi(Door):
    """`/api/asyncapi.json`."""

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """AsyncAPI 3.0."""
        return HttpResponse(_encoded(), content_type="application/json")


@cache
def _encoded() -> bytes:
    return orjson.dumps(document())


@cache
def document() -> dict[str, Any]:
    """The specification."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Millrace", "version": "1", "description": ABOUT},
        "defaultContentType": "application/json",
        "channels": {
            "websocket": {
                "address": "/ws/events/",
                "description": HELLO,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in _messages()
                },
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "query": {
                            "type": "object",
                            "properties": {"space": QUERY["space"]},
                        },
                        "bindingVersion": "0.1.0",
                    }
                },
                "x-close-codes": {
                    str(int(code)): {"reason": code.reason, "meaning": code.meaning}
                    for code in Close
                },
            },
            "sse": {
                "address": "/events/",
                "description": SSE,
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"}
                    for name in _messages()
                    if name != "hello"
                },
            },
        },
        "operations": {
            "hello": _operation("receive", "websocket", ["hello"]),
            "follow": _operation("send", "websocket", [_word(frame) for frame in FRAMES]),
            "listen": _operation("send", "sse", [_word(frame) for frame in FRAMES])
            | {
                "bindings": {
                    "http": {
                        "method": "GET",
                        "query": {"type": "object", "properties": QUERY},
                        "bindingVersion": "0.3.0",
                    }
                }
            },
        },
        "components": {
            "messages": _messages(),
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(action: str, channel: str, words: list[str]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{word}"} for word in words],
        "security": [{"$ref": "#/components/securitySchemes/token"}],
    }


@cache
def _messages() -> dict[str, Any]:
    return {
        _word(model): {
            "name": _word(model),
            "summary": _summary(model),
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{model.__name__}"},
        }
        for model in MODELS
    }


@cache
def _schemas() -> dict[str, Any]:
    said: JsonSchemaMode = "serialization"
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Hello, "validation")]
    models += [(frame, said) for frame in FRAMES]
    _, found = models_json_schema(models, ref_template="#/components/schemas/{model}")
    schemas: dict[str, Any] = _without_mapping(found["$defs"])
    return schemas


def _without_mapping(node: Any) -> Any:
    """OpenAPI's discriminator is an object, AsyncAPI's a property's name."""
    if isinstance(node, list):
        return [_without_mapping(one) for one in node]
    if not isinstance(node, dict):
        return node
    plain = {name: _without_mapping(value) for name, value in node.items()}
    if isinstance(mapping := plain.get("discriminator"), dict):
        plain["discriminator"] = mapping["propertyName"]
    return plain


def _word(model: type[BaseModel]) -> str:
    word: str = model.model_json_schema()["properties"]["type"]["const"]
    return word


def _summary(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def group() -> dict[str, Any]:
    """The stream's doors, as the page for people shows those of the API."""
    gives = [
        {"status": _word(frame), "about": _summary(frame), "type": frame.__name__}
        for frame in FRAMES
    ]
    doors = [
        ("follow", "WS", "/ws/events/", "Follow the stream", f"{ABOUT} {HELLO}", Hello.__name__),
        ("listen", "GET", "/events/", "Follow the stream as server-sent events", SSE, ""),
    ]
    return {
        "name": "Stream",
        "doors": [
            {
                "id": name,
                "method": method,
                "path": path,
                "summary": summary,
                "about": about,
                "parameters": list(_parameters(("space",) if takes else tuple(QUERY))),
                "takes": takes,
                "gives": gives + [_farewell(code) for code in Close if takes],
            }
            for name, method, path, summary, about, takes in doors
        ],
    }


def _parameters(names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for name in names:
        schema = QUERY[name]
        yield {
            "name": name,
            "type": schema.get("format", schema["type"]),
            "default": None,
            "required": False,
            "about": schema["description"],
        }


def _farewell(code: Close) -> dict[str, Any]:
    return {"status": f"close {int(code)}", "about": code.meaning, "type": ""}
