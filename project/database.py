"""The only module that brings asyncio code and the database together.

Domain functions are plain and synchronous. Async code calls them by `await read(function, …)`, on
one of a few warm threads that each keep a connection, or by `await write(function, …)`, in a
transaction of the one writing thread. Writes that wait at the same time share one transaction
(group commit), each in a savepoint of its own: one fsync serves many uploads, and the rows that
every change of a space must lock are locked once. The future of a write is resolved after its
commit.
"""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

P = ParamSpec("P")
T = TypeVar("T")

READERS = 6  # threads, each with one connection
GROUP = 128  # writes in one transaction at the most
TRIES = 3  # for a write that lost against another process (deadlock, busy database)


@dataclass
class _Write:
    function: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]" = field(init=False)

    def __post_init__(self) -> None:
        self.future = self.loop.create_future()

    def resolve(self, result: Any, error: BaseException | None = None) -> None:
        self.loop.call_soon_threadsafe(self._settle, result, error)

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():  # whoever waited was cancelled; the write stands all the same
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class _Writer:
    """A thread that commits whatever waits, together."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def put(self, write: _Write | None) -> None:
        self._waiting.put(write)

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            waiting = min(GROUP - 1, self._waiting.qsize())
            group = [first, *(self._waiting.get() for _ in range(waiting))]
            self._commit([write for write in group if write is not None])
            if None in group:
                break
        connection.close()

    def _commit(self, group: list[_Write]) -> None:
        if len(group) == 1:
            self._alone(group[0])
            return
        settled: list[tuple[_Write, Any, Exception | None]] = []
        try:
            with transaction.atomic():
                settled.extend((write, *_in_savepoint(write)) for write in group)
        except Exception:  # noqa: BLE001 - the group could not commit; each is tried by itself
            _close_if_broken()
            for write in group:
                self._alone(write)
            return
        for write, result, error in settled:
            write.resolve(result, error)

    def _alone(self, write: _Write) -> None:
        for left in reversed(range(TRIES)):
            try:
                with transaction.atomic():
                    result = write.function()
            except (OperationalError, InterfaceError) as error:
                _close_if_broken()
                if not left:
                    write.resolve(None, error)
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                write.resolve(None, error)
                return
            else:
                write.resolve(result)
                return


def _in_savepoint(write: _Write) -> tuple[Any, Exception | None]:
    """One write of a group; its own error undoes it alone, a broken connection undoes all."""
    try:
        with transaction.atomic():
            return write.function(), None
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
        return None, error


def _close_if_broken() -> None:
    try:
        usable = connection.connection is not None and connection.is_usable()
    except Exception:  # noqa: BLE001 - a connection that can't even be asked
        usable = False
    if not usable:
        connection.close()


_lock = threading.Lock()
_readers: ThreadPoolExecutor | None = None
_writer: _Writer | None = None


async def read(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, called in a thread that has a warm connection, outside any
    transaction.
    """
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool(), lambda: _reading(function, *args, **kwargs))


def _pool() -> ThreadPoolExecutor:
    global _readers
    with _lock:
        if _readers is None:
            _readers = ThreadPoolExecutor(READERS, "reader")
        return _readers


def _reading(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    except (OperationalError, InterfaceError):
        _close_if_broken()
        return function(*args, **kwargs)  # once more: the server may have been started anew


async def write(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, called in a transaction, after its commit.

    Cancelling the caller does not undo the write. `function` may be called again when the
    transaction was lost, so it takes ids and values, not rows that it changes in place.
    """
    work = _Write(lambda: function(*args, **kwargs), asyncio.get_running_loop())
    _the_writer().put(work)
    result: T = await work.future
    return result


def _the_writer() -> _Writer:
    global _writer
    with _lock:
        if _writer is None:
            _writer = _Writer()
        return _writer


@contextmanager
def consistent() -> Iterator[None]:
    """One moment of the database for all reads inside; it never waits for writers."""
    if connection.in_atomic_block:
        yield
        return
    begin = (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        if connection.vendor == "postgresql"
        else "BEGIN DEFERRED"
    )
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        finally:
            cursor.execute("COMMIT")


def close() -> None:
    """Finish what waits, end the threads and their connections."""
    global _readers, _writer
    with _lock:
        readers, _readers = _readers, None
        writer, _writer = _writer, None
    if writer is not None:
        writer.put(None)
        writer.join()
    if readers is not None:
        barrier = threading.Barrier(READERS)
        for _ in range(READERS):
            readers.submit(_leave, barrier)
        readers.shutdown(wait=True)


def _leave(barrier: threading.Barrier) -> None:
    barrier.wait()  # so that each thread takes one of these, and closes its own connection
    connection.close()
