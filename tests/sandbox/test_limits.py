"""Caps that are set for single processors go before what those ask for, and hit no other step."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from tests.sandbox.conftest import CAPS, MIB, OWN, take
from uploads.processing.sandbox import Limit, Sandbox, StepDone, Task

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = {
    "image": Limit(memory=48 * MIB),
    "checksum": Limit(seconds=0.05),  # a step that no other test here needs
    "run-python": Limit(seconds=0.3, memory=100 * MIB),
    "small": Limit(memory=300 * MIB),
    "nobody": Limit(seconds=1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def limited(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("limited") / "work", OWN, limits=LIMITS)
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


async def test_a_built_in_step_has_the_memory_that_was_set_for_it_and_the_others_theirs(
    limited: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "large.tga"
    Image.new("RGB", (5000, 5000), "green").save(path, compression="tga_rle")
    size = path.stat().st_size
    steps = ("identify", "text", "image")
    outcome = await take(limited.run(Task("x", path, path.name, size, steps=steps, caps=CAPS)))
    assert (outcome.failed.step, outcome.failed.code) == ("image", "memory_cap")
    assert "48 MiB" in outcome.failed.message
    done = [message.step for message in outcome.messages if isinstance(message, StepDone)]
    assert done == ["identify", "text"]


async def test_a_built_in_step_has_the_time_that_was_set_for_it(
    limited: Sandbox, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(2048 * MIB)
    outcome = await take(limited.run(Task("x", path, "large", 2048 * MIB, steps=("checksum",))))
    assert outcome.failed.code == "time_cap"
    assert "0.05 s" in outcome.failed.message


async def test_an_own_processor_has_what_was_set_for_it(
    limited: Sandbox, task: Callable[..., Task]
) -> None:
    hangs = await take(limited.run(task("while True: pass")))
    assert (hangs.failed.code, hangs.exit.reason) == ("time_cap", "time_cap")
    assert "0.3 s" in hangs.failed.message
    eats = await take(limited.run(task("bytearray(200 * 2 ** 20)")))
    assert eats.failed.code == "memory_cap"
    assert "100 MiB" in eats.failed.message


async def test_a_set_cap_goes_before_what_the_author_asked_for(
    limited: Sandbox, task: Callable[..., Task]
) -> None:
    program = "value = tried(lambda: len(bytearray(200 * 2 ** 20)))"
    outcome = await take(limited.run(replace(task(program), steps=("small",))))
    assert outcome.value == f"done: {200 * MIB}"


async def test_a_limit_for_nobody_is_shown_as_a_problem(limited: Sandbox) -> None:
    assert {*limited.problems} == {"nobody"}
