"""The step that runs now: whether it gives signs of life, and when its measures are told."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from uploads.processing.jobs.attempts import StepRecord

PROGRESS_SECONDS = 0.1  # between two measures of one file


class Current:
    """The step that runs now, and whether it gives signs of life."""

    def __init__(self, step: StepRecord, timer: asyncio.TimerHandle) -> None:
        self.step = step
        self.began = self.heard_at = time.monotonic()
        self._told_at = 0.0
        self._telling: asyncio.TimerHandle | None = None
        self.long = False
        self.stalled_since: datetime | None = None
        self._timer = timer  # of whatever comes next: that it runs long, or that it is silent

    def tell_in_time(self, tell: Callable[[], None]) -> None:
        """Call `tell` now or, where it was called a moment ago, as soon as it may be again: what is
        newest then is told, even if nothing follows.
        """
        now = time.monotonic()
        if self._telling is not None:
            return
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            tell()
            return
        due = self._told_at + PROGRESS_SECONDS - now
        self._telling = asyncio.get_running_loop().call_later(due, self._tell_late, tell)

    def _tell_late(self, tell: Callable[[], None]) -> None:
        self._telling, self._told_at = None, time.monotonic()
        tell()

    def await_sign(self, look: Callable[[], None]) -> None:
        """Call `look` when there was none for too long."""
        self._timer.cancel()
        due = self.heard_at + settings.STALL_SECONDS - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due), look)

    def fall_silent(self, look: Callable[[], None]) -> bool:
        """Whether it is stalled now; else `look` is called again."""
        silence = time.monotonic() - self.heard_at
        if silence < settings.STALL_SECONDS:
            self.await_sign(look)
            return False
        self.stalled_since = timezone.now() - timedelta(seconds=silence)
        return True

    def give_sign(self, look: Callable[[], None]) -> bool:
        """It lives; whether it was shown as stalled, by this worker or, while that slept itself, by
        another.
        """
        silence = time.monotonic() - self.heard_at
        shown = self.stalled_since is not None or silence >= settings.STALL_SECONDS
        self.heard_at, self.stalled_since = time.monotonic(), None
        if shown:
            self.await_sign(look)
        return shown

    def end(self) -> None:
        """It runs no more."""
        self._timer.cancel()
        if self._telling is not None:
            self._telling.cancel()
