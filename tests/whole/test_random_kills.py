"""Whatever of one server is killed at any moment, every file ends once, with all of its events.

With two files of each kind in every run of the tests, with 500 files in a soak. The dice decide who
dies and when; `SEED=N make soak` throws them alike.
"""

import asyncio
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.production.people import ENDED, Person, nothing_is_lost, watching
from tests.production.samples import samples
from tests.support.processes import children, left_behind, sandbox_children
from tests.support.server import Server
from tests.support.services import eventually

pytestmark = pytest.mark.fault

UNHURRIED = """
import time
from uploads.processors import Context, processor

@processor(name="unhurried", accepts=["*/*"], version=1)
def unhurried(ctx: Context) -> dict:
    for tenth in range(3):
        ctx.progress(tenth, 3, "tenths")
        time.sleep(0.05)
    return {}
"""
EVENTS = (1, 12)  # from one death to the next, so that work goes on between them
PAUSE_SECONDS = (0, 0.1)  # and so long after an event
# That are left are let alone: they alone would be killed then, again and again, and each death
# makes the pause before the next try four times as long; the first is short for the same reason.
FEW = 5
VICTIMS = {"child": 85, "fork server": 10, "server": 5}  # weights


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        pytest.param(20, 240, marks=pytest.mark.timeout(400), id="20 files"),
        pytest.param(500, 900, marks=[pytest.mark.soak, pytest.mark.timeout(1200)], id="500 files"),
    ],
)
async def test_whoever_is_killed_every_file_ends_once_and_every_event_arrives(
    make_server: Callable[..., Server], tmp_path: Path, seed: int, files: int, seconds: float
) -> None:
    processors = tmp_path / "processors"
    processors.mkdir()
    (processors / "unhurried.py").write_text(UNHURRIED)
    server = make_server(
        PROCESSORS_DIR=str(processors),
        JOB_ATTEMPTS="50",
        RETRY_SECONDS="0.0005",
        SECRET_KEY="s" * 50,
    ).start()
    person = Person(server.url, server.token("alice"))
    killer = Killer(server, person, random.Random(seed), files - FEW)
    async with watching([person]):
        began = time.monotonic()
        killing = asyncio.get_running_loop().create_task(killer.kill_for_ever())
        try:
            await person.send(samples(files, seed=seed))
            await person.until_ended(seconds)
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
        took = time.monotonic() - began
        await nothing_is_lost(person)
    print(f"{files} files all ended within {took:.1f} s; killed {dict(killer.deaths)}")
    assert killer.deaths["child"]
    nothing_is_doubled(server, person)
    try:
        eventually(lambda: not left_behind(server.pid, server.data_dir), "an idle server")
    except AssertionError:
        raise AssertionError(left_behind(server.pid, server.data_dir)) from None
    assert server.stop() == 0


class Killer:
    """Kills -9 a part of a server, again and again; a server that was killed is started again."""

    def __init__(self, server: Server, person: Person, dice: random.Random, files: int) -> None:
        """It stops once so many `files` have ended."""
        self.files = files
        self.server = server
        self.person = person
        self.dice = dice
        self.deaths: Counter[str] = Counter()

    async def kill_for_ever(self) -> None:
        """Until nearly all have ended, or until cancelled; the server runs then, and serves."""
        while self._ended() < self.files:
            await self._heard(self.dice.randint(*EVENTS))
            await asyncio.sleep(self.dice.uniform(*PAUSE_SECONDS))
            (victim,) = self.dice.choices([*VICTIMS], [*VICTIMS.values()])
            if victim == "server":
                await to_its_end(asyncio.to_thread(self._restart))
                self.deaths[victim] += 1
            else:
                self._kill_one(victim)

    def _ended(self) -> int:
        return sum(file["status"] in ENDED for file in self.person.files.values())

    async def _heard(self, more: int) -> None:
        enough = len(self.person.seqs) + more
        while len(self.person.seqs) < enough:
            self.person.told.clear()
            await self.person.told.wait()

    def _restart(self) -> None:
        self.server.kill9()
        self.server.start()

    def _kill_one(self, victim: str) -> None:
        find = sandbox_children if victim == "child" else children
        if not (found := find(self.server.pid)):
            return  # there is none at this moment
        try:
            os.kill(self.dice.choice(found), signal.SIGKILL)
        except ProcessLookupError:
            return  # it has just ended by itself
        self.deaths[victim] += 1


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for it even when cancelled, and be cancelled then."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


def nothing_is_doubled(server: Server, person: Person) -> None:
    """Each file ended once, and the stream has no hole."""
    connection = sqlite3.connect(server.data_dir / "millrace.sqlite3")
    rows = connection.execute(
        "SELECT json_extract(payload, '$.file.id'), json_extract(payload, '$.file.status')"
        " FROM uploads_event ORDER BY seq"
    ).fetchall()
    spaces = connection.execute(
        "SELECT count(*), min(event.seq), max(event.seq), space.seq FROM uploads_space space"
        " JOIN uploads_event event ON event.space_id = space.id GROUP BY space.id"
    ).fetchall()
    connection.close()
    endings = Counter(file_id for file_id, status in rows if status in ENDED)
    assert endings == dict.fromkeys(person.sent, 1)
    for count, first, last, newest in spaces:
        assert (count, first, last) == (newest, 1, newest)
