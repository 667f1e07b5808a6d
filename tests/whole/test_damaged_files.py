"""Files of all kinds, damaged at random, go through a real server and its sandbox: each ends in a
clear state, and of all of them together nothing stays.

One or two of each kind in every run of the tests, 2,000 in a soak; `SEED=N make soak` damages
alike.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import httpx
import pytest

from tests.processors.kinds import every_kind
from tests.processors.mutations import mutated
from tests.support.processes import handles, left_behind, resident
from tests.support.server import Server
from tests.support.services import eventually
from uploads.errors import FAILURES

MIB = 1024 * 1024
AT_ONCE = 4
RANDOM_SHARE = 0.1  # of the files are nothing but random bytes, under names of all kinds
SETTLED = 4  # after this part of the files, memory and handles have grown to what work needs
GROWTH_BYTES = 24 * MIB
GROWTH_HANDLES = 8  # connections come and go


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        pytest.param(80, 300, marks=pytest.mark.timeout(400), id="80 files"),
        pytest.param(
            2000, 1500, marks=[pytest.mark.soak, pytest.mark.timeout(1800)], id="2,000 files"
        ),
    ],
)
async def test_damaged_files_of_all_kinds_end_in_a_clear_state_and_leave_nothing(
    make_server: Callable[..., Server], seed: int, count: int, seconds: float
) -> None:
    server = make_server(RETRY_SECONDS="0.1").start()
    mine = {"Authorization": f"Bearer {server.token('alice')}", "Accept": "application/json"}
    began = time.monotonic()
    async with httpx.AsyncClient(base_url=server.url, headers=mine, timeout=60) as client:
        files = damaged(random.Random(seed), count)
        sent = await send(client, islice(files, count // SETTLED))
        await ended(client, len(sent), seconds)
        memory, opened = resident(server.pid), len(handles(server.pid))
        sent |= await send(client, files)
        await ended(client, len(sent), seconds)
        took = time.monotonic() - began
        growth = resident(server.pid) - memory
        more = len(handles(server.pid)) - opened
        found = [await file_of(client, file_id) for file_id in sent]
    tell(found, took, growth, more)
    assert len(found) == count
    for file in found:
        assert file["status"] in {"processed", "failed"}, (sent[file["id"]], file)
        for error in [file["error"], *(step["error"] for step in file["steps"])]:
            assert error is None or error["code"] in FAILURES, (sent[file["id"]], error)
            assert error is None or error["code"] != "internal", (sent[file["id"]], error)
            assert error is None or error["message"].strip()
        assert {step["status"] for step in file["steps"]} <= {"done", "failed", "skipped"}
    assert growth < GROWTH_BYTES
    assert more < GROWTH_HANDLES
    eventually(lambda: not left_behind(server.pid, server.data_dir), "an idle server")
    assert server.stop() == 0


def damaged(dice: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """As many files of each kind, in turn; some are random bytes altogether."""
    kinds = list(every_kind().items())
    dice.shuffle(kinds)
    for number in range(count):
        name, content = kinds[number % len(kinds)]
        if dice.random() < RANDOM_SHARE:
            yield name, dice.randbytes(dice.randrange(20_000))
        else:
            yield name, mutated(content, dice)


async def send(client: httpx.AsyncClient, files: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """All of them, a few at once: {id: name}."""
    sent: dict[str, str] = {}
    todo = iter(files)

    async def some() -> None:
        for name, content in todo:
            answer = await client.put(f"/upload/{name}", content=content)
            assert answer.status_code == 201, answer.text
            sent[answer.json()["files"][0]["id"]] = name

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(some())
    return sent


async def ended(client: httpx.AsyncClient, count: int, seconds: float) -> None:
    """Return when so many have ended."""
    deadline = time.monotonic() + seconds
    while True:
        counts = (await client.get("/api/counts/")).json()
        if counts["processed"] + counts["failed"] >= count:
            return
        assert time.monotonic() < deadline, counts
        await asyncio.sleep(0.2)


async def file_of(client: httpx.AsyncClient, file_id: str) -> dict[str, Any]:
    file: dict[str, Any] = (await client.get(f"/api/files/{file_id}/")).json()
    return file


def tell(found: list[dict[str, Any]], took: float, growth: int, more: int) -> None:
    codes = Counter(file["error"]["code"] if file["error"] else "none" for file in found)
    print(f"{len(found)} files in {took:.1f} s; the server grew {growth / MIB:.1f} MiB, {more} fds")
    print(f"errors: {dict(codes)}")
    for file in found:
        if file["error"] and file["error"]["code"] != "bad_file":
            print(f"  {file['name']} {file['media_type']}: {file['error']}")
