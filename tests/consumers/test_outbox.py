"""A subscriber's way out: at once, in order, bounded, and never waiting for anybody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pytest_django import Settings

from consumers import outbox as module
from consumers.frames import Frame, entry, events, progress
from consumers.outbox import Closed, Outbox
from uploads.publishing.closing import Close
from uploads.publishing.measures import Measures


def frame(number: int, padding: int = 0) -> Frame:
    return events("e", number, [entry(number, json.dumps("x" * padding), None, None)], "{}")[0]


def measure(file: str, done: int) -> dict[str, Any]:
    return {
        "id": file,
        "attempt": 1,
        "step": "text",
        "done": done,
        "total": 9,
        "unit": "lines",
        "eta_s": None,
    }


class Socket:
    """The server's side of a client that may read, or not, or be gone."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False

    async def send(self, message: dict[str, Any]) -> None:
        await self.open.wait()
        if self.gone:
            raise OSError
        self.sent.append(message)

    @property
    def cursors(self) -> list[int]:
        texts = [json.loads(one["text"]) for one in self.sent if "text" in one]
        return [int(one["cursor"].partition(":")[2]) for one in texts if "cursor" in one]

    @property
    def progress(self) -> list[list[tuple[str, int]]]:
        texts = [json.loads(one["text"]) for one in self.sent if "text" in one]
        return [
            [(file["id"], file["done"]) for file in one["files"]]
            for one in texts
            if one["type"] == "progress"
        ]

    @property
    def code(self) -> int | None:
        return self.sent[-1].get("code") if self.sent else None


async def settled() -> None:
    """Whatever can go on without waiting for a time has gone on."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
async def tasks() -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        yield group


@pytest.fixture
def socket() -> Socket:
    return Socket()


@pytest.fixture
async def box(tasks: asyncio.TaskGroup, socket: Socket) -> Outbox:
    made = Outbox("websocket", socket.send, tasks.create_task)
    made.measures, made.space = Measures(), 1
    return made


async def test_a_frame_leaves_before_offer_returns(box: Outbox, socket: Socket) -> None:
    box.offer(frame(1))
    assert socket.cursors == [1]


async def test_made_frames_go_straight_to_a_server_that_takes_them_and_stay_in_order(
    tasks: asyncio.TaskGroup, socket: Socket
) -> None:
    taking, straight = True, []

    def write(made: bytes) -> bool:
        if taking:
            straight.append(made)
        return taking

    box = Outbox("websocket", socket.send, tasks.create_task, write)
    box.offer(frame(1))
    assert straight == [frame(1).framed]
    assert socket.cursors == []
    taking = False  # it is behind
    socket.open.clear()
    box.offer(frame(2))
    taking = True
    box.offer(frame(3))  # may not overtake
    assert straight == [frame(1).framed]
    socket.open.set()
    await settled()
    assert socket.cursors == [2, 3]
    box.offer(frame(4))
    assert straight == [frame(1).framed, frame(4).framed]
    box.close(Close.RESTART)
    box.offer(frame(5))  # nothing follows the goodbye
    assert straight == [frame(1).framed, frame(4).framed]
    assert socket.code == Close.RESTART


async def test_what_waits_leaves_in_order_once_the_socket_takes_it(
    box: Outbox, socket: Socket
) -> None:
    socket.open.clear()
    for number in range(1, 6):
        box.offer(frame(number))
    assert socket.cursors == []
    assert box.bytes > 0
    socket.open.set()
    await settled()
    assert socket.cursors == [1, 2, 3, 4, 5]
    assert box.bytes == 0
    box.offer(frame(6))
    assert socket.cursors[-1] == 6


async def test_a_stalled_subscriber_holds_nobody_up(
    tasks: asyncio.TaskGroup, box: Outbox, socket: Socket
) -> None:
    socket.open.clear()
    other = Socket()
    quick = Outbox("websocket", other.send, tasks.create_task)
    for number in range(1, 4):
        for one in (box, quick):
            one.offer(frame(number))
    assert other.cursors == [1, 2, 3]
    socket.open.set()


async def test_who_falls_too_far_behind_is_closed_as_too_slow(
    box: Outbox, socket: Socket, settings: Settings
) -> None:
    settings.OUTBOX_BYTES = 1_000
    socket.open.clear()
    for number in range(1, 20):
        box.offer(frame(number, padding=200))
    assert box.ending
    assert box.bytes == 0  # what it will not get is not kept
    socket.open.set()
    await settled()
    assert socket.cursors == [1]  # on its way when it stalled
    assert socket.code == Close.TOO_SLOW
    box.offer(frame(99))
    assert socket.cursors == [1]


async def test_progress_waits_behind_events_and_is_the_newest_when_it_leaves(
    box: Outbox, socket: Socket
) -> None:
    assert box.measures is not None
    socket.open.clear()
    box.offer(frame(1))
    for done in (1, 2, 3):
        box.measures.take(1, None, measure("f", done))
        box.offer_progress(progress(box.measures.texts(1, ["f"])), ["f"])
    box.offer(frame(2))
    socket.open.set()
    await settled()
    assert socket.cursors == [1, 2]
    assert socket.progress == [[("f", 3)]]


async def test_between_two_progress_frames_lie_100_ms_and_none_is_lost(
    box: Outbox, socket: Socket
) -> None:
    assert box.measures is not None
    loop = asyncio.get_running_loop()
    began = loop.time()
    for done in range(1, 31):
        box.measures.take(1, None, measure("f", done))
        box.offer_progress(progress(box.measures.texts(1, ["f"])), ["f"])
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.15)
    await settled()
    assert len(socket.progress) <= (loop.time() - began) / 0.1 + 1
    assert socket.progress[-1] == [("f", 30)]


async def test_progress_of_a_file_that_has_ended_is_no_longer_owed(
    box: Outbox, socket: Socket
) -> None:
    assert box.measures is not None
    socket.open.clear()
    box.offer(frame(1))
    box.measures.take(1, None, measure("f", 1))
    box.offer_progress(progress(box.measures.texts(1, ["f"])), ["f"])
    ended = {"type": "file.updated", "file": {"id": "f", "status": "processed", "attempt": 1}}
    box.measures.heard(1, ended)
    socket.open.set()
    await asyncio.sleep(0.15)
    await settled()
    assert socket.progress == []


async def test_a_client_that_has_left_is_closed_quietly(box: Outbox, socket: Socket) -> None:
    socket.gone = True
    box.offer(frame(1))
    assert box.closed
    with pytest.raises(Closed):
        await box.put(frame(2))


async def test_a_client_that_leaves_while_something_waits_is_closed_quietly(
    box: Outbox, socket: Socket
) -> None:
    socket.open.clear()
    box.offer(frame(1))
    box.offer(frame(2))
    socket.gone = True
    socket.open.set()
    await settled()
    assert box.closed


async def test_whoever_takes_not_even_the_closing_frame_is_given_up(
    tasks: asyncio.TaskGroup, socket: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.02)
    made: list[Outbox] = []

    async def subscriber() -> None:
        made.append(Outbox("websocket", socket.send, tasks.create_task))
        await asyncio.Event().wait()

    task = tasks.create_task(subscriber())
    await asyncio.sleep(0)
    socket.open.clear()
    made[0].offer(frame(1))
    made[0].close(Close.TOO_SLOW)
    await asyncio.wait([task])
    assert task.cancelled()
    assert made[0].closed


async def test_a_put_waits_for_the_socket_and_ends_when_the_subscriber_is_closed(
    tasks: asyncio.TaskGroup, box: Outbox, socket: Socket
) -> None:
    socket.open.clear()
    putting = tasks.create_task(box.put(frame(1)))
    await settled()
    assert not putting.done()
    socket.open.set()
    await putting
    box.close(Close.FORBIDDEN)
    assert socket.code == Close.FORBIDDEN
    with pytest.raises(Closed):
        await box.put(frame(2))


async def test_a_server_whose_send_is_no_coroutine_is_served_too(tasks: asyncio.TaskGroup) -> None:
    sent: list[Any] = []

    def send(message: dict[str, Any]) -> asyncio.Future[None]:
        sent.append(message)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    box = Outbox("websocket", send, tasks.create_task)
    for number in (1, 2, 3):
        box.offer(frame(number))
    await settled()
    assert len(sent) == 3
