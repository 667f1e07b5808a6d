"""One sandbox for most tests, and a way to send a hostile program into it."""

import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from uploads.processing.sandbox import (
    Caps,
    Exit,
    Message,
    Progress,
    Run,
    Sandbox,
    StepDone,
    StepFailed,
    Task,
)

OWN = Path(__file__).parent / "own"
MIB = 1024 * 1024
# Small enough for a test to hit them soon; the time is not, since any step may take its time on a
# machine that does much else.
CAPS = Caps(memory=512 * MIB, seconds=100, disk=64 * MIB, threads=32, files=500)


@dataclass
class Outcome:
    """All that a run said, and how it ended."""

    messages: list[Message]
    exit: Exit

    @property
    def done(self) -> StepDone:
        (done,) = (message for message in self.messages if isinstance(message, StepDone))
        return done

    @property
    def value(self) -> Any:
        assert self.exit.reason == "ok", (self.exit, self.messages)
        assert not isinstance(self.messages[-1], StepFailed), self.messages[-1]
        return self.done.result["value"]

    @property
    def failed(self) -> StepFailed:
        (failed,) = (message for message in self.messages if isinstance(message, StepFailed))
        return failed

    @property
    def progress(self) -> list[Progress]:
        return [message for message in self.messages if isinstance(message, Progress)]


Attack = Callable[..., Awaitable[Outcome]]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server keeps: somebody else's upload, its database, its secrets."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "content").mkdir()
    (folder / "content" / "other").write_text("somebody else's")
    (folder / "db.sqlite3").write_text("everything")
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(data: Path) -> AsyncIterator[Sandbox]:
    os.environ["SECRET_OF_THE_SERVER"] = "hush"
    running = Sandbox(data / "work", OWN)
    await running.start()
    yield running
    await running.stop()
    del os.environ["SECRET_OF_THE_SERVER"]


@pytest.fixture
def task(data: Path) -> Callable[..., Task]:
    """A task whose file is the program that the `run-python` processor runs."""

    def make(program: str, step: str = "run-python", **changes: Any) -> Task:
        path = data / "content" / f"upload{os.urandom(4).hex()}"
        path.write_text(textwrap.dedent(program))
        options: dict[str, Any] = {"steps": (step,), "caps": CAPS} | changes
        return Task("attack", path, "attack.txt", path.stat().st_size, **options)

    return make


@pytest.fixture
def attack(sandbox: Sandbox, task: Callable[..., Task]) -> Attack:
    """Runs a program inside the sandbox, to its end."""

    async def run(program: str, step: str = "run-python", **changes: Any) -> Outcome:
        return await take(sandbox.run(task(program, step, **changes)))

    return run


async def take(run: Run) -> Outcome:
    async with run:
        messages = [message async for message in run]
    return Outcome(messages, run.exit)


def descriptors_of(pid: int | str) -> int:
    """How many are open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
