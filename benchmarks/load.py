"""Sends uploads over plain sockets, with as little work of its own as Python allows."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import repeat

BLOCK = os.urandom(1024 * 1024)


def request(method: str, path: str, headers: dict[str, str]) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def one(port: int, head: bytes, size: int = 0) -> tuple[int, dict[str, str]]:
    """Send a head and `size` bytes on a connection of their own; status and headers."""
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(head)
        left = size
        while left:
            left -= connection.send(BLOCK[: min(left, len(BLOCK))])
        answer = b""
        while b"\r\n\r\n" not in answer:
            more = connection.recv(65536)
            if not more:
                raise ConnectionError(f"no answer, only {answer!r}")
            answer += more
    first, *rest = answer.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in rest if ": " in line)
    return int(first.split()[1]), headers


def large(port: int, heads: list[bytes], size: int) -> float:
    """Send one body of `size` bytes behind each head, all at once; bytes per second."""
    statuses: list[int] = []
    senders = [
        threading.Thread(target=lambda head=head: statuses.append(one(port, head, size)[0]))
        for head in heads
    ]
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    took = time.perf_counter() - began
    if len(statuses) != len(heads) or max(statuses) >= 300:
        raise RuntimeError(f"not all were taken: {statuses}")
    return size * len(heads) / took


def small(port: int, message: bytes, connections: int, number: int) -> float:
    """Send the same request `number` times over `connections` that stay open; answers a second."""
    began = time.perf_counter()
    send_all(port, repeat(message, number), connections)
    return number / (time.perf_counter() - began)


def send_all(port: int, messages: Iterable[bytes], connections: int) -> None:
    """Send each request and await its answer, over `connections` that stay open."""
    asyncio.run(_send_all(port, iter(messages), connections))


async def _send_all(port: int, messages: Iterator[bytes], connections: int) -> None:
    async def send() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in messages:
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 20"):
                raise RuntimeError(f"refused: {head[:200]!r}")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            if length:
                await reader.readexactly(int(length))
            elif b"chunked" in head.lower():
                await reader.readuntil(b"0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(send() for _ in range(connections)))
