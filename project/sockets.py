"""uvicorn's WebSocket, which says nothing in the log of each that comes and goes, and can also be
handed a frame that is made already.

What many sockets are sent alike is framed once (RFC 6455, section 5.2: a server's frames are not
masked, so they are the same for all) and written as it is. A message that brings such bytes as
`framed` has its `text` too, which any other server sends.
"""

import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

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

    async def send(self, message: Any) -> None:
        """Write a made frame at once where nothing stands in its way; all else as ever."""
        made = message.get("framed")
        if made is not None and self._open:
            self.transport.write(made)
        else:
            await super().send(message)

    @property
    def _open(self) -> bool:
        conn = self.conn
        return (
            self.writable.is_set()
            and not self.close_sent
            and not self.disconnected
            and conn.state is State.OPEN
            and not conn.extensions  # with compression each socket's bytes are its own
        )
