"""The newest events of one stream: the only place where what was heard becomes an order without
holes.

The doorbell may lose, double and swap; an event is taken when it is the next one. What came too
early waits, and `hole` says that something before it must be read from the log.
"""

from collections import deque
from collections.abc import Iterable

from consumers.frames import Entry

MOST_EVENTS = 2_048
MOST_BYTES = 2 * 1024 * 1024
MOST_EARLY = 1_000


class Ring:
    """Events after `start` up to `seq`, and the space's counts (JSON) at `seq`."""

    def __init__(self, epoch: str, seq: int, counts: str) -> None:
        self.epoch = epoch
        self.seq = seq
        self.counts = counts
        self.fresh: list[Entry] = []  # not delivered yet
        self._start = seq
        self._events: deque[Entry] = deque()
        self._bytes = 0
        self._early: dict[int, tuple[Entry, str]] = {}
        self._newest = seq  # the newest event that is known to exist

    @property
    def hole(self) -> bool:
        """Whether events are known to exist that did not come."""
        return self._newest > self.seq

    def hear(self, entry: Entry, counts: str) -> None:
        """An event that the doorbell told of, with the counts after it."""
        if entry.seq <= self.seq:
            return
        self.told(entry.seq)
        if entry.seq == self.seq + 1:
            self._take(entry, counts)
            self._settle()
        elif len(self._early) < MOST_EARLY:
            self._early[entry.seq] = (entry, counts)

    def told(self, seq: int) -> None:
        """There is an event of this number."""
        self._newest = max(self._newest, seq)

    def fill(self, entries: Iterable[Entry], upto: int, counts: str | None) -> None:
        """Events read from the log up to `upto`; `counts` where that was the end of the stream."""
        for entry in entries:
            if entry.seq == self.seq + 1:
                self._take(entry, self.counts)
        if counts is None:
            return
        if upto == self.seq:
            self.counts = counts
        self._settle()
        if self.seq == upto:  # nothing that was told of lies behind the end: it was never committed
            self._newest = self.seq
            self._early.clear()

    def since(self, seq: int, upto: int) -> list[Entry] | None:
        """Events after `seq` up to `upto`; None when they are no longer held."""
        if seq < self._start:
            return None
        first = seq - self._start
        return [self._events[index] for index in range(first, upto - self._start)]

    def _take(self, entry: Entry, counts: str) -> None:
        self.seq, self.counts = entry.seq, counts
        self.fresh.append(entry)
        self._events.append(entry)
        self._bytes += entry.size
        while len(self._events) > MOST_EVENTS or self._bytes > MOST_BYTES:
            oldest = self._events.popleft()
            self._bytes -= oldest.size
            self._start = oldest.seq

    def _settle(self) -> None:
        """Take what came early and is next now."""
        while (following := self._early.pop(self.seq + 1, None)) is not None:
            self._take(*following)
        if self._early:
            self._early = {seq: early for seq, early in self._early.items() if seq > self.seq}
