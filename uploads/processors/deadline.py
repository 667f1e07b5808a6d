"""Ends what takes too long: for libraries whose regular expressions a hostile text can stall."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class Overdue(Exception):
    """It was not done in time."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises Overdue in the block once it has computed for so many seconds, however long it waited
    for its turn on a busy machine: from between two of Python's steps, or out of a search for a
    regular expression, which looks for signals now and then. In a thread that isn't the main one
    there is no deadline.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPROF, _end)
    timer = signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *timer)
        signal.signal(signal.SIGPROF, before)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise Overdue
