"""The writing thread: commits whatever waits, together, and knows what became of it.

Writes that wait at the same time share one transaction, each in a savepoint of its own. Between
several processes this needs care. A write that meets a row which another process has locked would
hold its own rows while it waits, and two groups that wait for each other are a deadlock: so only
the first write of a group may wait; whatever meets a lock after it goes to the front of the next
group. And when the connection breaks during a commit, nobody knows whether it was done: so each
commit leaves its number in the writer's own row, which tells (`commits`).

Between its groups, and while nothing waits, the thread lends its turn to a process that has asked
for it (`lending`).
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.db import Error, InterfaceError, OperationalError, connection, transaction

from project.commits import ASK_SECONDS, AWAY_SECONDS, Marks, OutcomeUnknown
from project.lending import Lender

log = structlog.get_logger(__name__)

GROUP = 128  # writes in one transaction at the most
GROUP_SECONDS = (
    0.05  # what a group has not begun by then goes to the next: others want the rows too
)
LOCK_MILLISECONDS = 2  # that a write waits for a row while the group holds others
TRIES = 5  # for a write that lost against another process (busy database, deadlock)

# PostgreSQL: lock not available, deadlock detected, serialization failure
LOST_TO_ANOTHER = {"55P03", "40P01", "40001"}


@dataclass
class Write:
    """A function to be called in a transaction, and the future of its result."""

    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def resolve(self, result: Any, error: BaseException | None = None) -> None:
        """Tell whoever waits, on their loop."""
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            log.info("nobody waits any more", loop="closed")

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():  # whoever waited was cancelled; the write stands all the same
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


Outcome = tuple[Write, Any, BaseException | None]


class Writer:
    """A thread with one connection."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Write | Lender | None] = queue.SimpleQueue()
        self._again: deque[Write] = deque()
        self._marks = Marks()
        self._lender: Lender | None = None
        self._away_since: float | None = None
        self._open = True
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def put(self, write: Write) -> None:
        """Commit this soon."""
        self._waiting.put(write)

    def lend(self, lender: Lender) -> None:
        """Lend the turn over this from now on, instead of any other."""
        self._waiting.put(lender)

    def close(self) -> None:
        """Return when all that waits is done and the connection is closed."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while self._open or self._again or not self._waiting.empty():
            if group := self._gather():
                self._take_turn()
                self._commit(group)
                self._lend_turn()
        self._end_lending()
        self._marks.forget()
        connection.close()

    def _gather(self) -> list[Write]:
        """What waits, at most a group; waits itself while there is nothing."""
        group = list(self._again)
        self._again.clear()
        while (self._open and not group) or (len(group) < GROUP and not self._waiting.empty()):
            write = self._waiting.get()
            if write is None:
                self._open = False
            elif isinstance(write, Lender):
                self._end_lending()
                self._lender = write
                self._lend_turn()
            else:
                group.append(write)
        return group

    def _take_turn(self) -> None:
        if self._lender is not None and not self._lender.take_back():
            self._end_lending()

    def _lend_turn(self) -> None:
        if self._lender is not None and not self._lender.lend():
            self._end_lending()

    def _end_lending(self) -> None:
        if self._lender is not None:
            self._lender.take_back()
            self._lender.close()
            self._lender = None

    def _commit(self, group: list[Write]) -> None:
        if len(group) == 1:
            self._alone(group[0])
            return
        outcomes: list[Outcome] = []
        try:
            with self._marks.transaction():
                again = _together(group, outcomes)
        except OutcomeUnknown as error:
            for write in group:
                write.resolve(None, error)
            return
        except Exception as error:  # noqa: BLE001 - could not commit; each is tried by itself
            log.info("group not committed", writes=len(group), error=str(error))
            for write in group:
                self._alone(write)
            return
        self._away_since = None
        self._again.extend(again)
        for write, result, refusal in outcomes:
            write.resolve(result, refusal)

    def _alone(self, write: Write) -> None:
        left = TRIES
        while True:
            try:
                with self._marks.transaction():
                    result = write.function()
            except OutcomeUnknown as error:
                write.resolve(None, error)
                return
            except (OperationalError, InterfaceError) as error:
                left -= 1
                if not left or (broken() and not self._returns()):
                    write.resolve(None, error)
                    return
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                write.resolve(None, error)
                return
            else:
                self._away_since = None
                write.resolve(result)
                return

    def _returns(self) -> bool:
        """Wait for a database that is away; False when it has been so for too long."""
        self._away_since = self._away_since or time.monotonic()
        while True:
            connection.close()
            if reachable():
                return True
            if time.monotonic() - self._away_since > AWAY_SECONDS:
                return False
            time.sleep(ASK_SECONDS)


def _together(group: list[Write], outcomes: list[Outcome]) -> list[Write]:
    """Call each in a savepoint; returns those that are to be called again in the next group."""
    again: list[Write] = []
    began = time.monotonic()
    for number, write in enumerate(group):
        try:
            with transaction.atomic():
                outcomes.append((write, write.function(), None))
        except (OperationalError, InterfaceError) as error:
            if not _lost_to_another(error):
                raise  # the connection broke, which undoes all
            again.append(write)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits; undoes that alone
            outcomes.append((write, None, error))
        if not number:
            _wait_no_more()
        if time.monotonic() - began > GROUP_SECONDS:
            return [*again, *group[number + 1 :]]
    return again


def _wait_no_more() -> None:
    """From here on, this transaction does not wait for rows that others have locked."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")


def _lost_to_another(error: Exception) -> bool:
    return getattr(error.__cause__, "sqlstate", None) in LOST_TO_ANOTHER


def broken() -> bool:
    """Whether the connection is of no more use; it is closed then."""
    try:
        usable = connection.connection is not None and connection.is_usable()
    except Exception:  # noqa: BLE001 - a connection that can't even be asked
        usable = False
    if not usable:
        connection.close()
    return not usable


def reachable() -> bool:
    """Whether this thread has a connection, or gets one."""
    try:
        connection.ensure_connection()
    except Error:
        return False
    return True
