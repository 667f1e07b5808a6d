"""A frame that is made once for all is the one that a WebSocket library would make, and is written
where nothing stands in its way.
"""

import asyncio
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from project.sockets import WRITE, Sockets, framed


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 500_000])
def test_a_made_frame_is_as_the_protocol_says(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    expected = Frame(Opcode.TEXT, text.encode()).serialize(mask=False, extensions=[])
    assert framed(text) == expected


class Transport(asyncio.Transport):
    """The way out of a server whose client may read or not."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.answered = asyncio.Event()
        self.waiting = 0
        self.closing = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))
        self.answered.set()

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True


HANDSHAKE = (
    b"GET /ws/events/ HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


async def begun(*, deflate: bool) -> tuple[Sockets, Transport]:
    """A connection that was let in by an application that then waits."""

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()

    config = Config(application, ws_per_message_deflate=deflate, ws_ping_interval=None)
    config.load()
    sockets, transport = Sockets(config, ServerState(), {}), Transport()
    sockets.connection_made(transport)
    sockets.data_received(HANDSHAKE)
    await transport.answered.wait()
    return sockets, transport


async def test_a_made_frame_is_written_unless_the_client_is_behind_or_leaving() -> None:
    sockets, transport = await begun(deflate=False)
    write: Any = sockets.scope["extensions"][WRITE]
    assert write(b"one")
    transport.waiting = 100_000
    assert not write(b"two")
    transport.waiting = 0
    sockets.shutdown()
    assert not write(b"three")
    assert transport.written[1] == b"one"
    assert b"two" not in transport.written
    assert b"three" not in transport.written
    sockets.connection_lost(None)


async def test_with_compression_nothing_is_made_for_all() -> None:
    sockets, transport = await begun(deflate=True)
    assert WRITE not in sockets.scope["extensions"]
    await sockets.send({"type": "websocket.send", "text": "hello", "framed": framed("hello")})
    assert transport.written[1] != framed("hello")
    sockets.connection_lost(None)


def ping(data: bytes) -> bytes:
    """A ping as a client sends it; a mask of zeros leaves the data as it is."""
    return bytes((0x89, 0x80 | len(data))) + bytes(4) + data


async def test_who_sends_pings_and_takes_nothing_is_owed_the_latest_answer_alone() -> None:
    sockets, transport = await begun(deflate=False)
    sockets.data_received(ping(b"first"))
    assert transport.written[1:] == [b"\x8a\x05first"]
    sockets.pause_writing()
    for number in range(1000):
        sockets.data_received(ping(b"%d" % number))
    assert len(transport.written) == 2
    sockets.resume_writing()
    assert transport.written[2:] == [b"\x8a\x03999"]
    sockets.connection_lost(None)
