"""A page of the list, a search, a snapshot: by HTTP and WebSocket, with 10 thousand files, and with
a million.

The files are made in bulk, without contents. `FILES=10000,1000000` sets other numbers,
`ON=postgres` measures on a Postgres of its own instead of SQLite. What must be flat is the ratio.
"""

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import orjson
import websockets

from benchmarks import table
from tests.support.server import Server
from tests.support.services import Postgres

FILES = [int(number) for number in os.environ.get("FILES", "10000,1000000").split(",")]
REQUESTS = 200  # of each kind, one after the other on one connection
WARM = 20
MUST_MS = 50
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("photo", "invoice", "letter", "survey", "harvest", "minutes", "river", "handbook")
SLUG = "many"


def main() -> None:
    """Fill a database of each size, serve it, ask."""
    print(table.machine())
    found: dict[int, dict[str, float]] = {}
    for files in FILES:
        with tempfile.TemporaryDirectory(prefix="bench-reading-") as folder:
            found[files] = _with(Path(folder), files)
    names = list(found[FILES[0]])
    print(f"{'p95, ms':<44}" + "".join(f"{files:>12,}" for files in FILES) + "   last : first")
    for name in names:
        values = [found[files][name] for files in FILES]
        verdict = "" if values[-1] <= MUST_MS else f"  over {MUST_MS} ms"
        line = "".join(f"{value:>12.1f}" for value in values)
        print(f"{name:<44}{line}   {values[-1] / values[0]:.2f}×{verdict}")


def _with(folder: Path, files: int) -> dict[str, float]:
    environment = {}
    postgres = Postgres().start() if os.environ.get("ON") == "postgres" else None
    if postgres is not None:
        environment["DATABASE_URL"] = postgres.url("millrace")
    server = Server(folder, **environment)
    try:
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "benchmarks.filling", str(files)],
            env=server.env(),
            check=True,
        )
        print(f"{files:,} files made in {time.perf_counter() - began:.0f} s", flush=True)
        server.start()
        return _measure(server, files)
    finally:
        server.stop()
        if postgres is not None:
            postgres.remove()


# -- asking ----------------------------------------------------------------------------------------


def _measure(server: Server, files: int) -> dict[str, float]:
    token = server.token("keeper", SLUG)
    dice = random.Random(files)
    with server.client(token) as client:
        found = {name: _p95(client, partial(ask, dice, files)) for name, ask in QUESTIONS.items()}
        for sort in ("-created_at", "-finished_at", "name", "size"):
            places = list(_middle(client, sort, files, dice))
            found[f"page in the middle, {sort}"] = _p95(client, partial(dice.choice, places))
    found["snapshot, by WebSocket"] = asyncio.run(_snapshots(server, token))
    return found


def _p95(client: httpx.Client, params: Callable[[], dict[str, str]]) -> float:
    times = []
    for number in range(REQUESTS + WARM):
        asked = params()
        began = time.perf_counter()
        answer = client.get("/api/files/", params={"space": SLUG, **asked})
        took = time.perf_counter() - began
        assert answer.status_code == 200, answer.text
        if number >= WARM:
            times.append(took * 1000)
    return statistics.quantiles(times, n=20)[-1]


def _middle(
    client: httpx.Client, sort: str, files: int, dice: random.Random
) -> Iterator[dict[str, str]]:
    """Places in a list, from the pages that end there."""
    for _ in range(20):
        until = BEGAN + timedelta(seconds=dice.randrange(files // 10, files))
        asked = {"space": SLUG, "sort": sort, "limit": "1", "until": until.isoformat()}
        yield {"sort": sort, "cursor": client.get("/api/files/", params=asked).json()["next"]}


QUESTIONS: dict[str, Callable[[random.Random, int], dict[str, str]]] = {
    "first page": lambda _d, _n: {},
    "1,000 files on a page": lambda _d, _n: {"limit": "1000"},
    "by name": lambda _d, _n: {"sort": "name"},
    "by size, one kind": lambda _d, _n: {"sort": "-size", "kind": "pdf"},
    "failed": lambda _d, _n: {"status": "failed"},
    "failed or cancelled pictures, by end": lambda _d, _n: {
        "status": "failed,cancelled", "kind": "image", "sort": "-finished_at",
    },
    "what there is none of, by size": lambda _d, _n: {
        "status": "processed", "kind": "image", "media_type": "image/png", "sort": "size",
    },
    "one batch": lambda d, n: {"batch": f"drop-{d.randrange(max(1, n // 1000))}"},
    "one month, by name": lambda _d, n: {
        "since": (BEGAN + timedelta(seconds=n // 3)).isoformat(),
        "until": (BEGAN + timedelta(seconds=n // 2)).isoformat(),
        "sort": "name",
    },
    "search: a word in every eighth name": lambda d, _n: {"q": d.choice(WORDS)},
    "search: its beginning": lambda d, _n: {"q": d.choice(WORDS)[:2]},
    "search: one file": lambda d, n: {"q": f"{d.randrange(n):07}"},
    "search: a word of the texts": lambda _d, _n: {"q": "quarterly"},
    "search: two words, one kind": lambda d, _n: {"q": f"{d.choice(WORDS)} quart", "kind": "text"},
    "search: by name": lambda d, _n: {"q": d.choice(WORDS), "sort": "name"},
    "search: old first": lambda d, _n: {"q": d.choice(WORDS), "sort": "created_at"},
}  # fmt: skip


async def _snapshots(server: Server, token: str) -> float:
    times = []
    headers = {"Authorization": f"Bearer {token}"}
    for number in range(60):
        url = f"{server.ws_url}/ws/events/?space={SLUG}"
        async with websockets.connect(url, additional_headers=headers, max_size=None) as socket:
            began = time.perf_counter()
            await socket.send('{"type": "hello", "after": null}')
            while orjson.loads(await socket.recv())["type"] != "ready":
                pass
            if number >= 10:
                times.append((time.perf_counter() - began) * 1000)
    return statistics.quantiles(times, n=20)[-1]
