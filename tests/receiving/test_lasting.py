"""Acknowledged is stored: bytes and names are on the disk before a file counts as received."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as configured
from django.db import OperationalError
from pytest_django import Settings

from project import database
from tests.consumers.peers import Person, person
from uploads import storage
from uploads.models import UploadedFile
from uploads.processing.jobs import arrivals
from uploads.receiving import finishing, together
from uploads.receiving.content import Content, store_whole

DATA = b"words that last\n"


class Disk:
    """What was waited for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.synced: list[int] = []
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self.fsync)

    def fsync(self, handle: int) -> None:
        self.synced.append(os.fstat(handle).st_ino)
        self._fsync(handle)

    def holds(self, path: Path) -> bool:
        return path.stat().st_ino in self.synced


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Disk:
    settings.DATA_DIR = tmp_path
    return Disk(monkeypatch)


@pytest.fixture
async def alice(transactional_db: None) -> AsyncIterator[Person]:
    yield await sync_to_async(person)(f"alice-{uuid.uuid4().hex[:8]}")
    await asyncio.to_thread(database.close)


async def arrived(alice: Person) -> UploadedFile:
    """An upload whose bytes are all there, and which is not yet received."""
    arrival = arrivals.Arrival(
        space_id=alice.space.pk, uploader_id=None, name="a.txt", size=len(DATA)
    )
    file = await database.write(arrivals.create, arrival)
    content = Content.create(file.pk)
    content.append([DATA])
    content.close()
    return file


def test_it_is_so_unless_somebody_says_otherwise() -> None:
    assert configured.UPLOAD_FSYNC
    if "sqlite" in configured.DATABASES["default"]["ENGINE"]:
        assert "synchronous=FULL" in configured.DATABASES["default"]["OPTIONS"]["init_command"]


def test_where_bytes_may_be_lost_rows_do_not_wait_for_the_disk_either() -> None:
    says = "from project.settings import DATABASES; print(DATABASES['default']['OPTIONS'])"
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": "s" * 50, "UPLOAD_FSYNC": "0"}
    said = subprocess.check_output([sys.executable, "-c", says], env=environment, text=True)
    assert "synchronous=NORMAL" in said


async def test_bytes_and_name_are_on_the_disk_before_the_file_counts_as_received(
    disk: Disk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await arrived(alice)
    path = storage.path(file.pk)
    before: list[bool] = []
    complete = arrivals.complete

    def watched(*args: uuid.UUID, **more: int) -> UploadedFile:
        before.append(disk.holds(path) and disk.holds(path.parent))
        return complete(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(arrivals, "complete", watched)
    await finishing.finish_now(file.pk)
    assert before == [True]
    assert (await database.read(UploadedFile.objects.get, pk=file.pk)).complete


async def test_who_switches_it_off_does_not_wait(
    disk: Disk, alice: Person, settings: Settings
) -> None:
    settings.UPLOAD_FSYNC = False
    file = await arrived(alice)
    await finishing.finish_now(file.pk)
    assert (await database.read(UploadedFile.objects.get, pk=file.pk)).complete
    assert not disk.holds(storage.path(file.pk))


@pytest.mark.parametrize("lasting", [True, False])
def test_files_that_come_with_their_creation_are_waited_for_alike(
    disk: Disk, *, lasting: bool
) -> None:
    ids = [uuid.uuid4() for _ in range(3)]
    assert store_whole([(one, DATA) for one in ids], lasting=lasting) == {}
    for one in ids:
        path = storage.path(one)
        assert path.read_bytes() == DATA
        assert disk.holds(path) == lasting
        assert disk.holds(path.parent) == lasting


async def test_a_crowd_whose_transaction_is_lost_is_written_down_by_the_next(
    disk: Disk, alice: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[list[str]] = []
    receive = arrivals.receive_together

    def lost_at_first(whole: Sequence[tuple[arrivals.Arrival, str]]) -> list[UploadedFile]:
        tries.append(sorted(arrival.name for arrival, _ in whole))
        if len(tries) == 1:
            raise OperationalError("database is locked")
        return receive(whole)

    monkeypatch.setattr(arrivals, "receive_together", lost_at_first)
    coming = [
        arrivals.Arrival(
            space_id=alice.space.pk, uploader_id=None, name=f"{number}.txt", size=len(DATA)
        )
        for number in range(20)
    ]
    files = await asyncio.gather(*(together.take(arrival, DATA) for arrival in coming))
    assert [file.pk for file in files] == [arrival.id for arrival in coming]
    assert tries[0] == tries[1], "the same files are tried again"
    assert sorted(name for one in tries[1:] for name in one) == sorted(one.name for one in coming)
    ours = UploadedFile.objects.filter(space=alice.space, complete=True)
    assert await database.read(ours.count) == len(coming)
