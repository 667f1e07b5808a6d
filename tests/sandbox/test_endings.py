"""However a processor ends, its step ends in one word with a sentence."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from tests.sandbox.conftest import CAPS, Attack, take
from uploads.processing.sandbox import (
    Planned,
    Progress,
    Sandbox,
    StepDone,
    StepFailed,
    StepStarted,
    Task,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_whole_run_says_what_it_does_in_order(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("Plain words, of which there are a few.\n")
    outcome = await take(sandbox.run(Task("whole", path, "notes.txt", path.stat().st_size)))
    said = [type(one) for one in outcome.messages if not isinstance(one, Progress)]
    assert said == [
        *(StepStarted, StepDone, Planned),
        *(StepStarted, StepDone),
        *(StepStarted, StepDone),
    ]
    planned = next(one for one in outcome.messages if isinstance(one, Planned))
    assert [name for name, _ in planned.steps] == ["identify", "checksum", "text"]
    results = {one.step: one.result for one in outcome.messages if isinstance(one, StepDone)}
    assert results["identify"]["media_type"] == "text/plain"
    assert len(results["checksum"]["sha256"]) == 64
    assert outcome.exit.reason == "ok"
    assert 0 < outcome.exit.cpu_seconds < 5
    assert outcome.exit.max_rss > 10 * 1024 * 1024


async def test_a_picture_that_goes_by_a_texts_name_is_taken_apart_all_the_same(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A child with little loaded begins, and hands over to one that has the libraries."""
    path = tmp_path / "notes"
    Image.new("RGB", (40, 30), "teal").save(path, "PNG")
    outcome = await take(sandbox.run(Task("lies", path, "notes.txt", path.stat().st_size)))
    assert outcome.exit.reason == "ok"
    results = {one.step: one.result for one in outcome.messages if isinstance(one, StepDone)}
    assert list(results) == ["identify", "checksum", "image"]
    assert (results["image"]["width"], results["image"]["height"]) == (40, 30)
    assert len([one for one in outcome.messages if isinstance(one, Planned)]) == 1


async def test_own_processors_take_part_after_the_built_in_ones(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    results = {"identify": {"media_type": "text/x-attack", "kind": "code"}}
    outcome = await take(
        sandbox.run(
            task("value = [ctx.media_type, ctx.kind, sorted(ctx.results)]", results=results)
        )
    )
    assert outcome.value == ["text/x-attack", "code", ["identify"]]


async def test_what_a_step_raises_is_its_failure(attack: Attack) -> None:
    outcome = await attack("raise ValueError('no such colour')")
    assert outcome.failed.code == "processor_error"
    assert outcome.failed.message == "ValueError: no such colour"
    assert 'File "attack", line 1' in outcome.failed.detail
    assert outcome.exit.reason == "ok"


async def test_a_bad_file_is_called_one(attack: Attack) -> None:
    outcome = await attack(
        "from uploads.processors import BadFile\nraise BadFile('The header is cut short.')"
    )
    assert (outcome.failed.code, outcome.failed.message) == ("bad_file", "The header is cut short.")


@pytest.mark.parametrize(
    "program",
    ["raise SystemExit(0)", "raise KeyboardInterrupt", "raise BaseException('\\ud800\\0')", "1/0"],
)
async def test_whatever_is_raised_is_a_civil_failure(attack: Attack, program: str) -> None:
    assert (await attack(program)).failed.code == "processor_error"


async def test_a_message_without_end_is_cut(attack: Attack) -> None:
    outcome = await attack("raise ValueError('x' * 10 ** 7)")
    assert len(outcome.failed.message) <= 4096


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("import ctypes; ctypes.string_at(1)", "SIGSEGV"),
        ("import os; os.abort()", "SIGABRT"),
        ("import os; os._exit(7)", "status 7"),
        ("import os; os._exit(0)", ""),
        ("import faulthandler; faulthandler._stack_overflow()", "SIGSEGV"),
    ],
)
async def test_a_crash_is_a_crash(attack: Attack, program: str, says: str) -> None:
    outcome = await attack(program)
    assert (outcome.failed.code, outcome.exit.reason) == ("crashed", "crashed")
    assert says in outcome.exit.detail


async def test_the_last_words_before_a_crash_are_kept(attack: Attack) -> None:
    outcome = await attack(
        """
        import os, sys
        print("x" * 100_000)
        print("The last words.", file=sys.stderr)
        os.abort()
        """
    )
    assert "The last words." in outcome.failed.detail
    assert len(outcome.failed.detail) < 8192


async def test_a_child_that_is_killed_from_outside_has_crashed(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    async with sandbox.run(task("import time; time.sleep(60)")) as run:
        failed = None
        async for message in run:
            if isinstance(message, StepStarted):
                assert run.pid is not None
                os.kill(run.pid, signal.SIGKILL)
            if isinstance(message, StepFailed):
                failed = message
    assert failed is not None
    assert failed.code == "crashed"
    assert "SIGKILL" in failed.detail
    assert "runs out of memory" in failed.message


async def test_an_unknown_step_says_so(attack: Attack) -> None:
    outcome = await attack("", "no-such-step")
    assert outcome.failed.code == "processor_error"
    assert "no processor no-such-step" in outcome.failed.message


async def test_a_file_that_cannot_be_identified_is_still_looked_at(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The file is missing, so every step fails, and each says so."""
    gone = Task("gone", tmp_path / "gone", "gone", 1, caps=CAPS)
    outcome = await take(sandbox.run(gone))
    planned = next(one for one in outcome.messages if isinstance(one, Planned))
    failed = [one for one in outcome.messages if isinstance(one, StepFailed)]
    assert [one.step for one in failed] == [name for name, _ in planned.steps]
    assert {one.code for one in failed} == {"processor_error"}
