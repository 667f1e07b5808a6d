"""What lives as long as the server does: nothing breaks unseen, and what broke comes back."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from project import lifespan
from project.lifespan import Lifespan
from project.settings import BASE_DIR

MAKERS = {"create_task", "ensure_future"}
# tasks that no group owns, and who keeps them and sees how they end
OWNED = {
    "project/lifespan.py": "Lifespan keeps it; it sees every failure and starts anew",
    "uploads/publishing/doorbell.py": "listen() waits for it, and looks at how it ended",
    "uploads/receiving/form_views.py": "settle() waits for each, unless the form is cut",
    "uploads/receiving/intake.py": "Watch keeps it; it sees its own failure",
    "uploads/processing/runner.py": "_claim() shields it and waits for it",
    "uploads/processing/engines/procrastinate_worker.py": "_serve_queue() ends it, patiently",
    "uploads/processing/steps.py": "written() waits for all of them; they see their own failures",
}


def test_every_task_belongs_to_a_group_or_says_who_keeps_it() -> None:
    alone = set()
    for folder in ("project", "uploads", "consumers"):
        for path in (BASE_DIR / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in {
                    "create_task",
                    "ensure_future",
                }:
                    owner = ast.unparse(node.value)
                    if owner not in {"tasks", "self._tasks"}:
                        alone.add(str(path.relative_to(BASE_DIR)))
    assert alone == set(OWNED)


class Services:
    """A service that begins well and breaks when told to."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.ended = 0
        self.trouble = asyncio.Event()

    @asynccontextmanager
    async def service(self) -> AsyncIterator[None]:
        try:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._break())
                self.begun.put_nowait(1)
                try:
                    yield
                finally:
                    work.cancel()
        finally:
            self.ended += 1

    async def _break(self) -> None:
        await self.trouble.wait()
        self.trouble.clear()
        raise ValueError("broken")


async def nothing(*_: Any) -> None:
    """An application that does nothing."""


async def test_services_that_break_are_said_to_and_started_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lifespan, "AGAIN_SECONDS", 0.01)
    services = Services()
    application = Lifespan(nothing, [services.service])
    await application.start()
    await services.begun.get()
    services.trouble.set()
    async with asyncio.timeout(60):
        await services.begun.get()
    assert "services broke" in caplog.text
    assert "broken" in caplog.text
    await application.stop()
    assert services.ended == 2


async def test_services_that_never_began_stop_the_start() -> None:
    def refuse() -> None:
        raise OSError("no such disk")

    @asynccontextmanager
    async def bad() -> AsyncIterator[None]:
        refuse()
        yield

    application = Lifespan(nothing, [bad])
    with pytest.raises(OSError, match="no such disk"):
        await application.start()
