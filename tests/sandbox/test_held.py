"""What a step measured last is told even if it says nothing more, and by nobody but itself."""

import mmap
from collections.abc import Callable

import pytest

from tests.sandbox.conftest import Attack, take
from uploads.processing.sandbox import Progress, Sandbox, StepStarted, Task, wire
from uploads.processing.sandbox.held import LINE_BYTES, Page

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWICE = "ctx.progress(1, 9, 'turns'); ctx.progress(7, 9, 'turns')\n"
SILENT = {
    "sleeps": "import time; time.sleep(60)",
    "computes": "while True: pass",
    # the expression takes for ever and never lets another thread of Python's run
    "computes alone": "import re; re.match('(a+)+$', 'a' * 64 + 'b')",
}


@pytest.mark.parametrize("rest", SILENT.values(), ids=SILENT)
async def test_the_last_measure_before_a_long_silence_is_told(
    sandbox: Sandbox, task: Callable[..., Task], rest: str
) -> None:
    async with sandbox.run(task(TWICE + rest)) as run:
        async for message in run:
            if isinstance(message, Progress) and message.done == 7:
                break
        else:
            pytest.fail(f"it was never told: {run.exit}")
        assert (message.step, message.total, message.unit) == ("run-python", 9, "turns")
        run.cancel()


@pytest.mark.parametrize("end", ["1/0", "import os; os.abort()", "import os; os._exit(3)"])
async def test_how_far_a_step_came_before_it_failed_is_told(attack: Attack, end: str) -> None:
    outcome = await attack(TWICE + end)
    assert outcome.failed.step == "run-python"
    assert outcome.progress[-1].done == 7


async def test_nothing_is_told_twice(attack: Attack) -> None:
    outcome = await attack(TWICE + "import time; time.sleep(0.4)")
    assert [one.done for one in outcome.progress][-1] == 7
    assert len(outcome.progress) <= 3  # by the look, and once more at the end


async def test_a_child_reaches_no_other_childs_page(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    """The fork server knows the pages of all that run, and a child is a copy of it."""
    program = """
        import sys
        frame = sys._getframe()
        while "_children" not in dir(frame.f_locals.get("self")): frame = frame.f_back
        (other,) = frame.f_locals["self"]._children.values()
        other.page.write(b'{"step":"run-python","done":9,"total":9,"unit":"turns"}')
        value = "written"
    """
    async with sandbox.run(task(TWICE + "import time; time.sleep(60)")) as run:
        messages = aiter(run)
        while not isinstance(await anext(messages), StepStarted):
            pass
        outcome = await take(sandbox.run(task(program)))
        assert outcome.failed.code == "crashed"
        assert "SIGSEGV" in outcome.exit.detail
        done = 0.0
        while done < 7:
            message = await anext(messages)
            assert isinstance(message, Progress)
            done = message.done
        assert done == 7
        run.cancel()


async def test_garbage_on_its_own_page_is_passed_over(attack: Attack) -> None:
    program = """
        import sys, time
        frame = sys._getframe()
        while "page" not in frame.f_locals: frame = frame.f_back
        page = frame.f_locals["page"]
        for line in (b"garbage", b'{"step":"text","done":5,"total":9,"unit":"x"}',
                     b'{"step":"run-python","done":-5,"total":9,"unit":"x"}', b"[" * 900):
            page.write(line); time.sleep(0.15)
        page._memory[:] = b"\\xff" * len(page._memory); time.sleep(0.15)
        value = "alive"
    """
    outcome = await attack(program)
    assert outcome.value == "alive"
    assert outcome.progress == []


async def test_a_page_gives_what_stands_still_once_and_nothing_that_is_torn() -> None:
    page = Page()
    line = wire.held("text", 3, None, "words")
    assert page.read() == page.left_standing() == b""
    page.write(line)
    assert [page.left_standing() for _ in range(3)] == [b"", line, b""]
    page.write(line.replace(b"3", b"4"))
    assert page.left_standing() == b""
    page._memory[20] ^= 1
    assert page.read() == b""
    page.write(b"x" * LINE_BYTES)
    assert page.read() == b"x" * LINE_BYTES
    page.write(b"x" * mmap.PAGESIZE)  # too long: it is not written
    page.clear()
    assert page.read() == b""
    assert wire.read_held(line) == wire.Held("text", wire.Measured(3, None, "words"))
    page.close()
