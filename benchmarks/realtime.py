"""Delivery: one event to many sockets beside stock Channels and Node's `ws`; memory; latency.

The same crowd of sockets in one process hears each server in turn. What a server sends is the same
text; how it gets there is its own.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks import peer_payload, peer_servers, table
from benchmarks.crowd import Crowd
from tests.support import node
from tests.support.server import ROOT, Server, free_port
from tests.support.tus import upload

SOCKETS = 500
ROUNDS = 3  # each figure is the median of so many, taken in turn with its peers
BELLS = {"Millrace": 100, "ws": 100, "Channels": 5}  # rung one after the other in a round
WARM = 2
IDLE = 2_000
FIRST = 200  # sockets that pay for whatever the first ones cost
FILES = 60
LOAD_THREADS = 4


def main() -> None:
    """Print all figures."""
    print(table.machine())
    with tempfile.TemporaryDirectory(prefix="millrace-bench-") as folder:
        fan_out(Path(folder))
        memory(Path(folder))
        latency(Path(folder))


# -- fan-out ---------------------------------------------------------------------------------------

Serving = AbstractContextManager[tuple[int, int, str]]


def fan_out(folder: Path) -> None:
    """One event to all, the next when all have it."""
    servers: dict[str, Callable[[], Serving]] = {
        "Millrace": lambda: _hub(folder / f"hub{time.monotonic_ns()}"),
        "ws": _ws,
        "Channels": _channels,
    }
    found: dict[str, list[float]] = {name: [] for name in servers}
    worked: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, serve in servers.items():
            with serve() as (port, pid, token):
                crowd = Crowd(port, SOCKETS, token)
                try:
                    before = _worked(pid)
                    found[name].append(_events_a_second(crowd, BELLS[name]))
                    worked[name].append((_worked(pid) - before) / (BELLS[name] + WARM))
                finally:
                    crowd.close()
    rates = {name: statistics.median(each) for name, each in found.items()}
    table.row(
        f"one event to {SOCKETS} sockets, repeated",
        rates["Millrace"],
        "events/s",
        ws=rates["ws"],
        Channels=rates["Channels"],
    )
    costs = {name: 1 / statistics.median(each) for name, each in worked.items()}
    table.row(
        "the same, by a second of the server's processor",
        costs["Millrace"],
        "events",
        ws=costs["ws"],
        Channels=costs["Channels"],
    )


def _worked(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _events_a_second(crowd: Crowd, bells: int) -> float:
    for _ in range(WARM):  # whatever a first event costs is paid
        crowd.ring()
        crowd.events(len(crowd))
    began = ended = time.perf_counter()
    for _ in range(bells):
        crowd.ring()
        ended = crowd.events(len(crowd))
    return bells / (ended - began)


@contextmanager
def _hub(folder: Path) -> Iterator[tuple[int, int, str]]:
    folder.mkdir()
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peer_hub", str(port), str(folder)]
    with peer_servers.running(command, port) as pid:
        yield port, pid, (folder / "token").read_text()


@contextmanager
def _channels() -> Iterator[tuple[int, int, str]]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peer_channels", str(port)]
    with peer_servers.running(command, port) as pid:
        yield port, pid, ""


@contextmanager
def _ws() -> Iterator[tuple[int, int, str]]:
    port = free_port()
    packages = node.packages(ROOT / "benchmarks" / "node")
    # the number of the event is the only thing that changes
    template = peer_payload.frame(0).replace('"seq":0', '"seq":SEQ').replace(':0"', ':SEQ"')
    script = str(ROOT / "benchmarks" / "peer_ws.mjs")
    command = [str(node.NODE), script, str(packages), str(port), template]
    with peer_servers.running(command, port) as pid:
        yield port, pid, ""


# -- memory ----------------------------------------------------------------------------------------


def memory(folder: Path) -> None:
    """What an idle subscriber costs the server's process."""
    server = Server(folder / "memory", SOCKETS_PER_USER="5000").start()
    try:
        token = server.token("alice")
        first = Crowd(server.port, FIRST, token)
        time.sleep(1)
        before = _resident(server.pid)
        crowd = Crowd(server.port, IDLE, token)
        time.sleep(1)
        grown = _resident(server.pid) - before
        table.row(f"an idle subscriber, at {IDLE:,}", grown / IDLE / 1000, "kB")
        crowd.close()
        first.close()
    finally:
        server.kill9()


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# -- latency ---------------------------------------------------------------------------------------


def latency(folder: Path) -> None:
    """From the end of a file's last step to the message at a client."""
    server = Server(folder / "latency").start()
    try:
        token = server.token("alice")
        _print_latency("idle", asyncio.run(_latencies(server, token)))
        stop = threading.Event()
        others = [
            threading.Thread(target=_busy, args=(server, server.token(f"busy{number}"), stop))
            for number in range(LOAD_THREADS)
        ]
        for other in others:
            other.start()
        try:
            _print_latency("under load", asyncio.run(_latencies(server, token)))
        finally:
            stop.set()
            for other in others:
                other.join()
    finally:
        server.kill9()


def _print_latency(when: str, waits: list[float]) -> None:
    waits.sort()
    middle, worst = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
    table.row(f"end of a step to the client, {when}: p50", middle * 1000, "ms")
    table.row(f"end of a step to the client, {when}: p99", worst * 1000, "ms")


def _busy(server: Server, token: str, stop: threading.Event) -> None:
    with server.client(token) as client:
        while not stop.is_set():
            upload(client, "busy.txt", b"words of load\n" * 300)


async def _latencies(server: Server, token: str) -> list[float]:
    waits: list[float] = []
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(f"{server.ws_url}/ws/events/", additional_headers=headers) as one:
        await one.send(json.dumps({"type": "hello", "after": None}))
        sending = asyncio.ensure_future(asyncio.to_thread(_files, server, token))
        while len(waits) < FILES:
            frame = json.loads(await one.recv())
            now = time.time()
            waits += [
                now - datetime.fromisoformat(event["at"]).timestamp()
                for event in frame.get("events", ())
                if event.get("file", {}).get("status") == "processed"
            ]
        await sending
    return waits


def _files(server: Server, token: str) -> None:
    with server.client(token) as client:
        for number in range(FILES):
            upload(client, f"{number}.txt", b"words\n")
            time.sleep(0.05)


if __name__ == "__main__":
    main()
