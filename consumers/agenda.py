"""What a stream has to do, each thing once, at its time."""

import asyncio
from contextlib import suppress


class Agenda:
    """Things by name; whoever rests is woken by what is due, or by hand."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._woken = asyncio.Event()

    def add(self, work: str, seconds: float) -> None:
        """In so many seconds; not later than it was due already."""
        if work not in self._due:
            self._due[work] = asyncio.get_running_loop().time() + seconds
            self.wake()

    def wake(self) -> None:
        """There is something to look at now."""
        self._woken.set()

    async def rest(self) -> None:
        """Return when something is due, or was woken for."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._due.values(), default=None)):
                await self._woken.wait()
        self._woken.clear()

    def take(self) -> list[str]:
        """What is due now, and no longer afterwards."""
        now = asyncio.get_running_loop().time()
        works = [work for work, at in self._due.items() if at <= now]
        for work in works:
            del self._due[work]
        return works
