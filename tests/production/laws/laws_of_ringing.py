"""The doorbell through a real Redis: other processes hear it, and it survives Redis."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.conf import settings

from tests.support.patience import LOADED
from tests.support.services import Redis
from uploads.publishing import doorbell


class Ear:
    """What this process has heard."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self._more = asyncio.Event()

    def hear(self, ring: dict[str, Any]) -> None:
        self.heard.append(ring)
        self._more.set()

    async def until(self, ring: dict[str, Any], seconds: float = 100) -> None:
        """Return when this has been heard."""
        async with asyncio.timeout(seconds):
            while ring not in self.heard:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    """This process with its end of the layer."""
    heard = Ear()
    undo = doorbell.subscribe("event", heard.hear)
    async with doorbell.service():
        yield heard
    undo()


def event(number: int) -> dict[str, Any]:
    return {"space": 1, "seq": number}


async def heard_again(ear: Ear, first: int) -> None:
    """Ring until it is heard: a ring during the outage may be lost, a later one may not."""
    deadline = time.monotonic() + 100
    while event(first) not in ear.heard:
        assert time.monotonic() < deadline
        doorbell.ring(event(first))
        await asyncio.sleep(0.1)


OTHER = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
django.setup()
from uploads.publishing import doorbell
doorbell.ring({"space": 1, "seq": 7})
"""


async def test_another_process_is_heard(ear: Ear) -> None:
    environment = os.environ | {"SECRET_KEY": settings.SECRET_KEY}
    doorbell.ring(event(1))
    await ear.until(event(1))
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", OTHER], env=environment, check=True
    )
    await ear.until(event(7))


async def test_an_installation_with_another_secret_on_the_same_redis_is_not_heard(
    ear: Ear,
) -> None:
    environment = os.environ | {
        "SECRET_KEY": "another secret of fifty characters and then some more"
    }
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", OTHER], env=environment, check=True
    )
    doorbell.ring(event(1))
    await ear.until(event(1))
    assert ear.heard == [event(1)]


async def test_rings_come_in_the_order_in_which_they_were_rung(ear: Ear) -> None:
    for number in range(2000):
        doorbell.ring(event(number))
        if number % 100 == 0:
            await asyncio.sleep(0)
    await ear.until(event(1999))
    assert ear.heard == [event(number) for number in range(2000)]


async def test_silence_for_longer_than_redis_py_waits_ends_nothing(
    ear: Ear, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "PULSE_SECONDS", 60)  # nothing at all is sent meanwhile
    await asyncio.sleep(6)  # redis-py 8 ends a silent read after 5 s by itself
    doorbell.ring(event(1))
    await ear.until(event(1))
    assert "layer away" not in capfd.readouterr().err


async def test_a_killed_redis_is_listened_to_again_by_itself(ear: Ear, redis: Redis) -> None:
    doorbell.ring(event(1))
    await ear.until(event(1))
    await asyncio.to_thread(redis.kill9)
    doorbell.ring(event(2))
    await ear.until(event(2))  # this process hears itself without the layer
    assert not doorbell.healthy()
    await asyncio.to_thread(redis.start)
    await heard_again(ear, 3)
    deadline = time.monotonic() + 100
    while not doorbell.healthy():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def test_whoever_waits_for_jobs_looks_again_after_an_outage(ear: Ear, redis: Redis) -> None:
    woken = asyncio.Event()
    undo = doorbell.subscribe("wake", lambda _ring: woken.set())
    doorbell.ring(event(1))
    await ear.until(event(1))
    woken.clear()
    await asyncio.to_thread(redis.kill9)
    doorbell.ring(event(2))
    await ear.until(event(2))
    await asyncio.to_thread(redis.start)
    async with asyncio.timeout(100):
        await woken.wait()
    undo()


async def test_a_frozen_redis_holds_nothing_up_for_long(ear: Ear, redis: Redis) -> None:
    doorbell.ring(event(1))
    await ear.until(event(1))
    os.kill(redis.pid, 19)  # SIGSTOP: connections stay open, and nothing answers
    try:
        for number in (2, 3):  # the second may wait as long, behind a sign of life
            doorbell.ring(event(number))
            await ear.until(event(number), seconds=doorbell.SEND_SECONDS * LOADED)
    finally:
        os.kill(redis.pid, 18)
    await heard_again(ear, 4)
