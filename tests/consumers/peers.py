"""Clients of the stream without a network: the other side of ASGI, slow or quick at will, and what
a client holds that has only been told.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction

from consumers.websocket import EventsConsumer
from project import database
from uploads import people
from uploads.models import Space, Token, UploadedFile, User
from uploads.processing.jobs import arrivals, attempts, leases

PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Person:
    """A user with a private space and a token."""

    user: User
    space: Space
    token: Token
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.secret}"}


def person(name: str) -> Person:
    user = people.person(name)
    token, secret = people.make_token(user)
    return Person(user, people.private_space(user), token, secret)


@sync_to_async
def signed_in(who: Person) -> SessionStore:
    """A session as signing in leaves it."""
    session = SessionStore()
    session[SESSION_KEY] = str(who.user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = who.user.get_session_auth_hash()
    session.save()
    return session


def cookie(session: SessionStore) -> dict[str, str]:
    """What a browser sends of it."""
    return {"cookie": f"{settings.SESSION_COOKIE_NAME}={session.session_key}"}


def arrive(space: Space, name: str = "a.txt", **more: Any) -> UploadedFile:
    """A file comes whole."""
    arrival = arrivals.Arrival(space_id=space.pk, uploader_id=None, name=name, size=3, **more)
    with transaction.atomic():
        return arrivals.receive(arrival, sha256="00")


async def arrives(space: Space, name: str = "a.txt", **more: Any) -> UploadedFile:
    return await database.write(arrive, space, name, **more)


def process(space: Space, error: dict[str, Any] | None = None) -> None:
    """Whatever waits first is processed."""
    for claimed in leases.claim("worker", 1):
        assert claimed.space_id == space.pk
        attempts.finish(claimed, [], error)


class Held:
    """What a client knows: files and counts, by snapshot and events alone."""

    def __init__(self) -> None:
        self.files: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.cursor: str | None = None
        self.seqs: list[int] = []  # of all events, in the order of their coming
        self.frames: list[dict[str, Any]] = []
        self.measures: list[dict[str, Any]] = []
        self._coming: dict[str, dict[str, Any]] = {}

    def take(self, frame: dict[str, Any]) -> None:
        """Apply a frame as the documentation tells clients to."""
        self.frames.append(frame)
        if frame["type"] == "snapshot":
            self._coming |= {file["id"]: file for file in frame["files"]}
            if frame["last"]:
                self.files, self._coming = self._coming, {}
                self.cursor, self.counts = frame["cursor"], frame["counts"]
        elif frame["type"] == "events":
            for event in frame["events"]:
                self._apply(event)
            self.cursor, self.counts = frame["cursor"], frame["counts"]
        elif frame["type"] == "progress":
            self.measures += frame["files"]
        elif frame["type"] == "position":
            self.cursor = frame["cursor"]

    def _apply(self, event: dict[str, Any]) -> None:
        self.seqs.append(event["seq"])
        if event["type"] == "file.deleted":
            self.files.pop(event["file"]["id"], None)
        elif event["type"] != "batch.ended":
            self.files[event["file"]["id"]] = event["file"]

    @property
    def seq(self) -> int:
        return int((self.cursor or ":-1").rpartition(":")[2])

    @property
    def types(self) -> list[str]:
        return [frame["type"] for frame in self.frames]


class Peer:
    """A client at the WebSocket's consumer. While `stalled`, its socket takes nothing."""

    def __init__(
        self, headers: dict[str, str], *, query: str = "", held: Held | None = None
    ) -> None:
        self.held = held or Held()
        self.code: int | None = None  # why we were closed
        self._scope = {
            "type": "websocket",
            "path": "/ws/events/",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._changed = asyncio.Event()
        self._left = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Peer:
        return self.connect()

    async def __aexit__(self, *_: object) -> None:
        await self.leave()

    def connect(self) -> Peer:
        self._incoming.put_nowait({"type": "websocket.connect"})
        app: Any = EventsConsumer.as_asgi()
        work = app(self._scope, self._incoming.get, self._send)
        self._task = asyncio.get_running_loop().create_task(work)
        return self

    def say(self, message: object) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def hello(self, **more: object) -> Peer:
        self.say({"type": "hello", "after": self.held.cursor} | more)
        return self

    async def join(self, **more: object) -> Peer:
        """Say hello, and return once everything is live."""
        self.hello(**more)
        ready = self.held.types.count("ready")
        await self.until(lambda: self.held.types.count("ready") > ready)
        return self

    def stall(self) -> None:
        self._flowing.clear()

    def flow(self) -> None:
        self._flowing.set()

    async def leave(self) -> None:
        """The connection is cut; whatever was on its way is lost."""
        self._left = True
        self._flowing.set()
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
        if self._task is not None:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._task

    async def until(self, test: Any) -> None:
        """Return once `test()` holds; it is asked after every message."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not test():
                self._changed.clear()
                await self._changed.wait()

    async def closed(self) -> int:
        """Why we were closed."""
        await self.until(lambda: self.code is not None)
        assert self.code is not None
        return self.code

    async def _send(self, message: dict[str, Any]) -> None:
        await self._flowing.wait()
        if self._left:
            raise OSError("the client has left")
        if message["type"] == "websocket.send":
            self.held.take(json.loads(message["text"]))
        elif message["type"] == "websocket.close":
            self.code = message["code"]
            self._incoming.put_nowait({"type": "websocket.disconnect", "code": self.code})
        self._changed.set()


async def fresh(who: Person, **more: object) -> Held:
    """What somebody holds who comes now."""
    async with Peer(who.headers) as peer:
        await peer.join(**more)
        return peer.held


def origin() -> str:
    return settings.ORIGINS[0]


async def quiet(seconds: float = 0.15) -> None:
    """Long enough for what should not come to have come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.Event().wait()
