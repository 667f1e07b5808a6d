"""People at work: they send files as tus says, again and again if they must, and watch the stream.

What they hold is what the server has told them, through nginx, whatever died meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.production.samples import Sample
from tests.support import tus

ENDED = {"processed", "failed", "cancelled"}
AGAIN_SECONDS = 0.2  # before whatever went wrong is tried again
PATIENCE_SECONDS = 240  # with one upload


@dataclass
class Person:
    """Somebody with a token."""

    url: str
    token: str
    sent: dict[str, Sample] = field(default_factory=dict)  # by file id
    files: dict[str, dict[str, Any]] = field(default_factory=dict)  # as snapshot and events say
    counts: dict[str, int] = field(default_factory=dict)
    cursor: str | None = None
    seqs: list[int] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)  # of snapshots
    repeats: int = 0  # requests that had to be sent again
    joins: int = 0
    sending: asyncio.Event = field(default_factory=asyncio.Event)  # one more is on its way
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # something was told
    told: asyncio.Event = field(default_factory=asyncio.Event)  # likewise, for another listener

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    # -- sending -----------------------------------------------------------------------------------

    async def send(self, samples: list[Sample], *, at_once: int = 3) -> None:
        """Upload all of them, a few at a time."""
        todo = iter(samples)
        async with (
            httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=30) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(at_once):
                tasks.create_task(self._send_some(client, todo))

    async def _send_some(self, client: httpx.AsyncClient, todo: Any) -> None:
        for sample in todo:
            async with asyncio.timeout(PATIENCE_SECONDS):
                location = await self._create(client, sample)
                self.sent[tus.file_id(location)] = sample
                self.sending.set()
                while (offset := await self._offset(client, location)) < len(sample.content):
                    await self._patch(client, location, offset, sample.content)

    async def _create(self, client: httpx.AsyncClient, sample: Sample) -> str:
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(sample.content)),
            "Upload-Metadata": tus.metadata(filename=sample.name),
        }
        while (answer := await self._ask(client, "POST", "/uploads/", headers=headers)) is None:
            if location := await self._made(client, sample):
                return location
        return urljoin(str(answer.request.url), answer.headers["Location"])

    async def _made(self, client: httpx.AsyncClient, sample: Sample) -> str | None:
        """Where it is though the answer was lost. An empty file is whole once it is created; to
        create it again would make another one.
        """
        word = sample.name.partition("-")[0]
        answer = await self._try(client, "GET", "/api/files/", params={"q": word})
        found = [file["id"] for file in answer.json()["items"] if file["name"] == sample.name]
        return f"{self.url}/uploads/{found[0]}" if found else None

    async def _offset(self, client: httpx.AsyncClient, location: str) -> int:
        answer = await self._try(client, "HEAD", location, headers={"Tus-Resumable": "1.0.0"})
        return int(answer.headers["Upload-Offset"])

    async def _patch(
        self, client: httpx.AsyncClient, location: str, offset: int, content: bytes
    ) -> None:
        """One chunk; whatever becomes of it, HEAD tells."""
        chunk = content[offset : offset + max(1, len(content) // 2 + 1)]
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": tus.OFFSET,
        }
        try:
            answer = await client.patch(location, headers=headers, content=chunk)
        except httpx.HTTPError:
            await self._again()
            return
        if answer.status_code != 204:
            assert may_pass(answer), answer.text
            await self._again()

    async def _try(
        self, client: httpx.AsyncClient, method: str, url: str, **more: Any
    ) -> httpx.Response:
        while (answer := await self._ask(client, method, url, **more)) is None:
            pass
        return answer

    async def _ask(
        self, client: httpx.AsyncClient, method: str, url: str, **more: Any
    ) -> httpx.Response | None:
        """Once; None, a moment later, where it did not work out and may yet."""
        try:
            answer = await client.request(method, url, **more)
        except httpx.HTTPError:
            await self._again()
            return None
        if answer.is_success:
            return answer
        assert may_pass(answer), f"{method} {url}: {answer.status_code} {answer.text}"
        await self._again()
        return None

    async def _again(self) -> None:
        self.repeats += 1
        await asyncio.sleep(AGAIN_SECONDS)

    # -- watching ----------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Hold the space by snapshot and events alone, until cancelled; join again when cut off."""
        address = f"{self.url.replace('http', 'ws', 1)}/ws/events/"
        while True:
            try:
                async with connect(
                    address, additional_headers=self.headers, max_size=2**20, open_timeout=60
                ) as socket:
                    self.joins += 1
                    await socket.send(json.dumps({"type": "hello", "after": self.cursor}))
                    async for raw in socket:
                        self._take(json.loads(raw))
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(AGAIN_SECONDS)

    def _take(self, frame: dict[str, Any]) -> None:
        if frame["type"] == "snapshot":
            self.files |= {file["id"]: file for file in frame["files"]}
            self.reasons.append(frame["reason"])
        elif frame["type"] == "events":
            for event in frame["events"]:
                self._apply(event)
        if frame["type"] in {"snapshot", "events"}:
            self.cursor, self.counts = frame["cursor"], frame["counts"]
            self.changed.set()
            self.told.set()

    def _apply(self, event: dict[str, Any]) -> None:
        if self.seqs and event["seq"] <= self.seqs[-1]:
            return  # known: a client drops it
        self.seqs.append(event["seq"])
        if event["type"] == "file.deleted":
            self.files.pop(event["file"]["id"], None)
        elif event["type"].startswith("file."):
            self.files[event["file"]["id"]] = event["file"]

    def ended(self) -> bool:
        """Whether everything that was sent has ended, as far as this person was told."""
        return all(self.files.get(each, {}).get("status") in ENDED for each in self.sent)

    async def until_ended(self, seconds: float) -> None:
        """Return when it has; fails with what has not."""
        try:
            async with asyncio.timeout(seconds):
                while not self.ended():
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            held = {file_id: self.files.get(file_id) for file_id in self.sent}
            open_ = {
                i: f and f["status"] for i, f in held.items() if not f or f["status"] not in ENDED
            }
            raise AssertionError(f"not ended within {seconds} s: {open_}") from None


@asynccontextmanager
async def watching(people: Iterable[Person]) -> AsyncIterator[None]:
    """All of them watch, and have been told what there is."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(person.watch()) for person in people]
    for person in people:
        async with asyncio.timeout(100):
            await person.changed.wait()
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def nothing_is_lost(person: Person) -> None:
    """What this person was told, what the API says and what was sent are the same; each file's
    results come from one attempt, and no event is missing.
    """
    async with httpx.AsyncClient(base_url=person.url, headers=person.headers, timeout=30) as client:
        for file_id, sample in person.sent.items():
            file = (await client.get(f"/api/files/{file_id}/")).json()
            assert file["status"] == sample.status, (sample.name, file["error"], file["attempt"])
            assert file["sha256"] == digest(sample.content)
            assert {step["attempt"] for step in file["steps"]} == {file["attempt"]}
            names = [step["name"] for step in file["steps"]]
            assert len(names) == len(set(names))
            assert person.files[file_id]["status"] == file["status"]
        content = await client.get(f"/api/files/{file_id}/content/")
        assert content.content == sample.content
        counts = (await client.get("/api/counts/")).json()
    assert counts == person.counts
    assert person.reasons == ["first"], "a client that was away for a moment needs no new snapshot"
    first = person.seqs[0]
    assert person.seqs == list(range(first, first + len(person.seqs))), "an event is missing"


def may_pass(answer: httpx.Response) -> bool:
    """What a client sends again: the server is away, busy, or another request holds the upload."""
    return answer.status_code in {409, 423, 429} or answer.status_code >= 500


def digest(content: bytes) -> str:
    """sha-256, as the server tells it."""
    return hashlib.sha256(content).hexdigest()
