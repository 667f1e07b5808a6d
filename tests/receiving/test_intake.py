"""Bytes on their way to disk: bounded in memory, never lost, never mixed."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from project.bodies import Disconnected
from uploads import storage
from uploads.errors import Interrupted, NotFound
from uploads.receiving import intake, locks
from uploads.receiving.content import Busy, Content, Waiting, settled_length
from uploads.receiving.intake import Flow

CHUNK = 64 * 1024


class Sender:
    """A source of bytes that come as fast as they are asked for; may break off at the end."""

    def __init__(self, data: bytes, *, breaks: bool = False) -> None:
        self.ended = False
        self.tail = b""
        self._rest = data
        self._breaks = breaks

    async def next_chunk(self) -> bytes:
        await asyncio.sleep(0)
        if not self._rest and self._breaks:
            self.ended = True
            raise Disconnected
        chunk, self._rest = self._rest[:CHUNK], self._rest[CHUNK:]
        self.ended = not self._rest and not self._breaks
        return chunk


class Silent(Sender):
    """A source that never says anything."""

    def __init__(self) -> None:
        super().__init__(b"")

    async def next_chunk(self) -> bytes:
        await asyncio.Event().wait()
        return b""


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    """Each test has its own place for contents."""
    settings.DATA_DIR = tmp_path


async def send(data: bytes, room: int = 2**40) -> bytes:
    """What is on disk after a body was taken."""
    upload = uuid4()
    async with locks.claim(upload, new=True) as claim:
        flow = Flow(claim, room, lambda _stored, _speed: None, "tus")
        await flow.run(Sender(data))
        assert flow.overrun == (len(data) > room)
        assert claim.content.digest is not None
        assert claim.content.digest.digest() == hashlib.sha256(data[:room]).digest()
    return storage.path(upload).read_bytes()


async def test_what_comes_is_on_disk_with_its_digest() -> None:
    data = os.urandom(5_000_000)
    assert await send(data) == data


async def test_what_is_beyond_the_room_is_cut() -> None:
    assert await send(b"x" * 200_000, room=100_000) == b"x" * 100_000


async def test_a_crowd_stays_within_the_memory_for_all(settings: Any) -> None:
    settings.UPLOAD_BUFFER_BYTES = 1024 * 1024
    highest = 0
    over = asyncio.Event()

    async def look() -> None:
        nonlocal highest
        while not over.is_set():
            highest = max(highest, intake.budget.used)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(look())
        bodies = [os.urandom(1_000_000) for _ in range(40)]
        stored = await asyncio.gather(*map(send, bodies))
        over.set()
    assert stored == bodies
    assert intake.budget.used == 0
    assert highest <= settings.UPLOAD_BUFFER_BYTES + 40 * CHUNK


async def test_all_that_came_before_a_cut_is_stored() -> None:
    upload, data = uuid4(), os.urandom(3_000_001)
    async with locks.claim(upload, new=True) as claim:
        with pytest.raises(Disconnected):
            await Flow(claim, 2**40, lambda *_: None, "tus").run(Sender(data, breaks=True))
    assert storage.path(upload).read_bytes() == data
    assert intake.budget.used == 0


async def test_a_newcomer_ends_the_flow_and_finds_its_bytes() -> None:
    upload = uuid4()
    holding = asyncio.Event()

    async def hang() -> None:
        async with locks.claim(upload, new=True) as claim:
            holding.set()
            with pytest.raises(Interrupted):
                await Flow(claim, 2**40, lambda *_: None, "tus").run(Silent(), before=[b"12345"])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(hang())
        await holding.wait()
        async with locks.claim(upload) as claim:
            assert claim.content.offset == 5


def test_one_content_has_one_writer_and_shows_who_waits() -> None:
    upload = uuid4()
    content = Content.create(upload)
    with pytest.raises(Busy):
        Content.open(upload)
    assert not content.has_waiter()
    with Waiting(upload):
        assert content.has_waiter()
    assert not content.has_waiter()
    content.close()
    Content.open(upload).close()


def test_the_digest_goes_on_with_the_next_writer_or_is_made_again() -> None:
    upload = uuid4()
    first = Content.create(upload)
    first.append([b"1234"])
    first.close()
    second = Content.open(upload)
    second.append([b"5678"])
    assert second.digest is not None
    second.close()
    with storage.path(upload).open("ab") as elsewhere:
        elsewhere.write(b"9")
    third = Content.open(upload)
    assert third.digest is None
    assert third.sha256(lambda: False) is None
    assert third.sha256(lambda: True) == hashlib.sha256(b"123456789").hexdigest()
    third.close()


def test_what_awaits_its_check_does_not_count() -> None:
    upload = uuid4()
    content = Content.create(upload)
    content.append([b"1234"])
    content.begin_check(hashlib.sha256())
    content.append([b"5678"])
    assert settled_length(upload) is None
    content.close()  # as a killed process does
    again = Content.open(upload)
    assert again.offset == 4
    assert storage.path(upload).read_bytes() == b"1234"
    again.close()
    assert settled_length(upload) == 4


def test_a_content_that_was_removed_is_not_found() -> None:
    upload = uuid4()
    content = Content.create(upload)
    storage.remove_now(upload)
    assert content.removed()
    content.close()
    with pytest.raises(NotFound):
        Content.open(upload)


def test_names_of_artifacts_lead_nowhere_else() -> None:
    for step, name in (("text", "../x"), ("..", "x"), ("text", ".."), ("a/b", "x"), ("text", "")):
        with pytest.raises(ValueError, match="not the name"):
            storage.artifact_path(uuid4(), 1, step, name)
