"""The client for asyncio."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from millrace_client.errors import NotFound, StreamGap, Unreachable, refusal
from millrace_client.following import Place, frames
from millrace_client.memory import Memory
from millrace_client.patience import Patience
from millrace_client.sending import Parcel, Sender, Told
from millrace_client.shapes import ENDED, Batch, Counts, Event, File, FileDetail, Frame
from millrace_client.sources import Content, Source
from millrace_client.world import World

AT_ONCE = 8  # requests for details
OLDEST = "oldest"


class AsyncClient:
    """A server as one user sees it.

    `url` is the server's (`https://files.example.org`), `token` an API token. `space` is the slug
    of the space that is meant, by default the token's own. `patience` is for how many seconds a
    server that can't be reached is tried again. `memory` is a folder in which unfinished uploads
    are remembered over the end of the program.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        space: str | None = None,
        patience: float = 300,
        memory: Path | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.space = space
        self._token = token
        self._patience = patience
        self._memory = Memory(memory)
        self._ours: set[str] = set()  # files that uploads of this client have become
        self._http = httpx.AsyncClient(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            params={"space": space} if space else None,
            timeout=httpx.Timeout(60, read=120),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    # -- sending -----------------------------------------------------------------------------------

    async def upload(  # noqa: PLR0913 - keywords, each a thing of its own
        self,
        content: Content,
        *,
        name: str | None = None,
        path: str = "",
        batch: str | None = None,
        batch_total: int | None = None,
        verify: bool = False,
        told: Told | None = None,
    ) -> File:
        """Send a file, resuming as often as needed; the file as it was when all had arrived.

        `content` is a path, bytes, or an open binary file; `name` is needed unless it is a path.
        `verify` has the server compare the file's sha-256. `told` hears of the bytes on their way.
        Raises Refused (too large, quota reached, …), Unreachable.
        """
        source = Source(content)
        try:
            if name is None:
                if source.path is None:
                    raise ValueError("what has no path needs a name")
                name = source.path.name
            metadata = {"path": path, "batch": batch or ""}
            metadata["batch_total"] = "" if batch_total is None else str(batch_total)
            metadata["sha256"] = await source.sha256() if verify else ""
            parcel = Parcel(source, name, {key: text for key, text in metadata.items() if text})
            if source.path is not None and self._memory.folder is not None:
                parcel.key = self._memory.key(self.url, self.space or "", source.path, batch)
            sender = Sender(self._http, self._memory, Patience(self._patience), self._adopt)
            file_id = await sender.send(parcel, told or _nobody)
        finally:
            source.close()
        self._ours.add(file_id)
        return await self.file(file_id)

    async def _adopt(self, parcel: Parcel) -> str | None:
        """An upload whose creation was heard, but not its answer; known by its place in a batch."""
        batch = parcel.metadata.get("batch")
        if batch is None:
            return None  # what was made will expire
        async for file in self.files(batch=batch):
            same = (file["name"], file["path"], file["size"]) == (
                parcel.name,
                parcel.metadata.get("path", ""),
                parcel.source.size,
            )
            if same and file["id"] not in self._ours:
                return f"{self.url}/uploads/{file['id']}"
        return None

    # -- asking ------------------------------------------------------------------------------------

    async def file(self, file_id: str) -> FileDetail:
        """One file with its steps, results and artifacts. Raises NotFound."""
        found: FileDetail = await self._get(f"/api/files/{file_id}/")
        return found

    async def files(self, **filters: Any) -> AsyncGenerator[File, None]:
        """Files of the space, newest first; `filters` are those of `GET /api/files/`."""
        query: dict[str, Any] = {"limit": 500} | filters
        while True:
            page = await self._get("/api/files/", query)
            for file in page["items"]:
                yield file
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    async def counts(self) -> Counts:
        """Files of the space by status."""
        found: Counts = await self._get("/api/counts/")
        return found

    async def batch(self, batch: str) -> Batch:
        """One batch. Raises NotFound."""
        found: Batch = await self._get(f"/api/batches/{batch}/")
        return found

    async def download(self, file_id: str, to: Path, *, artifact: str | None = None) -> Path:
        """Save the original or an artifact (`STEP/NAME`) at the path `to`, whole or not at all."""
        place = "content" if artifact is None else f"artifacts/{artifact}"
        draft = to.with_name(f".{to.name}.{os.getpid()}.part")
        try:
            async with self._http.stream("GET", f"/api/files/{file_id}/{place}") as answer:
                if answer.is_error:
                    await answer.aread()
                    raise refusal(answer)
                with draft.open("wb") as file:
                    async for block in answer.aiter_bytes(512 * 1024):
                        await asyncio.to_thread(file.write, block)
            return draft.replace(to)
        finally:
            draft.unlink(missing_ok=True)

    # -- changing ----------------------------------------------------------------------------------

    async def retry(self, file_id: str) -> FileDetail:
        """Process a file that has ended again. Raises Refused (409) while it has not."""
        found: FileDetail = await self._call("POST", f"/api/files/{file_id}/retry/")
        return found

    async def cancel(self, file_id: str) -> None:
        """Stop a file where it is. Raises Refused (409) when it has ended."""
        await self._call("POST", f"/api/files/{file_id}/cancel/")

    async def delete(self, file_id: str) -> None:
        """Delete a file for good, with its content and results."""
        await self._call("DELETE", f"/api/files/{file_id}/")

    # -- listening ---------------------------------------------------------------------------------

    async def follow(
        self, *, after: str | None = None, batch: str | None = None, file: str | None = None
    ) -> AsyncGenerator[Frame, None]:
        """Every frame of the stream, through lost connections; see `World` for applying them.

        Without `after` it begins with a snapshot.
        """
        place = Place(self.url, self._token, self.space, batch, file, after)
        async with aclosing(frames(place, Patience(self._patience))) as found:
            async for frame in found:
                yield frame

    async def events(
        self, *, after: str | None = None, batch: str | None = None, file: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Every event after a cursor, from now on (None), or from the oldest that is kept
        ("oldest").

        Raises StreamGap where some are kept no longer; going on from its cursor is possible.
        """
        if after == OLDEST:
            async for page in self.pages(batch=batch, file=file):
                after = page["cursor"]
                for event in page["events"]:
                    yield event
        expected = after is None
        async with aclosing(self.follow(after=after, batch=batch, file=file)) as found:
            async for frame in found:
                if frame["type"] == "snapshot" and frame["last"] and not expected:
                    raise StreamGap(frame["reason"], frame["cursor"])
                expected = expected and frame["type"] == "snapshot"
                for event in frame.get("events", ()):
                    yield event

    async def pages(
        self, *, batch: str | None = None, file: str | None = None
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The stream from the oldest event that is kept: `{"cursor", "events", "more"}`."""
        query: dict[str, Any] = {"limit": 1000, "batch": batch, "file": file}
        query = {name: value for name, value in query.items() if value is not None}
        more = True
        while more:
            page = await self._get("/api/events/", query)
            yield page
            more, query["after"] = page["more"], page["cursor"]

    async def wait(
        self, *file_ids: str, batch: str | None = None, seconds: float | None = None
    ) -> list[FileDetail]:
        """The files, or those of a batch, with their results, once all of them have ended.

        Files that are deleted meanwhile are left out. Raises TimeoutError after `seconds`.
        """
        async with asyncio.timeout(seconds):
            if batch is not None:
                await self._until_batch_ended(batch)
                file_ids = tuple([file["id"] async for file in self.files(batch=batch)])
            else:
                await self._until_ended(file_ids)
            return await self._details(file_ids)

    async def _until_batch_ended(self, batch: str) -> None:
        async with aclosing(self.follow(batch=batch)) as found:
            async for frame in found:
                told = any(event["type"] == "batch.ended" for event in frame.get("events", ()))
                if told or (frame["type"] == "ready" and await self._has_ended(batch)):
                    return

    async def _has_ended(self, batch: str) -> bool:
        try:
            return (await self.batch(batch))["ended"]
        except NotFound:
            return False  # nothing of it has come yet

    async def _until_ended(self, file_ids: Collection[str]) -> None:
        left, world = set(file_ids), World()
        async with aclosing(self.follow()) as found:
            async for frame in found:
                changed = world.apply(frame)
                if not world.ready:
                    continue  # a snapshot may be older than a retry that we know of
                if frame["type"] == "ready":  # what is not in a snapshot may have ended long ago
                    changed = list(left)
                    for file_id in left - world.files.keys():
                        await self._look_up(file_id, world)
                for file_id in left.intersection(changed):
                    known = world.files.get(file_id)
                    if known is None or known["status"] in ENDED:
                        left.discard(file_id)
                if not left:
                    return

    async def _look_up(self, file_id: str, world: World) -> None:
        try:
            world.files[file_id] = await self.file(file_id)
        except NotFound:
            world.files.pop(file_id, None)

    async def _details(self, file_ids: Iterable[str]) -> list[FileDetail]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(file_id: str) -> FileDetail | None:
            async with slots:
                try:
                    return await self.file(file_id)
                except NotFound:
                    return None

        found = await asyncio.gather(*(one(file_id) for file_id in file_ids))
        return [file for file in found if file is not None]

    # -- requests ----------------------------------------------------------------------------------

    async def _get(self, path: str, query: dict[str, Any] | None = None) -> Any:
        """The JSON of an address, tried again while the server can't be reached."""
        patience = Patience(self._patience)
        while True:
            try:
                return await self._call("GET", path, query)
            except httpx.TransportError as error:
                pause = patience.failure()
                if pause is None:
                    raise Unreachable(f"{self.url} can't be reached: {error}") from error
                await asyncio.sleep(pause)

    async def _call(self, method: str, path: str, query: dict[str, Any] | None = None) -> Any:
        answer = await self._http.request(method, path, params=query)
        if answer.is_error:
            raise refusal(answer)
        return answer.json() if answer.content else None


def _nobody(_done: int, _of: int) -> None:
    """Nobody wants to be told of bytes on their way."""
