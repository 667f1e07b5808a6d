"""The only module that brings asyncio code and the database together.

Domain functions are plain and synchronous. Async code calls them by `await read(function, …)`, on
one of a few warm threads that each keep a connection, or by `await write(function, …)`, in a
transaction of the one writing thread. Writes that wait at the same time share one transaction
(group commit), each in a savepoint of its own: one fsync serves many uploads, and the rows that
every change of a space must lock are locked once. The future of a write is resolved after its
commit.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

from project.commits import ASK_SECONDS
from project.lending import Lender
from project.writer import Write, Writer, broken, reachable

P = ParamSpec("P")
T = TypeVar("T")

READERS = 6  # threads, each with one connection
AWAY_SECONDS = 5  # that a read waits for a database that is started anew

_lock = threading.Lock()
_readers: ThreadPoolExecutor | None = None
_writer: Writer | None = None


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
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            return function(*args, **kwargs)
        except (OperationalError, InterfaceError):
            if not broken() or time.monotonic() > deadline:
                raise
        while not reachable() and time.monotonic() < deadline:
            time.sleep(ASK_SECONDS)


async def write(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of `function`, called in a transaction, after its commit.

    Cancelling the caller does not undo the write. `function` may be called again when the
    transaction was lost, so it takes ids and values, not rows that it changes in place.
    """
    return await submit(function, *args, **kwargs)


def submit(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    """As `write`, for who goes on meanwhile."""
    work = Write(lambda: function(*args, **kwargs), asyncio.get_running_loop())
    _the_writer().put(work)
    return work.future


def submit_from(
    loop: asyncio.AbstractEventLoop,
    function: Callable[[], T],
    done: Callable[["asyncio.Future[T]"], None],
) -> None:
    """As `submit`, from any thread; `done` is called with the future on `loop`."""
    work = Write(function, loop)
    work.future.add_done_callback(done)  # before anybody can resolve it
    _the_writer().put(work)


def lend(lender: Lender) -> None:
    """Let a process of ours write while the writing thread does not."""
    _the_writer().lend(lender)


def _the_writer() -> Writer:
    global _writer
    with _lock:
        if _writer is None:
            _writer = Writer()
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
        writer.close()
    if readers is not None:
        barrier = threading.Barrier(READERS)
        for _ in range(READERS):
            readers.submit(_leave, barrier)
        readers.shutdown(wait=True)


def _leave(barrier: threading.Barrier) -> None:
    barrier.wait()  # so that each thread takes one of these, and closes its own connection
    connection.close()
