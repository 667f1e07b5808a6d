"""The one listener of this process: who is subscribed, what they hear, and when they must go.

The hub hears the doorbell, feeds the streams that somebody listens to, keeps the newest progress of
every file, asks the database now and then whether something was missed, and closes whoever may no
longer listen.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError

from consumers.outbox import Outbox
from consumers.stream import Stream
from project import database, health, stopping
from uploads.access import rights
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.publishing import doorbell, measures, standing
from uploads.publishing import log as record
from uploads.publishing.closing import Close
from uploads.publishing.measures import Measures

log = structlog.get_logger(__name__)

TICK_SECONDS = 2  # between two looks at the database while the layer is degraded
TICKS = 5  # as many times that while it is well
LINGER_SECONDS = 30  # a stream without listeners stays for those who come back
STRANGERS = 1_000  # sockets that have not yet said who they are
CHECKED = 200  # listeners whose rights are looked up again at once
OPEN_SECONDS = 10  # for a stream to learn where it stands


class Full(Exception):
    """There are too many subscribers of this user, or too many who have not said who they are."""


class Hub:
    """See the module."""

    def __init__(self, tasks: asyncio.TaskGroup, known: Measures) -> None:
        self.measures = known
        self.streams: dict[int, Stream] = {}
        self.leaving = False
        self._tasks = tasks
        self._running: set[asyncio.Task[None]] = set()
        self._listeners: dict[
            int, dict[Outbox, Who | Access | None]
        ] = {}  # by user; 0 for strangers
        self._unchecked: list[tuple[Outbox, Access]] = []
        self._queues = asyncio.Event()  # somebody has paused or resumed one

    @property
    def subscribers(self) -> int:
        """Live connections of this process."""
        return sum(map(len, self._listeners.values()))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as the hub lives. It must deal with its own errors."""
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # -- who is here -------------------------------------------------------------------------------

    def admit(self, box: Outbox, who: Who | Access | None) -> None:
        """Let a subscriber in; None for one that has not yet said who it is. Raises Full."""
        user, most = (0, STRANGERS) if who is None else (who.user_id, settings.SOCKETS_PER_USER)
        listeners = self._listeners.setdefault(user, {})
        if len(listeners) >= most and box not in listeners:
            raise Full
        listeners[box] = who

    def dismiss(self, box: Outbox, who: Who | Access | None) -> None:
        """A subscriber that was admitted as `who` has left."""
        user = 0 if who is None else who.user_id
        listeners = self._listeners.get(user, {})
        listeners.pop(box, None)
        if not listeners:
            self._listeners.pop(user, None)

    async def open(self, space_id: int) -> Stream:
        """The live stream of a space; to be left with `leave`. Raises TimeoutError while the
        database is away.
        """
        stream = self.streams.get(space_id)
        if stream is None:
            stream = self.streams[space_id] = Stream(space_id, self.measures)
            stream.deliver_late(degraded=not doorbell.healthy())
            self.spawn(self._run(stream))
        stream.users += 1
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await stream.opened.wait()
        except BaseException:
            self.leave(stream)
            raise
        return stream

    def leave(self, stream: Stream) -> None:
        """One user of the stream less."""
        stream.users -= 1
        if not stream.users:
            asyncio.get_running_loop().call_later(LINGER_SECONDS, self._end_if_idle, stream)

    def _end_if_idle(self, stream: Stream) -> None:
        if not stream.users and self.streams.get(stream.space_id) is stream:
            del self.streams[stream.space_id]  # who comes from here on gets a new one
            if stream.task is not None:
                stream.task.cancel()

    async def _run(self, stream: Stream) -> None:
        stream.task = asyncio.current_task()
        try:
            await stream.run()
        finally:
            if self.streams.get(stream.space_id) is stream:
                del self.streams[stream.space_id]

    # -- hearing -----------------------------------------------------------------------------------

    def hear(self, ring: dict[str, Any]) -> None:
        """An event was rung."""
        self.measures.heard(ring["space"], orjson.loads(ring["event"]))
        stream = self.streams.get(ring["space"])
        if stream is not None:
            stream.hear(ring)

    def hear_progress(self, ring: dict[str, Any]) -> None:
        """A measure was rung."""
        space, batch, measure = ring["space"], ring["batch"], ring["measure"]
        if self.measures.take(space, batch, measure):
            stream = self.streams.get(space)
            if stream is not None:
                stream.measured(measure["id"], batch)

    def revoke(self, ring: dict[str, Any]) -> None:
        """What a user, a token or a session may do has changed: their connections end, and may come
        again.
        """
        user, token, session = ring["user"], ring["token"], ring["session"]
        users = [user] if user is not None else list(self._listeners)
        for listeners in [self._listeners.get(one, {}) for one in users]:
            for box, who in list(listeners.items()):
                if who is None or (token is not None and who.token_id != token):
                    continue
                any_session = session == doorbell.ANY_SESSION and who.session_key is not None
                if session is None or any_session or who.session_key == session:
                    box.close(Close.FORBIDDEN)

    def look_at_queues(self, _ring: dict[str, Any]) -> None:
        """Somebody has paused or resumed a queue."""
        self._queues.set()

    def farewell(self) -> None:
        """The server is about to stop: everybody goes, and comes again elsewhere."""
        self.leaving = True
        for listeners in self._listeners.values():
            for box in list(listeners):
                box.close(Close.RESTART)

    # -- looking -----------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Find what the doorbell lost: events, and withdrawn rights."""
        tick = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            tick += 1
            usual = tick % TICKS == 0
            healthy = doorbell.healthy()
            for stream in self.streams.values():
                stream.deliver_late(degraded=not healthy)
            try:
                if self.streams and (usual or not healthy):
                    await self._ask_where_streams_stand()
                if usual:
                    await self._ask_who_still_may()
            except (OperationalError, InterfaceError) as error:
                log.warning("database unreachable", error=str(error))

    async def watch_queues(self) -> None:
        """Tell what holds queues up: when that rings, and now and then, as rings may be lost."""
        while True:
            with suppress(TimeoutError):
                patience = TICK_SECONDS * (TICKS if doorbell.healthy() else 1)
                async with asyncio.timeout(patience):
                    await self._queues.wait()
            self._queues.clear()
            if not self.streams:
                continue
            try:
                held = await database.read(standing.held)
            except (OperationalError, InterfaceError) as error:
                log.warning("database unreachable", error=str(error))
                continue
            for stream in self.streams.values():
                stream.held_up(standing.of(held, stream.space_id))

    async def _ask_where_streams_stand(self) -> None:
        before = {space_id: stream.ring.seq for space_id, stream in self.streams.items()}
        heads = await database.read(record.heads, before)
        for space_id, (epoch, seq) in heads.items():
            stream = self.streams.get(space_id)
            if stream is not None:
                stream.told(epoch, seq, before=before[space_id])

    async def _ask_who_still_may(self) -> None:
        if not self._unchecked:
            everybody = [
                pair for listeners in self._listeners.values() for pair in listeners.items()
            ]
            self._unchecked = [(box, who) for box, who in everybody if isinstance(who, Access)]
        some, self._unchecked = self._unchecked[:CHECKED], self._unchecked[CHECKED:]
        gone = await database.read(rights.gone, {who for _, who in some}) if some else set()
        for box, who in some:
            if who in gone:
                box.close(Close.FORBIDDEN)

    def end(self) -> None:
        """Stop everything that runs."""
        for task in self._running:
            task.cancel()

    def ailing(self) -> str:
        """Why it can't serve subscribers, "" while it can."""
        return "The server is stopping." if self.leaving else ""

    def facts(self) -> dict[str, int]:
        """What it does, in numbers."""
        return {
            "subscribers": self.subscribers,
            "streams": len(self.streams),
            "measured_files": len(self.measures),
        }


_hub: Hub | None = None


def current() -> Hub:
    """This process's hub."""
    if _hub is None:
        raise RuntimeError("the hub is not running")
    return _hub


@asynccontextmanager
async def service() -> AsyncIterator[Hub]:
    """The hub, for as long as the server lives."""
    global _hub
    with measures.kept() as known:
        async with asyncio.TaskGroup() as tasks:
            hub = _hub = Hub(tasks, known)
            hub.spawn(hub.watch())
            hub.spawn(hub.watch_queues())
            taken_back = [
                doorbell.subscribe("event", hub.hear),
                doorbell.subscribe("progress", hub.hear_progress),
                doorbell.subscribe("revoke", hub.revoke),
                doorbell.subscribe("queue", hub.look_at_queues),
                stopping.subscribe(hub.farewell),
                health.watch("hub", hub.ailing),
                health.tell("hub", hub.facts),
            ]
            try:
                yield hub
            finally:
                for take_back in taken_back:
                    take_back()
                hub.farewell()
                _hub = None
                hub.end()
