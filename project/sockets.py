"""uvicorn's WebSocket, which says nothing in the log of each that comes and goes, and can also be
handed a frame that is made already.

What many sockets are sent alike is framed once (RFC 6455, section 5.2: a server's frames are not
masked, so they are the same for all) and written as it is: by `write`, which a scope's extension
`WRITE` offers where it can be done, or in a message that brings such bytes as `framed` beside the
`text` that any other server sends.
"""

import logging
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

WRITE = "millrace.write"  # of a scope: takes a made frame at once, or says that it doesn't
AHEAD_BYTES = 32 * 1024  # that may wait in a transport; half of where it pauses us
TEXT = 0x81  # a whole message of text
QUIET = logging.getLogger("uvicorn.sockets")  # warnings and worse; two lines each otherwise
SHORT, LONG = 126, 2**16  # lengths from which on two, and eight, more bytes tell them


def framed(text: str) -> bytes:
    """A text message as the bytes on the wire."""
    payload = text.encode()
    length = len(payload)
    if length < SHORT:
        return bytes((TEXT, length)) + payload
    if length < LONG:
        return bytes((TEXT, SHORT)) + length.to_bytes(2, "big") + payload
    return bytes((TEXT, SHORT + 1)) + length.to_bytes(8, "big") + payload


class Sockets(WebSocketsSansIOProtocol):
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = self.conn.logger = QUIET
        self._owed = b""  # pongs for a client that takes nothing now

    def handle_connect(self, event: Request) -> None:
        """With compression each socket's bytes are its own."""
        super().handle_connect(event)
        if self.response.status_code == HTTPStatus.SWITCHING_PROTOCOLS and not self.conn.extensions:
            cast("dict[str, Any]", self.scope["extensions"])[WRITE] = self.write

    def write(self, made: bytes) -> bool:
        """Write a made frame, unless the connection is ending or is behind; whether it was."""
        transport = self.transport
        if (
            self.close_sent
            or transport.is_closing()
            or transport.get_write_buffer_size() > AHEAD_BYTES
        ):
            return False
        transport.write(made)
        return True

    def handle_ping(self) -> None:
        """Answer, or while the client takes nothing keep the latest answer alone (RFC 6455, section
        5.5.3): whoever only sends would fill the memory with them.
        """
        if self.writable.is_set():
            super().handle_ping()
        elif pongs := b"".join(self.conn.data_to_send()):
            self._owed = pongs

    def resume_writing(self) -> None:
        """The client takes something again."""
        super().resume_writing()
        owed, self._owed = self._owed, b""
        if owed and not self.close_sent and not self.transport.is_closing():
            self.transport.write(owed)

    async def send(self, message: Any) -> None:
        """Write a made frame as soon as the socket takes it; all else as ever."""
        made = message.get("framed")
        if made is not None and not self.conn.extensions:
            await self.writable.wait()
            if self.write(made):
                return
        await super().send(message)
