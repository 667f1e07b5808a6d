"""Snapshot + events = fresh snapshot, whatever happens to whom in which order."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from consumers import hub as hubs
from consumers import joining, outbox, ring, shots, stream
from consumers.hub import Hub
from project import database
from tests.consumers.peers import Held, Peer, Person, arrive, fresh, person, quiet
from uploads.errors import ApiError
from uploads.models import Event, Space, UploadedFile
from uploads.processing.jobs import attempts, leases, wishes
from uploads.publishing import doorbell, log

CLIENTS = 3
OUTBOX_BYTES = 1_500  # about two events


class Wire:
    """Between the doorbell and the hub: loses, doubles and swaps what it is told to."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.faults: list[str] = []
        self.held: dict[str, Any] | None = None
        listeners = doorbell._subscribers["event"]
        listeners[listeners.index(hub.hear)] = self

    def __eq__(self, other: object) -> bool:
        return other is self or other == self.hub.hear  # so that the hub can take itself off

    __hash__ = object.__hash__

    def __call__(self, ring: dict[str, Any]) -> None:
        fault = self.faults.pop() if self.faults else ""
        if fault == "lose":
            return
        if fault == "swap" and self.held is None:
            self.held = ring
            return
        self.hub.hear(ring)
        if fault == "double":
            self.hub.hear(ring)
        if self.held is not None:
            self.hub.hear(self.held)
            self.held = None


class World:
    """A space, what happens in it, and three clients that come and go."""

    def __init__(self, who: Person, wire: Wire) -> None:
        self.who = who
        self.wire = wire
        self.held = [Held() for _ in range(CLIENTS)]
        self.peers: list[Peer | None] = [None] * CLIENTS
        self.claimed: list[leases.Claimed] = []

    async def begin(self) -> None:
        for number in range(CLIENTS):
            self.peers[number] = peer = Peer(self.who.headers, held=self.held[number])
            await peer.connect().join()

    async def end(self) -> None:
        for number in range(CLIENTS):
            await self.cut(number)
        await database.write(self.who.space.delete)  # so that the next world's jobs are its own

    async def do(self, operation: tuple[Any, ...]) -> None:
        name, *arguments = operation
        await getattr(self, name)(*arguments)

    # -- what happens to files

    async def come(self, batch: str | None) -> None:
        await database.write(arrive, self.who.space, "a.txt", batch=batch, batch_total=2)

    async def move(self, which: int, move: str) -> None:
        await database.write(self._move, which, move)

    def _move(self, which: int, move: str) -> None:
        files = list(UploadedFile.objects.filter(space=self.who.space).order_by("created_at"))
        if not files:
            return
        try:
            getattr(wishes, move)(files[which % len(files)].pk)
        except ApiError:
            pass  # not from this status

    async def claim(self) -> None:
        self.claimed += await database.write(leases.claim, "worker", 1)

    async def finish(self) -> None:
        if self.claimed:
            try:
                await database.write(attempts.finish, self.claimed.pop(0), [], None)
            except leases.LostLease:
                pass  # cancelled or deleted meanwhile

    async def measure(self, done: int, late: int) -> None:
        for claimed in self.claimed:
            body = {"id": str(claimed.file_id), "attempt": claimed.attempt - late, "step": "text"}
            body |= {"done": done, "total": 100, "unit": "bytes", "eta_s": None}
            doorbell.progress(claimed.space_id, claimed.batch, body)

    # -- what happens to the stream

    async def fault(self, kind: str) -> None:
        self.wire.faults.append(kind)

    async def prune(self, keep: int) -> None:
        await database.write(self._prune, keep)

    def _prune(self, keep: int) -> None:
        space = Space.objects.get(pk=self.who.space.pk)
        upto = max(space.pruned_seq, space.seq - keep)
        Event.objects.filter(space=space, seq__lte=upto).delete()
        Space.objects.filter(pk=space.pk).update(pruned_seq=upto)

    async def restore(self) -> None:
        await database.write(self._restore)

    def _restore(self) -> None:
        """A file is missing from the backup that the database was restored from."""
        space = Space.objects.select_for_update().get(pk=self.who.space.pk)
        lost = UploadedFile.objects.filter(space=space).order_by("created_at").last()
        if lost is not None:
            setattr(space, lost.status, getattr(space, lost.status) - 1)
            space.save(update_fields=[lost.status])
            lost.delete()
        log.renew(space.pk)

    # -- what happens to clients

    async def join(self, client: int) -> None:
        peer = self.peers[client]
        if peer is not None and peer.code is not None:
            await self.cut(client)
            peer = None
        if peer is None:
            self.peers[client] = Peer(self.who.headers, held=self.held[client]).connect().hello()

    async def cut(self, client: int) -> None:
        peer, self.peers[client] = self.peers[client], None
        if peer is not None:
            await peer.leave()

    async def stall(self, client: int) -> None:
        if (peer := self.peers[client]) is not None:
            peer.stall()

    async def flow(self, client: int) -> None:
        if (peer := self.peers[client]) is not None:
            peer.flow()

    async def wait(self) -> None:
        await quiet(0.003)

    # -- the law

    async def settle(self) -> None:
        """Everybody is connected and has heard all."""
        space = await sync_to_async(Space.objects.get)(pk=self.who.space.pk)
        for client in range(CLIENTS):
            await self._catch_up(client, space)

    async def _catch_up(self, client: int, space: Space) -> None:
        goal = f"{space.epoch}:{space.seq}"
        held = self.held[client]
        while held.cursor != goal:
            await self.join(client)
            peer = self.peers[client]
            assert peer is not None
            peer.flow()
            await peer.until(partial(_arrived, peer, goal))

    async def check(self) -> None:
        now = await fresh(self.who)
        shown = _without_progress(now)
        for held in self.held:
            assert _without_progress(held) == shown
            assert held.counts == now.counts
            _check_events(held)
            _check_measures(held)


def _arrived(peer: Peer, goal: str) -> bool:
    return peer.code is not None or peer.held.cursor == goal


def _without_progress(held: Held) -> dict[str, dict[str, Any]]:
    """A snapshot shows the newest measure of what runs; an event the one of its time."""
    return {key: file | {"step": None} for key, file in held.files.items()}


def _check_events(held: Held) -> None:
    """None twice, none in the wrong order; each change of life begins with a snapshot."""
    seqs: list[int] = []
    for frame in held.frames:
        if frame["type"] == "snapshot":
            seqs = [int(frame["cursor"].rpartition(":")[2])]
        elif frame["type"] == "events":
            for event in frame["events"]:
                assert not seqs or event["seq"] == seqs[-1] + 1
                seqs.append(event["seq"])


def _check_measures(held: Held) -> None:
    newest: dict[str, tuple[int, float]] = {}
    for measure in held.measures:
        now = (measure["attempt"], measure["done"])
        assert now >= newest.get(measure["id"], (0, 0))
        newest[measure["id"]] = now


client = st.integers(0, CLIENTS - 1)
COME = st.tuples(st.just("come"), st.sampled_from([None, "one"]))
MEASURE = st.tuples(st.just("measure"), st.integers(0, 9), st.integers(0, 1))
FAULT = st.tuples(st.just("fault"), st.sampled_from(["lose", "double", "swap"]))
JOIN = st.tuples(st.just("join"), client)
OPERATIONS = st.one_of(
    COME,
    COME,
    COME,
    st.tuples(st.just("move"), st.integers(0, 9), st.sampled_from(["cancel", "retry", "delete"])),
    st.tuples(st.just("claim")),
    st.tuples(st.just("claim")),
    st.tuples(st.just("finish")),
    MEASURE,
    MEASURE,
    MEASURE,
    MEASURE,
    FAULT,
    FAULT,
    st.tuples(st.just("prune"), st.integers(0, 5)),
    JOIN,
    JOIN,
    JOIN,
    st.tuples(st.just("cut"), client),
    st.tuples(st.just("stall"), client),
    st.tuples(st.just("flow"), client),
    st.tuples(st.just("wait")),
)


@pytest.fixture
async def wire(hub: Hub, settings: Settings) -> Wire:
    settings.OUTBOX_BYTES = OUTBOX_BYTES
    return Wire(hub)


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else would take ten seconds, or thousands of events and subscribers."""
    monkeypatch.setattr(hubs, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(hubs, "TICKS", 1)
    monkeypatch.setattr(hubs, "LINGER_SECONDS", 0.01)
    monkeypatch.setattr(ring, "MOST_EVENTS", 3)
    monkeypatch.setattr(stream, "SLICE", 1)
    monkeypatch.setattr(stream, "PROGRESS_SECONDS", 0.001)
    monkeypatch.setattr(shots, "SHARED_SECONDS", 0.01)
    monkeypatch.setattr(outbox, "PROGRESS_SECONDS", 0.001)
    monkeypatch.setattr(joining, "PAGE", 2)
    monkeypatch.setattr(joining, "ATTACH_MOST", 1)


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


ANY_ORDER = st.lists(OPERATIONS, min_size=20, max_size=60)


@pytest.mark.timeout(600)
@given(ANY_ORDER)
@examples(20)
async def test_the_law_holds_in_any_order_of_changes_joins_cuts_prunes_and_slow_readers(
    wire: Wire, operations: list[tuple[Any, ...]]
) -> None:
    await live(wire, operations)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@given(ANY_ORDER)
@examples(300)
async def test_the_law_holds_in_very_many_orders(
    wire: Wire, operations: list[tuple[Any, ...]]
) -> None:
    await live(wire, operations)


@given(st.lists(st.one_of(COME, JOIN, MEASURE, st.tuples(st.just("restore"))), max_size=20))
@examples(5)
async def test_the_law_holds_when_the_database_is_restored_from_a_backup(
    wire: Wire, operations: list[tuple[Any, ...]]
) -> None:
    await live(wire, operations)


async def live(wire: Wire, operations: list[tuple[Any, ...]]) -> None:
    who = await sync_to_async(person)(f"carol-{uuid.uuid4().hex[:8]}")
    world = World(who, wire)
    await world.begin()
    for operation in operations:
        await world.do(operation)
    wire.faults.clear()
    await world.settle()
    await world.check()
    await world.end()
