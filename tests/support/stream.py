"""A program on the WebSocket: keeps what the stream tells, as any client would."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import connect

from tests.support.server import Server


class Follower:
    """Holds files and counts of a space by snapshot and events alone."""

    def __init__(self, server: Server, token: str, space: str | None = None) -> None:
        self.url = f"{server.ws_url}/ws/events/" + (f"?space={space}" if space else "")
        self.headers = {"Authorization": f"Bearer {token}"}
        self.files: dict[str, dict[str, Any]] = {}
        self.counts: dict[str, int] = {}
        self.cursor: str | None = None
        self.frames: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.progress: list[dict[str, Any]] = []
        self.ready = asyncio.Event()
        self.changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Follower:
        self._task = asyncio.get_running_loop().create_task(self._follow())
        async with asyncio.timeout(60):
            await self.ready.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async with connect(
            self.url, additional_headers=self.headers, max_size=2**20, open_timeout=60
        ) as socket:
            await socket.send(json.dumps({"type": "hello", "after": self.cursor}))
            async for raw in socket:
                self.take(json.loads(raw))

    def take(self, frame: dict[str, Any]) -> None:
        """One frame, as a client applies it."""
        self.frames.append(frame)
        match frame["type"]:
            case "snapshot":
                self.files |= {file["id"]: file for file in frame["files"]}
                self.cursor, self.counts = frame["cursor"], frame["counts"]
            case "events":
                for event in frame["events"]:
                    self._apply(event)
                self.cursor, self.counts = frame["cursor"], frame["counts"]
            case "progress":
                self.progress += frame["files"]
            case "ready":
                self.ready.set()
        self.changed.set()

    def _apply(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["type"] == "file.deleted":
            self.files.pop(event["file"]["id"], None)
        elif event["type"].startswith("file."):
            self.files[event["file"]["id"]] = event["file"]

    async def until(self, test: Any, seconds: float = 100) -> None:
        """Return once `test()` holds; it is asked again after every frame."""
        async with asyncio.timeout(seconds):
            while not test():
                self.changed.clear()
                await self.changed.wait()

    def statuses(self, file_id: str) -> list[str]:
        """What the events said of one file, in order."""
        return [e["file"]["status"] for e in self.events if e.get("file", {}).get("id") == file_id]
