"""More of anything than its cap ends a step, names the cap, and touches nothing else."""

import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.sandbox.conftest import CAPS, MIB, Attack, take
from tests.support.patience import LOADED
from uploads.processing.sandbox import Run, Sandbox, StepDone, Task

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_memory_that_is_asked_for_at_once(attack: Attack) -> None:
    outcome = await attack("block = bytearray(2 ** 40)")
    assert outcome.failed.code == "memory_cap"
    assert "512 MiB" in outcome.failed.message
    assert outcome.exit.reason == "ok"  # it failed in a civil way


async def test_memory_that_is_taken_bit_by_bit(attack: Attack) -> None:
    outcome = await attack("kept = []\nwhile True: kept.append(bytearray(2 ** 20))")
    assert outcome.failed.code == "memory_cap"
    assert outcome.exit.max_rss < CAPS.memory + 256 * MIB


async def test_memory_that_a_library_takes_and_aborts_without(attack: Attack) -> None:
    """As Rust's libraries do it."""
    outcome = await attack(
        """
        import os, sys
        print("memory allocation of 4294967296 bytes failed", file=sys.stderr)
        os.abort()
        """
    )
    assert outcome.failed.code == "memory_cap"


async def test_memory_that_a_library_takes_until_it_aborts_without_a_word(attack: Attack) -> None:
    """As some of C++'s do it; where there was memory left, it is a crash like any other."""
    program = """
        import os
        kept = []
        try:
            while True: kept.append(bytes(2 ** 18).replace(b"\\0", b"x"))
        except MemoryError:
            os.abort()
    """
    outcome = await attack(program)
    assert outcome.failed.code == "memory_cap"
    assert (await attack("import os; os.abort()")).failed.code == "crashed"


async def test_memory_outside_the_address_space_cannot_be_had(attack: Attack) -> None:
    """Pipes and sockets are held by the kernel; there are as many as there may be descriptors."""
    program = """
        import os
        count = 0
        try:
            while True: os.pipe(); count += 1
        except OSError as error:
            value = [count < 200, error.errno]
    """
    assert (await attack(program)).value == [True, 24]


async def test_a_processor_gets_the_memory_that_it_asks_for(attack: Attack) -> None:
    program = "value = tried(lambda: len(bytearray(200 * 2 ** 20)))"
    assert (await attack(program)).value == f"done: {200 * MIB}"
    assert (await attack(program, "small")).value == "MemoryError"


async def test_a_file_larger_than_the_memory_can_be_mapped(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    program = """
import mmap
with ctx.path.open("rb") as file:
    pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
value = [len(pages), sum(pages[at] for at in range(0, len(pages), 4096))]
"""
    caps = replace(CAPS, memory=64 * MIB)
    size = 3 * caps.memory
    big = replace(task("", "run-name", caps=caps), size=size, name=program)
    os.truncate(big.path, size)  # sparse
    assert (await take(sandbox.run(big))).value == [size, 0]


async def test_time_without_end(attack: Attack) -> None:
    began = time.monotonic()
    outcome = await attack("while True: pass", caps=replace(CAPS, seconds=0.3))
    assert time.monotonic() - began < 2 * LOADED
    assert (outcome.failed.code, outcome.exit.reason) == ("time_cap", "time_cap")
    assert "0.3 s" in outcome.failed.message
    assert outcome.failed.duration_ms >= 300


async def test_time_without_end_and_without_python(attack: Attack) -> None:
    """Nothing in the child could notice it: it sleeps in one call, with all signals blocked."""
    program = """
        import signal, time
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(10 ** 6)
    """
    outcome = await attack(program, caps=replace(CAPS, seconds=0.3))
    assert outcome.exit.reason == "time_cap"


async def test_a_processor_has_its_own_time(attack: Attack) -> None:
    outcome = await attack("import time; time.sleep(60)", "takes-its-time")
    assert outcome.failed.code == "time_cap"
    assert "0.5 s" in outcome.failed.message


async def test_a_disk_filled_by_one_file(attack: Attack) -> None:
    outcome = await attack(
        "with open('big', 'wb') as file:\n while True: file.write(bytes(2 ** 20))"
    )
    assert outcome.failed.code == "disk_cap"
    assert "64 MiB" in outcome.failed.message


async def test_a_disk_filled_by_many_files(attack: Attack) -> None:
    program = """
        import itertools
        for number in itertools.count():
            with open(f"file{number}", "wb") as file: file.write(bytes(8 * 2 ** 20))
    """
    outcome = await attack(program)
    assert (outcome.failed.code, outcome.exit.reason) == ("disk_cap", "disk_cap")


@pytest.mark.parametrize(
    "program",
    [
        "for number in itertools.count(): open(f'file{number}', 'w').close()",
        "for number in itertools.count(): os.mkdir(f'folder{number}')",
        # without an end downwards
        "while True: os.mkdir('d'); os.chdir('d')",
        # where nobody else could look
        "os.mkdir('closed', 0o300); os.chdir('closed'); time.sleep(60)",
    ],
)
async def test_a_disk_filled_by_what_takes_no_room(attack: Attack, program: str) -> None:
    outcome = await attack(f"import itertools, os, time\n{program}")
    assert outcome.exit.reason == "disk_cap"


@pytest.mark.parametrize(
    "keep", ["kept.append(file)", "kept.append(mmap.mmap(file.fileno(), 4096)); file.close()"]
)
async def test_a_disk_filled_unseen(attack: Attack, keep: str) -> None:
    """A file that is deleted and held open, or mapped, is in no folder and still on the disk."""
    program = f"""
        import mmap, os, time
        kept = []
        while True:
            file = open("gone", "w+b")
            file.write(bytes(32 * 2 ** 20)); file.flush()
            {keep}
            os.unlink("gone")
    """
    outcome = await attack(program)
    assert outcome.exit.reason == "disk_cap"


async def test_a_file_without_a_name_cannot_be_made(attack: Attack) -> None:
    program = "import os; value = tried(lambda: os.open('.', os.O_TMPFILE | os.O_RDWR))"
    assert (await attack(program)).value == "OSError"


async def test_threads_without_end(attack: Attack) -> None:
    program = """
        import threading, time
        while True:
            try: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            except RuntimeError: time.sleep(60)
    """
    outcome = await attack(program)
    assert (outcome.failed.code, outcome.exit.reason) == ("thread_cap", "thread_cap")
    assert "cap of 32" in outcome.failed.message


@pytest.mark.parametrize("descriptor", [1, 2])
async def test_output_without_end(attack: Attack, descriptor: int) -> None:
    outcome = await attack(f"import os\nwhile True: os.write({descriptor}, bytes(65536))")
    assert (outcome.failed.code, outcome.exit.reason) == ("output_cap", "output_cap")


# The child finds the pipe itself, since its number isn't fixed.
FIND_PIPE = """
import os
pipe = next(n for n in range(3, 4096) if tried(lambda: os.fstat(n)) != "OSError")
"""


@pytest.mark.parametrize(
    "block", [b"\0" * 65536, b"\n" * 65536, b'{"is":"progress","done":' + b"1" * 65536]
)
async def test_a_gigabyte_on_the_pipe_for_messages(attack: Attack, block: bytes) -> None:
    outcome = await attack(f"{FIND_PIPE}for _ in range(2 ** 14): os.write(pipe, {block!r})")
    assert outcome.exit.reason in ("output_cap", "protocol")


async def test_progress_without_end_costs_the_server_little(attack: Attack) -> None:
    honest = await attack("for n in range(10 ** 5): ctx.progress(n, 10 ** 5, 'turns')")
    assert honest.exit.reason == "ok"
    assert len(honest.progress) < 200
    assert honest.progress[-1].done == 10**5 - 1
    line = b'{"is":"progress","done":1,"total":2,"unit":"x"}\n'
    hostile = await attack(f"{FIND_PIPE}while True: os.write(pipe, {line!r} * 100)")
    assert hostile.exit.reason == "output_cap"


async def test_the_rest_of_the_steps_go_on_in_a_new_child(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    for program, step in {
        "while True: pass": "takes-its-time",
        "import os; os.abort()": "run-python",
        "bytearray(2 ** 40)": "run-python",
    }.items():
        outcome = await take(sandbox.run(task(program, steps=("checksum", step, "text"))))
        done = [message.step for message in outcome.messages if isinstance(message, StepDone)]
        assert done == ["checksum", "text"]
        assert outcome.failed.step == step


async def test_one_run_hits_its_cap_and_its_neighbour_feels_nothing(
    sandbox: Sandbox, task: Callable[..., Task]
) -> None:
    quiet: Run = sandbox.run(task("import time; time.sleep(0.5); value = 'fine'"))
    loud = sandbox.run(task("kept = []\nwhile True: kept.append(bytearray(2 ** 20))"))
    import asyncio

    outcomes = await asyncio.gather(take(quiet), take(loud))
    assert outcomes[0].value == "fine"
    assert outcomes[1].failed.code == "memory_cap"
