"""One file's way to the server: tus 1.0.0, resumed after whatever cut it."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

import httpx

from millrace_client.errors import NotFound, Refused, Unreachable, refusal
from millrace_client.memory import Memory
from millrace_client.patience import Patience
from millrace_client.sources import Source

TUS = {"Tus-Resumable": "1.0.0"}
# somebody else holds the upload, bytes are elsewhere than we thought, the server is busy or stops
PASSING = {408, 409, 423, 429, 460, 500, 502, 503, 504}
GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
UNKNOWN = -1  # where the upload stands
Told = Callable[[int, int], None]  # bytes on their way, of all
Adopt = Callable[["Parcel"], Awaitable[str | None]]


@dataclass
class Parcel:
    """A source and what the server is told of it."""

    source: Source
    name: str
    metadata: dict[str, str] = field(default_factory=dict)
    key: str = ""  # by which the upload is remembered; "" if it is not

    def header(self) -> str:
        """Upload-Metadata."""
        pairs = {"filename": self.name} | self.metadata
        encoded = [
            (key, base64.b64encode(text.encode("utf-8", "replace")).decode())
            for key, text in pairs.items()
        ]
        return ",".join(f"{key} {text}".rstrip() for key, text in encoded)


class Sender:
    """Sends one parcel. `adopt` looks for an upload that was made although we heard no answer."""

    def __init__(
        self, http: httpx.AsyncClient, memory: Memory, patience: Patience, adopt: Adopt
    ) -> None:
        self._http = http
        self._memory = memory
        self._patience = patience
        self._adopt = adopt
        self._address: str | None = None
        self._offset = UNKNOWN
        self._best = 0  # furthest offset that the server has told
        self._unheard = False  # a creation's answer was lost

    async def send(self, parcel: Parcel, told: Told) -> str:
        """The id of the file once the server has all of it.

        Raises Refused for what will not go away, Unreachable when nothing has gone well for too
        long.
        """
        self._address = self._memory.recall(parcel.key) if parcel.key else None
        while self._offset < parcel.source.size:
            try:
                await self._step(parcel, told)
            except NotFound:  # expired or removed: begin anew
                self._address, self._best = None, 0
                self._forget(parcel)
                await self._wait("the upload is gone")
            except Refused as error:
                if error.status not in PASSING:
                    raise
                await self._wait(error)
            except httpx.TransportError as error:
                self._unheard = self._address is None
                await self._wait(error)
        self._forget(parcel)
        told(parcel.source.size, parcel.source.size)
        return urlsplit(self._address or "").path.rstrip("/").rpartition("/")[2]

    async def _step(self, parcel: Parcel, told: Told) -> None:
        if self._address is None:
            await self._begin(parcel)
        if self._offset == UNKNOWN:
            self._reached(await self._ask())
        if self._offset < parcel.source.size:
            self._reached(await self._append(parcel.source, told))

    def _reached(self, offset: int) -> None:
        self._offset = offset
        if offset > self._best:
            self._best = offset
            self._patience.success()

    async def _wait(self, why: object) -> None:
        self._offset = UNKNOWN
        pause = self._patience.failure()
        if pause is None:
            raise Unreachable(f"the upload did not get on: {why}")
        await asyncio.sleep(pause)

    def _forget(self, parcel: Parcel) -> None:
        if parcel.key:
            self._memory.forget(parcel.key)

    async def _begin(self, parcel: Parcel) -> None:
        if self._unheard:
            self._address = await self._adopt(parcel)
            self._unheard = False
        if self._address is None:
            length = str(parcel.source.size)
            headers = TUS | {"Upload-Length": length, "Upload-Metadata": parcel.header()}
            answer = _checked(await self._http.post("/uploads/", headers=headers))
            self._address = urljoin(str(answer.request.url), answer.headers["Location"])
            self._offset = 0
        if parcel.key:
            self._memory.remember(parcel.key, self._address)

    async def _ask(self) -> int:
        answer = await self._http.head(self._address or "", headers=TUS)
        if answer.status_code in GONE:
            raise NotFound("not_found", "The upload is gone.", answer.status_code)
        return int(_checked(answer).headers["Upload-Offset"])

    async def _append(self, source: Source, told: Told) -> int:
        headers = TUS | {
            "Upload-Offset": str(self._offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(source.size - self._offset),
        }
        content = _counted(source, self._offset, told)
        answer = await self._http.patch(self._address or "", headers=headers, content=content)
        return int(_checked(answer).headers["Upload-Offset"])


async def _counted(source: Source, offset: int, told: Told) -> AsyncIterator[bytes]:
    told(offset, source.size)
    async for block in source.blocks(offset):
        yield block
        offset += len(block)
        told(offset, source.size)


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise refusal(answer)
    return answer
