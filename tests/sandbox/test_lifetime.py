"""Nothing outlives what it belongs to: a child its run and fork server, all of it the server."""

import asyncio
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sandbox.conftest import CAPS, OWN, descriptors_of, take
from tests.support.patience import LOADED, within
from tests.support.processes import with_us
from uploads.processing.sandbox import Run, Sandbox, StepFailed, StepStarted, Task
from uploads.processing.sandbox.ward import HUNG_SECONDS

pytestmark = pytest.mark.asyncio(loop_scope="session")

# It hears no signal, holds its own pipe, and would go on for ever.
STUBBORN = """
    import signal, threading, time
    for number in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=time.sleep, args=(10 ** 6,)).start()
    while True: sum(range(10 ** 5))
"""


@pytest_asyncio.fixture(loop_scope="session")
async def own_sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """One to do harm to."""
    running = Sandbox(tmp_path / "work", OWN)
    await running.start()
    yield running
    await running.stop()


def alive(pid: int) -> bool:
    """Whether it runs; one that waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone_within(seconds: float, pids: list[int]) -> bool:
    end = time.monotonic() + seconds * LOADED
    while any(alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def children_of(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if alive(int(child))]


async def started(run: Run) -> int:
    """The process id, once its step has begun."""
    async for message in run:
        if isinstance(message, StepStarted):
            break
    assert run.pid is not None
    return run.pid


async def test_a_cancelled_run_has_ended_within_a_second(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    async with sandbox.run(task(STUBBORN)) as run:
        messages = aiter(run)
        while not isinstance(await anext(messages), StepStarted):
            pass
        pid = run.pid
        assert pid is not None
        began = time.monotonic()
        run.cancel()
        rest = [message async for message in messages]
        assert rest == []
        assert (run.exit.reason, run.exit.step) == ("cancelled", "run-python")
    assert time.monotonic() - began < 1 * LOADED
    assert not alive(pid)
    assert not run.folder.exists()


async def test_a_run_that_is_cancelled_before_it_begins_never_begins(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    async with sandbox.run(task("value = 1")) as run:
        run.cancel()
        assert [message async for message in run] == []
        assert run.exit.reason == "cancelled"


async def test_leaving_early_ends_the_child(sandbox: Sandbox, task: Callable[..., Task]) -> None:
    async with sandbox.run(task(STUBBORN)) as run:
        pid = await started(run)
    assert not alive(pid)
    assert not run.folder.exists()


async def test_a_task_that_is_cancelled_takes_its_child_with_it(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    pids: asyncio.Queue[int] = asyncio.Queue()

    async def work() -> None:
        async with sandbox.run(task(STUBBORN)) as run:
            async for message in run:
                if isinstance(message, StepStarted) and run.pid:
                    pids.put_nowait(run.pid)

    working = asyncio.create_task(work())
    pid = await pids.get()
    working.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await working
    assert not alive(pid)


@pytest.mark.parametrize("runs", [64, pytest.param(400, marks=pytest.mark.soak)])
async def test_many_runs_leave_nothing(
    sandbox: Sandbox, task: Callable[..., Task], runs: int
) -> None:
    programs = [
        task("value = 1"),
        task("1/0"),
        task("import os; os.abort()"),
        task("open('x', 'w').write('x'); ctx.save('a', 'b/c').write_text('y')"),
    ]
    await take(sandbox.run(programs[0]))  # what is opened once for all is open now
    assert sandbox.pid is not None
    opened, opened_there = descriptors_of("self"), descriptors_of(sandbox.pid)
    waiting = iter(range(runs))

    async def worker() -> None:
        for number in waiting:
            async with sandbox.run(programs[number % 4]) as run:
                async for _ in run:
                    if number % 8 == 4:
                        run.cancel()

    await asyncio.gather(*(worker() for _ in range(4)))
    assert descriptors_of("self") <= opened
    assert descriptors_of(sandbox.pid) <= opened_there
    assert children_of(sandbox.pid) == []
    folder = run_folder(sandbox, task)
    assert [entry.name for entry in folder.iterdir() if entry.is_dir()] == []


def run_folder(sandbox: Sandbox, task: Callable[..., Task]) -> Path:
    return sandbox.run(task("")).folder.parent


async def test_the_death_of_the_fork_server_is_noticed_and_repaired(
    own_sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    pids = []
    before = own_sandbox.pid
    assert before is not None
    async with own_sandbox.run(task(STUBBORN)) as run:
        async for message in run:
            if isinstance(message, StepStarted):
                assert run.pid is not None
                pids.append(run.pid)
                os.kill(before, signal.SIGKILL)
            elif isinstance(message, StepFailed):
                assert message.code == "worker_lost"
        assert run.exit.reason == "lost"
        assert "fork server ended" in run.exit.detail
    assert gone_within(1, pids)
    # what comes while it starts again waits for it
    assert (await take(own_sandbox.run(task("value = 'again'")))).value == "again"
    assert own_sandbox.ready
    assert own_sandbox.pid != before


async def test_what_a_fork_server_rehearsed_with_when_it_was_killed_is_removed(
    own_sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    killed = own_sandbox.pid
    assert killed is not None
    stage = run_folder(own_sandbox, task) / f"rehearsal.{killed}.3"
    stage.mkdir()
    (stage / "sample").write_text("as it would be in the middle of one")
    os.kill(killed, signal.SIGKILL)
    while own_sandbox.ready:  # noqa: ASYNC110 - until it is noticed, and no later
        await asyncio.sleep(0)
    assert (await take(own_sandbox.run(task("value = 'again'")))).value == "again"
    assert not stage.exists()


async def test_what_a_step_waits_for_until_it_begins_is_not_its_own_time(
    own_sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    assert own_sandbox.pid is not None
    cap = 1.0
    os.kill(own_sandbox.pid, signal.SIGSTOP)
    running = asyncio.create_task(
        take(own_sandbox.run(task("value = 1", caps=replace(CAPS, seconds=cap))))
    )
    await asyncio.sleep(1.2 * cap)
    os.kill(own_sandbox.pid, signal.SIGCONT)
    assert (await running).value == 1


async def test_a_run_that_waits_for_a_new_fork_server_can_be_cancelled(
    own_sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    assert own_sandbox.pid is not None
    os.kill(own_sandbox.pid, signal.SIGKILL)
    while own_sandbox.ready:  # noqa: ASYNC110 - until it is noticed, and no later
        await asyncio.sleep(0)
    async with own_sandbox.run(task(STUBBORN)) as run:
        messages = asyncio.ensure_future(anext(aiter(run), None))
        await asyncio.sleep(0)
        with within(1):
            run.cancel()
            assert await messages is None
        assert run.exit.reason == "cancelled"


async def test_a_signal_to_the_whole_group_leaves_the_ending_to_the_server(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    """As a service manager sends it to all processes of a service."""
    assert sandbox.pid is not None
    waiting = task("import time\nwhile ctx.path.read_bytes(): time.sleep(0.01)")
    async with sandbox.run(waiting) as run:
        async for message in run:
            if isinstance(message, StepStarted):
                assert run.pid is not None
                for pid in (sandbox.pid, run.pid):
                    os.kill(pid, signal.SIGTERM)
                    os.kill(pid, signal.SIGINT)
                os.truncate(waiting.path, 0)
        assert run.exit.reason == "ok"


async def test_a_server_out_of_descriptors_says_so(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = task("value = 1")
    opened = descriptors_of("self")
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limit[1]))
    try:
        outcome = await take(sandbox.run(waiting))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    assert outcome.failed.code == "worker_lost"
    assert "Too many open files" in outcome.exit.detail
    assert descriptors_of("self") == opened
    assert (await take(sandbox.run(waiting))).value == 1


async def test_stopping_ends_what_runs(tmp_path: Path, task: Callable[..., Task]) -> None:
    sandbox = Sandbox(tmp_path / "work", OWN)
    await sandbox.start()
    server = sandbox.pid
    assert server is not None
    async with sandbox.run(task(STUBBORN)) as run:
        pid = await started(run)
        await sandbox.stop()
    assert gone_within(1, [pid, server])
    assert not [entry for entry in (tmp_path / "work").iterdir() if entry.is_dir()]
    async with sandbox.run(task("value = 1")) as late:
        assert [type(message) for message in [m async for m in late]] == [StepStarted, StepFailed]


SERVER = """
import asyncio, sys
from pathlib import Path
from uploads.processing.sandbox import Sandbox, Task, StepStarted
from tests.sandbox.conftest import OWN

async def main():
    sandbox = Sandbox(Path(sys.argv[1]), OWN)
    await sandbox.start()
    print(sandbox.pid, flush=True)
    async def one():
        task = Task("x", Path(sys.argv[2]), "x", 1, steps=("run-python",))
        async with sandbox.run(task) as run:
            async for message in run:
                if isinstance(message, StepStarted):
                    print(run.pid, flush=True)
    await asyncio.gather(one(), one(), one())

asyncio.run(main())
"""


@pytest.fixture
def server(tmp_path: Path, task: Callable[..., Task]):
    """A server with three stubborn children: its process, and the ids of all that it started."""
    command = [sys.executable, "-c", SERVER, str(tmp_path / "work"), str(task(STUBBORN).path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(
        with_us(command), stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()) for _ in range(4)]
        yield process, pids
        process.kill()


async def test_kill_9_of_the_server_leaves_no_child(server) -> None:
    process, pids = server
    assert all(alive(pid) for pid in pids)
    os.kill(process.pid, signal.SIGKILL)
    assert gone_within(1, pids)


async def test_a_fork_server_that_stands_still_ends_with_the_server_too(server) -> None:
    process, pids = server
    os.kill(pids[0], signal.SIGSTOP)
    os.kill(process.pid, signal.SIGKILL)
    assert gone_within(1, pids)


async def test_what_dead_servers_left_is_removed_and_what_lives_is_not(
    server, tmp_path: Path, task: Callable[..., Task]
) -> None:
    process, pids = server
    (living,) = (entry for entry in (tmp_path / "work").iterdir() if entry.is_dir())
    assert len([entry for entry in living.iterdir() if entry.is_dir()]) == 3
    async with started_sandbox(tmp_path / "work") as second:
        assert living.exists()
        assert (await take(second.run(task("value = 1")))).value == 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert gone_within(1, pids)
    async with started_sandbox(tmp_path / "work"):
        assert not living.exists()


@contextlib.asynccontextmanager
async def started_sandbox(root: Path) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(root, OWN)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.stop()


async def test_a_fork_server_that_hangs_is_replaced(
    own_sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    hung = own_sandbox.pid
    assert hung is not None
    async with own_sandbox.run(task(STUBBORN)) as run:
        pid = await started(run)
        os.kill(hung, signal.SIGSTOP)
        began = time.monotonic()
        run.cancel()
    assert time.monotonic() - began < LOADED * HUNG_SECONDS
    assert run.exit.reason == "cancelled"
    assert gone_within(1, [pid, hung])
    assert (await take(own_sandbox.run(task("value = 1")))).value == 1
