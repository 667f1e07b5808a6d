"""One space's live stream in this process: the only module that hands frames to subscribers'
outboxes.

What is heard is put in order (`Ring`), encoded once for each audience and offered to each of its
outboxes. Events go out at once when it is quiet; after each round the stream rests for as long as
the round took, or until nobody else wants the loop, so that under load events gather in frames and
fan-out never takes more than half of the loop from others.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from django.db import InterfaceError, OperationalError

from consumers import frames
from consumers.agenda import Agenda
from consumers.frames import EVERYTHING, Audience, Entry, Frame
from consumers.outbox import PROGRESS_SECONDS, Outbox
from consumers.ring import Ring
from consumers.shots import SHARED_SECONDS, Shot, Shots
from project import database
from uploads import metrics
from uploads.errors import CursorGone
from uploads.models import Space
from uploads.publishing import log as record
from uploads.publishing import snapshot, standing
from uploads.publishing.closing import Close
from uploads.publishing.measures import Measures

log = structlog.get_logger(__name__)

POSITION_SECONDS = 25
COUNTS_SECONDS = 1  # for those whose filter leaves events out: how old their counts may be
GRACE_SECONDS = 0.02  # for a ring that another process's overtook
RETRY_SECONDS = 1
REST_SECONDS = 0.05  # longest rest after a round
LEAST_REST_SECONDS = 0.001  # shorter rounds need none
IDLE_SECONDS = 0.0002  # a turn of the loop that took less had nothing to do
SLICE = 250  # outboxes served before others get the loop
EARLY = 1_000  # rings kept until the stream's place is known


class Stream:
    """See the module. `run` is its task; everything else never waits, but for joiners."""

    def __init__(self, space_id: int, measures: Measures) -> None:
        self.space_id = space_id
        self.measures = measures
        self.task: asyncio.Task[None] | None = None
        self.queue = frames.GOES_ON  # what holds the space's queue up
        self.degraded = False  # what happens elsewhere is found in the log, some seconds late
        self.users = 0  # subscribers, joining ones included
        self.opened = asyncio.Event()
        self.ring = Ring("", 0, "{}")
        self.sent = 0  # what every live subscriber has been offered
        self.counts = "{}"  # there, as JSON
        self._standing_told = False
        self._early: list[dict[str, Any]] = []
        self._broken = False
        self._live: dict[Audience, set[Outbox]] = {}
        self._moving: dict[str, str | None] = {}  # files with news of their progress → batch
        self._untold: set[Audience] = (
            set()
        )  # whose filter has left out events since they heard the counts
        self._agenda = Agenda()
        self._arrivals: list[asyncio.Future[None]] = []
        self._shots = Shots(space_id, measures)

    # -- hearing -----------------------------------------------------------------------------------

    def hear(self, ring: dict[str, Any]) -> None:
        """An event was rung (`doorbell.ring`)."""
        if not self.opened.is_set():
            if len(self._early) < EARLY:
                self._early.append(ring)
            return
        if ring["epoch"] != self.ring.epoch:
            self._broken = True
        else:
            one = frames.entry(ring["seq"], ring["event"], ring["file"], ring["batch"])
            self.ring.hear(one, frames.dumps(ring["counts"]))
        self._agenda.wake()

    def told(self, epoch: str, seq: int, *, before: int) -> None:
        """The database says where the stream stands; `before` is what we had when it was asked."""
        if not self.opened.is_set():
            return
        if epoch != self.ring.epoch or seq < before:
            self._broken = True
            self._agenda.wake()
        elif seq > self.ring.seq:
            self.ring.told(seq)
            self._agenda.wake()

    def measured(self, file: str, batch: str | None) -> None:
        """A file has a new measure."""
        if self._live:
            self._moving[file] = batch
            self._agenda.add("progress", PROGRESS_SECONDS)

    def deliver_late(self, *, degraded: bool) -> None:
        """The layer is away, or back."""
        if degraded != self.degraded:
            self.degraded = degraded
            self._agenda.add("delivery", 0)

    def held_up(self, pauses: list[dict[str, Any]]) -> None:
        """What holds the queue up (`events.QueuePause`), as far as anybody knows."""
        self._standing_told = True
        frame = frames.queue(pauses)
        if frame.text != self.queue.text:
            self.queue = frame
            self._agenda.add("queue", 0)

    # -- joining -----------------------------------------------------------------------------------

    def attach(self, box: Outbox, audience: Audience) -> None:
        """From now on this outbox is offered what comes after `sent`."""
        box.measures, box.space = self.measures, self.space_id
        self._live.setdefault(audience, set()).add(box)

    def detach(self, box: Outbox, audience: Audience) -> None:
        """The subscriber has left."""
        boxes = self._live.get(audience)
        if boxes is not None:
            boxes.discard(box)
            if not boxes:
                del self._live[audience]
                self._untold.discard(audience)

    def continues(self, ring: Ring) -> bool:
        """Whether this is still the stream's ring; not after it began anew or ended."""
        return self.ring is ring and self.opened.is_set()

    async def reach(self, seq: int) -> None:
        """Return when everybody was offered the events up to `seq`, which exist, or when the stream
        began anew.
        """
        ring = self.ring
        while self.sent < seq and self.continues(ring):
            ring.told(seq)
            self._agenda.wake()
            arrival = asyncio.get_running_loop().create_future()
            self._arrivals.append(arrival)
            await arrival

    async def shot(self, audience: Audience) -> Shot:
        """A snapshot, not older than what the ring can continue; taken once for all who join at the
        same time.
        """
        shot = await self._shots.take(
            audience, lambda shot: self.ring.since(shot.seq, shot.seq) is not None
        )
        self._agenda.add("forget", 2 * SHARED_SECONDS)
        return shot

    # -- the stream's own task ---------------------------------------------------------------------

    async def run(self) -> None:
        """Deliver, until cancelled or the space is gone."""
        try:
            while True:
                try:
                    await self._open()
                    await self._follow()
                except (OperationalError, InterfaceError) as error:
                    log.warning("database unreachable", space=self.space_id, error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
        except Space.DoesNotExist:
            self._end(Close.FORBIDDEN)
        except Exception:
            log.exception("stream failed", space=self.space_id)
            self._end(Close.INTERNAL)

    async def _open(self) -> None:
        if self.opened.is_set():
            return
        head = await database.read(record.head, self.space_id)
        self.counts = frames.dumps(head.counts)
        self.ring = Ring(head.epoch, head.seq, self.counts)
        self.sent = head.seq
        held = await database.read(standing.held)
        if not self._standing_told:  # what was told meanwhile is newer
            self.held_up(standing.of(held, self.space_id))
        self._broken = False
        self.opened.set()
        early, self._early = self._early, []
        for ring in early:
            self.hear(ring)

    async def _follow(self) -> None:
        self._agenda.add("position", POSITION_SECONDS)
        loop = asyncio.get_running_loop()
        while not self._broken:
            await self._agenda.rest()
            began = loop.time()
            await self._deliver()
            if self.ring.hole:
                await self._repair()
            for work in self._agenda.take():
                await self._do(work)
            if (took := loop.time() - began) > LEAST_REST_SECONDS:
                await _rest(min(took, REST_SECONDS))
        log.info("stream begins anew", space=self.space_id, epoch=self.ring.epoch)
        self._end(Close.RESTART)

    async def _do(self, work: str) -> None:
        if work == "progress":
            await self._show_progress()
        elif work == "counts":
            await self._show_counts()
        elif work == "forget":
            self._shots.forget()
        elif work == "delivery":
            frame = frames.DELIVERY[self.degraded]
            await self._offer([(frame, boxes) for boxes in self._live.values()])
        elif work == "queue":
            await self._offer([(self.queue, boxes) for boxes in self._live.values()])
        elif work == "position":
            self._agenda.add("position", POSITION_SECONDS)
            frame = frames.position(self.ring.epoch, self.sent)
            await self._offer([(frame, boxes) for boxes in self._live.values()])

    # -- delivering --------------------------------------------------------------------------------

    async def _deliver(self) -> None:
        entries, self.ring.fresh = self.ring.fresh, []
        if not entries:
            return
        self.sent, self.counts = self.ring.seq, self.ring.counts
        plan: list[tuple[Frame, Iterable[Outbox]]] = []
        for audience, boxes in self._live.items():
            plan += [(frame, boxes) for frame in self._frames(audience, entries)]
        self._arrive()
        await self._offer(plan)
        if plan:
            metrics.LAG.observe(_seconds_since(entries[-1]))

    def _frames(self, audience: Audience, entries: list[Entry]) -> list[Frame]:
        if audience != EVERYTHING:
            entries = [one for one in entries if audience.takes(one.file, one.batch)]
            if not entries:
                self._untold.add(audience)
                self._agenda.add("counts", COUNTS_SECONDS)
                return []
            self._untold.discard(audience)
        return frames.events(self.ring.epoch, self.sent, entries, self.counts)

    async def _offer(self, plan: Iterable[tuple[Frame, Iterable[Outbox]]]) -> None:
        """Frames to outboxes; who joins from here on is not meant."""
        served = 0
        for frame, boxes in [(frame, tuple(boxes)) for frame, boxes in plan]:
            metrics.FRAMES.labels(frame.kind).inc(len(boxes))
            for box in boxes:
                box.offer(frame)
                served += 1
                if served % SLICE == 0:
                    await asyncio.sleep(0)

    async def _show_counts(self) -> None:
        audiences, self._untold = self._untold, set()
        frame = frames.standing(self.ring.epoch, self.sent, self.counts)
        await self._offer(
            [(frame, self._live[audience]) for audience in audiences if audience in self._live]
        )

    async def _show_progress(self) -> None:
        moving = list(self._moving.items())[: frames.MOST_ITEMS]
        for file, _ in moving:
            del self._moving[file]
        if self._moving:
            self._agenda.add("progress", PROGRESS_SECONDS)
        served = 0
        for audience, boxes in [(audience, tuple(boxes)) for audience, boxes in self._live.items()]:
            files = [file for file, batch in moving if audience.takes(file, batch)]
            texts = self.measures.texts(self.space_id, files)
            if not texts:
                continue
            frame = frames.progress(texts)
            metrics.FRAMES.labels(frame.kind).inc(len(boxes))
            for box in boxes:
                box.offer_progress(frame, files)
                served += 1
                if served % SLICE == 0:
                    await asyncio.sleep(0)

    async def _repair(self) -> None:
        """Read what the doorbell lost from the log."""
        await asyncio.sleep(GRACE_SECONDS)
        while self.ring.hole and not self._broken:
            ring = self.ring
            try:
                page = await database.read(
                    snapshot.since, self.space_id, (ring.epoch, ring.seq), record.PAGE
                )
            except CursorGone:
                self._broken = True
                return
            ring.fill(
                [frames.entry(*event) for event in page.events],
                page.seq,
                None if page.more else frames.dumps(page.counts),
            )
            await self._deliver()

    def _arrive(self) -> None:
        arrivals, self._arrivals = self._arrivals, []
        for arrival in arrivals:
            if not arrival.done():
                arrival.set_result(None)

    def _end(self, code: Close) -> None:
        self.opened.clear()
        for boxes in self._live.values():
            for box in boxes:
                box.close(code)
        self._arrive()


async def _rest(seconds: float) -> None:
    """Let others have the loop for so long, or until nobody wants it."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while (turn := loop.time()) < until:
        await asyncio.sleep(0)
        if loop.time() - turn < IDLE_SECONDS:
            return


def _seconds_since(entry: Entry) -> float:
    at = datetime.fromisoformat(orjson.loads(entry.payload)["at"])
    return max(0.0, (datetime.now(UTC) - at).total_seconds())
