"""Large and small uploads beside @tus/server, tuspyserver, nginx and a stock Django view; memory.

Every server stores on the same disk and is sent the same bytes over loopback by the same client.
What we measure is receiving alone (the jobs wait), unless a row says otherwise.
"""

import fcntl
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import load, peer_servers, table
from benchmarks.peer_servers import Peer
from tests.support.server import Server

LARGE_BYTES = 2**30
AT_ONCE = 32
SMALL_BYTES = 4096
SMALL_NUMBER = 3000
CONNECTIONS = (1, 16, 32)
ROUNDS = 3  # each figure is the median of so many, taken in turn with its peers
TYPE = "application/offset+octet-stream"
MEMORY_BYTES = 4 * 2**30
MANY = 100


@dataclass(frozen=True)
class Target:
    """A server, and how uploads are made there."""

    name: str
    port: int
    pid: int
    creation: str
    headers: dict[str, str]
    put: bool = False  # no tus: one PUT is all

    def heads(self, number: int, size: int) -> list[bytes]:
        """The heads of requests that each bring one body of `size` bytes."""
        if self.put:
            length = {"Content-Length": str(size)}
            paths = [f"/{time.monotonic_ns()}-{n}" for n in range(number)]
            return [load.request("PUT", path, length) for path in paths]
        created = self.headers | {"Upload-Length": str(size), "Content-Length": "0"}
        heads = []
        for _ in range(number):
            status, answer = load.one(self.port, load.request("POST", self.creation, created))
            if status != 201:
                raise RuntimeError(f"{self.name} does not create: {status}")
            body = {"Upload-Offset": "0", "Content-Type": TYPE, "Content-Length": str(size)}
            path = answer["location"].removeprefix(f"http://127.0.0.1:{self.port}")
            path = path.removeprefix("http://127.0.0.1").removeprefix("//127.0.0.1")
            heads.append(load.request("PATCH", path, self.headers | body))
        return heads

    def small(self) -> bytes:
        """A creation with its 4 KiB."""
        headers = self.headers | {
            "Upload-Length": str(SMALL_BYTES),
            "Content-Length": str(SMALL_BYTES),
            "Content-Type": TYPE,
        }
        return load.request("POST", self.creation, headers) + load.BLOCK[:SMALL_BYTES]


def of_peer(peer: Peer, *, put: bool = False) -> Target:
    """A peer as a target."""
    headers = {} if put else {"Tus-Resumable": "1.0.0"}
    return Target(peer.name, peer.port, peer.pid, peer.creation, headers, put=put)


@contextmanager
def ours(folder: Path, *, jobs: bool = False, **environment: str) -> Iterator[Target]:
    """Millrace; without `jobs` its runner waits for a lock that we hold."""
    folder.mkdir()
    with (folder / "runner.lock").open("w") as lock:
        if not jobs:
            fcntl.flock(lock, fcntl.LOCK_EX)
        server = Server(folder, **environment).start()
        token = server.token("bench")
        headers = {"Tus-Resumable": "1.0.0", "Authorization": f"Bearer {token}"}
        try:
            yield Target("Millrace", server.port, server.pid, "/uploads/", headers)
        finally:
            # what it stored goes at the very end: for a minute, ext4 makes new files slowly where
            # many were deleted
            server.kill9()


def in_turn(targets: list[Target], measure: Callable[[Target], float]) -> dict[str, float]:
    """The median of ROUNDS for each, taken in turn so that all see the same machine, and each round
    begins with another.
    """
    figures: dict[str, list[float]] = {target.name: [] for target in targets}
    for first in range(ROUNDS):
        for target in targets[first:] + targets[:first]:
            figures[target.name].append(measure(target))
    return {name: statistics.median(values) for name, values in figures.items()}


def show(what: str, unit: str, figures: dict[str, float], scale: float = 1.0) -> None:
    """One line: ours, and each peer with the ratio."""
    scaled = {name: value * scale for name, value in figures.items()}
    mine = scaled.pop("Millrace")
    table.row(what, mine, unit, **scaled)


def main() -> None:
    """Measure all rows."""
    print(table.machine())
    with tempfile.TemporaryDirectory(prefix="bench-uploads-") as scratch:
        folder = Path(scratch)
        large_rows(folder)
        small_rows(folder)
        memory_rows(folder)


def large_rows(folder: Path) -> None:
    """One large body, and many at once; hashed and stored by us, stored by the peers."""
    with (
        ours(folder / "large", UPLOAD_FSYNC="0") as mine,
        peer_servers.tus_server(folder) as node,
        peer_servers.tuspyserver(folder) as python,
        peer_servers.nginx_dav(folder) as nginx,
    ):
        targets = [mine, of_peer(node), of_peer(python), of_peer(nginx, put=True)]
        for number in (1, AT_ONCE):
            size = LARGE_BYTES // number
            figures = in_turn(targets, partial(_large, folder, number, size))
            show(f"{number} × {size // 2**20} MiB, no fsync", "MB/s", figures, 1e-6)
    with ours(folder / "lasting") as mine:
        figures = in_turn([mine], partial(_large, folder, 1, LARGE_BYTES))
        show("1 × 1024 MiB, with fsync", "MB/s", figures, 1e-6)


def _large(folder: Path, number: int, size: int, target: Target) -> float:
    rate = load.large(target.port, target.heads(number, size), size)
    os.sync()  # nobody pays for what another has left to write, nor for what fills the page cache
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size >= size:
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return rate


def small_rows(folder: Path) -> None:
    """Creation-with-upload of 4 KiB, each a committed row and a queued job with us."""
    with (
        ours(folder / "small", UPLOAD_FSYNC="0") as mine,
        peer_servers.tus_server(folder, "node-small") as node,
        peer_servers.stock_django(folder) as django,
    ):
        targets = [mine, of_peer(node), of_peer(django)]
        for number in CONNECTIONS:
            figures = in_turn(targets, partial(_small, number))
            show(f"4 KiB, {number} connections, no fsync", "files/s", figures)
    for name, jobs in (("with fsync", False), ("with fsync and jobs", True)):
        with ours(folder / f"small {name}", jobs=jobs) as mine:
            figures = in_turn([mine], partial(_small, 16))
            show(f"4 KiB, 16 connections, {name}", "files/s", figures)


def _small(connections: int, target: Target) -> float:
    return load.small(target.port, target.small(), connections, SMALL_NUMBER)


def memory_rows(folder: Path) -> None:
    """How much the server grows while it takes much."""
    with ours(folder / "memory") as mine:
        load.large(mine.port, mine.heads(1, 2**20), 2**20)
        for number in (1, MANY):
            heads = mine.heads(number, MEMORY_BYTES // number)
            grown = _growth(mine.pid, partial(_send, mine.port, heads))
            size = MEMORY_BYTES // number // 2**20
            print(
                f"{f'memory: {number} × {size} MiB at once':<48} {grown / 2**20:>10,.1f} MiB more"
            )


def _send(port: int, heads: list[bytes]) -> None:
    load.large(port, heads, MEMORY_BYTES // len(heads))


def _growth(pid: int, work: Callable[[], None]) -> float:
    """By how many bytes the resident memory of a process rises above what it was before."""
    before = highest = _resident(pid)
    over = threading.Event()

    def look() -> None:
        nonlocal highest
        while not over.wait(0.01):
            highest = max(highest, _resident(pid))

    looking = threading.Thread(target=look)
    looking.start()
    work()
    over.set()
    looking.join()
    return highest - before


def _resident(pid: int) -> int:
    """Anonymous memory: pages of files that are mapped belong to the system's cache."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)
