"""The stream, followed through whatever cuts it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from millrace_client.errors import NotSignedIn, Refused, Unreachable
from millrace_client.patience import Patience
from millrace_client.shapes import Frame

CHANGED = 4403  # a right was withdrawn, or another one given
MOST_BYTES = 1024 * 1024  # of a frame; the server's have half of that at the most
# closed for good: coming again would not help
FINAL = {
    4401: NotSignedIn("not_signed_in", "There is no token, or it is not valid.", 401),
    4403: Refused("forbidden", "That space is not yours, or no longer.", 403),
    1008: Refused("bad_request", "The server did not understand our hello.", 400),
}


@dataclass
class Place:
    """Where and what to listen to, and the newest cursor that was told."""

    url: str  # of the server
    token: str
    space: str | None = None
    batch: str | None = None
    file: str | None = None
    after: str | None = None

    @property
    def address(self) -> str:
        """Of the WebSocket; what is secret is not in it."""
        query = f"?{urlencode({'space': self.space})}" if self.space else ""
        return f"{self.url.rstrip('/').replace('http', 'ws', 1)}/ws/events/{query}"

    def hello(self) -> str:
        """The first message."""
        wish: dict[str, Any] = {"type": "hello", "after": self.after}
        wish |= {"batch": self.batch} if self.batch else {}
        wish |= {"file": self.file} if self.file else {}
        return json.dumps(wish)

    def heard(self, frame: Frame) -> None:
        """Keep its cursor; that of a snapshot counts once all of it has come."""
        if "cursor" in frame and frame.get("last", True):
            self.after = frame["cursor"]


async def frames(place: Place, patience: Patience) -> AsyncGenerator[Frame, None]:
    """Every frame, in order, across connections; `place.after` moves along.

    Raises NotSignedIn or Refused when the server will not have us, Unreachable when it could not
    be reached for too long.
    """
    while True:
        heard = False
        try:
            async with aclosing(_connection(place)) as connection:
                async for frame in connection:
                    heard = True
                    patience.success()
                    place.heard(frame)
                    yield frame
            why: object = "the connection was closed"
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 1006
            # whoever was let in and is sent away may still have other rights: the next hello tells
            if code in FINAL and not (heard and code == CHANGED):
                raise FINAL[code] from None
            why = closed
        except (OSError, TimeoutError, InvalidHandshake) as error:
            why = error
        pause = patience.failure()
        if pause is None:
            raise Unreachable(f"the stream can't be had: {why}")
        await asyncio.sleep(pause)


async def _connection(place: Place) -> AsyncGenerator[Frame, None]:
    headers = {"Authorization": f"Bearer {place.token}"}
    async with connect(
        place.address, additional_headers=headers, max_size=MOST_BYTES, compression=None
    ) as socket:
        await socket.send(place.hello())
        while True:
            frame: Frame = json.loads(await socket.recv())
            yield frame
