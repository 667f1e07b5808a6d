"""Many WebSockets of one process, read with as little work as Python allows."""

import json
import os
import select
import socket
import struct
import time
from base64 import b64encode

READ_BYTES = 262_144


class Crowd:
    """`number` sockets to a port, each of which has said hello and heard that it is ready."""

    def __init__(self, port: int, number: int, token: str = "") -> None:
        self.port = port
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._rest: dict[int, bytes] = {}
        for _ in range(number):
            one = _connect(port, token)
            self._sockets[one.fileno()] = one
            self._rest[one.fileno()] = b""
            self._poll.register(one.fileno(), select.EPOLLIN)
        self.until(b'{"type":"ready"', number)
        self._bell = socket.create_connection(("127.0.0.1", port))

    def __len__(self) -> int:
        return len(self._sockets)

    def ring(self) -> None:
        """Have the server send one event to all."""
        self._bell.sendall(b"GET /ring HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")

    def until(self, start: bytes, number: int, seconds: float = 120) -> float:
        """When so many frames that begin like this have come, by the clock."""
        heard = 0
        deadline = time.perf_counter() + seconds
        while heard < number:
            for fileno, _ in self._poll.poll(1):
                heard += self._read(fileno, start)
            if time.perf_counter() > deadline:
                raise TimeoutError(f"only {heard} of {number} frames have come")
        return time.perf_counter()

    def events(self, number: int) -> float:
        """When so many events have come, in whatever frames."""
        return self.until(b'{"seq":', number)

    def _read(self, fileno: int, start: bytes) -> int:
        data = self._rest[fileno] + self._sockets[fileno].recv(READ_BYTES)
        heard = 0
        while (size := _frame_size(data)) and size <= len(data):
            # an events frame counts once for each of its events
            heard += data.count(start, 0, size)
            data = data[size:]
        self._rest[fileno] = data
        return heard

    def close(self) -> None:
        """All leave."""
        for one in self._sockets.values():
            one.close()
        self._bell.close()
        self._poll.close()


def _frame_size(data: bytes) -> int:
    """Bytes of the first frame with its head (RFC 6455, section 5.2); 0 while that is not known."""
    if len(data) < 2:
        return 0
    length = data[1] & 0x7F
    if length < 126:
        return 2 + length
    if length == 126:
        return 4 + struct.unpack_from("!H", data, 2)[0] if len(data) >= 4 else 0
    return 10 + struct.unpack_from("!Q", data, 2)[0] if len(data) >= 10 else 0


def _connect(port: int, token: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port))
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = b64encode(os.urandom(16)).decode()
    lines = [
        "GET /ws/events/ HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    lines += [f"Authorization: Bearer {token}"] if token else []
    one.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += one.recv(1)  # nothing of the first frame
    if b" 101 " not in answer:
        raise ConnectionError(answer.decode())
    one.sendall(_masked(json.dumps({"type": "hello", "after": None}).encode()))
    return one


def _masked(text: bytes) -> bytes:
    mask = os.urandom(4)
    body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + mask + body
