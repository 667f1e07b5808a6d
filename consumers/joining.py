"""How a subscriber comes into a stream, whatever its door: the only module that decides between
replay and snapshot.

The stream listens from the moment that somebody wants to join. The joiner is sent what it misses,
from the ring, the log or a snapshot, with the socket's own backpressure; when only a little is left
it is sent that, `ready`, and attached, without a pause in between that an event could fall into.
"""

from consumers import frames
from consumers.frames import Audience, Entry
from consumers.outbox import Closed, Outbox
from consumers.stream import Stream
from project import database
from uploads.errors import BadRequest, CursorGone
from uploads.publishing import log, snapshot
from uploads.publishing.closing import Close

REPLAY_MOST = 20_000  # events; who misses more is better off with a snapshot
PAGE = 500  # events read from the log or sent from the ring at once
ATTACH_MOST = 200  # events that may be left for the outbox of somebody who is attached


async def join(stream: Stream, box: Outbox, audience: Audience, after: str | None) -> None:
    """Send what is missed after the cursor `after` (None: a first snapshot), then attach. Raises
    Closed.
    """
    joiner = _Joiner(stream, box, audience)
    reason = "first" if after is None else await joiner.replay(after)
    if reason:
        await joiner.snapshot(reason)
    tail = await joiner.catch_up()
    joiner.attach(tail)
    joiner.show_progress()


class _Joiner:
    """Where somebody stands who joins: `seq` is what it was sent up to."""

    def __init__(self, stream: Stream, box: Outbox, audience: Audience) -> None:
        self.stream = stream
        self.ring = stream.ring
        self.box = box
        self.audience = audience
        self.seq = 0
        self.answered = False

    async def replay(self, after: str) -> str:
        """Begin behind a cursor; returns why that can't be done and a snapshot is needed instead,
        else "".
        """
        try:
            epoch, self.seq = log.parse_cursor(after)
        except BadRequest:
            return "epoch"
        if epoch != self.ring.epoch:
            return "epoch"
        if self.ring.seq - self.seq > REPLAY_MOST:
            return "behind"
        try:
            if self.seq > self.stream.sent or self.ring.since(self.seq, self.seq) is None:
                await self._send_page()
        except CursorGone:
            return "epoch" if self.seq > self.ring.seq else "expired"
        return ""

    async def snapshot(self, reason: str) -> None:
        """Send the state of the world, and why."""
        shot = await self.stream.shot(self.audience)
        if shot.epoch != self.ring.epoch:
            self._come_again()
        for frame in frames.snapshot(
            log.cursor_of(shot.epoch, shot.seq), shot.files, shot.counts, reason
        ):
            await self.box.put(frame)
        self.seq, self.answered = shot.seq, True

    async def catch_up(self) -> list[Entry]:
        """Send what has happened since; returns the few events that are left."""
        while True:
            if self.seq > self.stream.sent:
                await self.stream.reach(self.seq)
            if not self.stream.continues(self.ring):
                self._come_again()
            tail = self.ring.since(self.seq, self.stream.sent)
            if tail is not None and len(tail) <= ATTACH_MOST:
                return tail
            try:
                await (self._send_page() if tail is None else self._send(tail[:PAGE]))
            except CursorGone:  # pruned while it was on its way
                self._come_again()

    def attach(self, tail: list[Entry]) -> None:
        """The rest, `ready`, and from there on live."""
        if self.box.ending:
            raise Closed
        epoch, sent, counts = self.ring.epoch, self.stream.sent, self.stream.counts
        rest = frames.events(epoch, sent, self._meant(tail), counts)
        if not rest and (tail or not self.answered):
            rest = [frames.standing(epoch, sent, counts)]
        late = [frames.DELIVERY[True]] if self.stream.degraded else []
        held = [self.stream.queue] if self.stream.queue.text != frames.GOES_ON.text else []
        for frame in [*rest, frames.READY, *late, *held]:
            self.box.offer(frame)
        self.stream.attach(self.box, self.audience)

    def show_progress(self) -> None:
        """What was measured while the joiner was away, or since its snapshot was taken."""
        measures, space = self.stream.measures, self.stream.space_id
        files = measures.files(space, self.audience.takes)
        while files:
            part, files = files[: frames.MOST_ITEMS], files[frames.MOST_ITEMS :]
            self.box.offer_progress(frames.progress(measures.texts(space, part)), part)

    async def _send_page(self) -> None:
        batch, file = self.audience
        after = (self.ring.epoch, self.seq)
        page = await database.read(
            snapshot.since, self.stream.space_id, after, PAGE, batch=batch, file=file
        )
        entries = [frames.entry(*event) for event in page.events]
        await self._put(entries, page.seq, frames.dumps(page.counts))

    async def _send(self, entries: list[Entry]) -> None:
        await self._put(self._meant(entries), entries[-1].seq, self.stream.counts)

    async def _put(self, entries: list[Entry], upto: int, counts: str) -> None:
        for frame in frames.events(self.ring.epoch, upto, entries, counts):
            await self.box.put(frame)
            self.answered = True
        self.seq = upto

    def _meant(self, entries: list[Entry]) -> list[Entry]:
        return [one for one in entries if self.audience.takes(one.file, one.batch)]

    def _come_again(self) -> None:
        self.box.close(Close.RESTART)
        raise Closed
