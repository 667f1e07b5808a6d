"""Files made to take all room and time end soon in the real sandbox, in a result or in a sentence
that says why.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.processors.bombs import BOMBS
from uploads.processing.sandbox import Caps, Sandbox, StepDone, StepFailed, Task

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("bombs") / "work")
    await running.start()
    yield running
    await running.stop()


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_ends_in_a_clear_state(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    make, step, code, words = BOMBS[name]
    content = make()
    path = tmp_path / "original"
    path.write_bytes(content)
    failed: list[StepFailed] = []
    done: list[str] = []
    async with sandbox.run(Task(name, path, name, len(content), caps=Caps(seconds=500))) as run:
        async for message in run:
            if isinstance(message, StepFailed):
                failed.append(message)
            elif isinstance(message, StepDone):
                done.append(message.step)
    assert [(one.step, one.code) for one in failed] == ([(step, code)] if code else [])
    assert all(words in one.message for one in failed)
    assert (step in done) is (code is None)
    if code != "memory_cap":
        assert run.exit.max_rss < 1536 * 1024**2
        assert run.exit.cpu_seconds < 60
