"""Jobs by 1, 2 and 4 worker processes, and what the engines cost for each file.

All on a real Postgres that waits for the disk (fsync). Every file is queued before the first is
begun, so that only the work is measured, from the first step's start to the last job's end.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import table
from tests.production.stack import WORKING, Program, Stack
from tests.support.server import ROOT
from tests.support.services import Postgres, eventually

FILES = 400
CONNECTIONS = 8
CORES = os.cpu_count() or 1
TEXT = b"The quick brown fox jumps over the lazy dog.\n" * 60
ROUNDS = 200  # of each statement that is timed alone

HOLD = "from uploads.processing import queue; queue.pause(None, reason='benchmark')"
GO = (
    "from django.db import transaction; from uploads.processing import queue\n"
    "with transaction.atomic(): queue.resume(None)"
)


def main() -> None:
    """Measure all of it."""
    print(table.machine())
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as scratch:
        folder = Path(scratch)
        first = _workers(folder / "1", [1])
        table.row("1 worker of 1 slot", first, "files/s")
        for number in (2, 4):
            rate = _workers(folder / str(number), [1] * number)
            table.row(f"{number} workers of 1 slot", rate, "files/s", one_worker=first)
        apart = _workers(folder / "apart", [CORES])
        inside = _embedded(folder / "inside")
        table.row(
            f"procrastinate, 1 worker of {CORES} slots",
            apart,
            "files/s",
            embedded_on_Postgres=inside,
        )
        print(f"a file: {1000 / apart:.1f} ms with procrastinate, {1000 / inside:.1f} ms embedded")
        _statements(folder / "statements")


def _workers(folder: Path, slots: list[int]) -> float:
    with Stack(folder, workers=0, postgres=Postgres(fsync="on")) as stack:
        programs = [stack.worker(number, slots=count) for number, count in enumerate(slots)]
        return _measured(stack, programs)


def _embedded(folder: Path) -> float:
    with Stack(folder, workers=0, postgres=Postgres(fsync="on"), ENGINE="embedded") as stack:
        return _measured(stack, [])


def _measured(stack: Stack, workers: list[Program]) -> float:
    stack.manage("shell", "-c", HOLD)
    try:
        for worker in workers:
            worker.start()
        _send(stack)
        for worker in workers:
            worker.says(WORKING)
        stack.manage("shell", "-c", GO)
        open_ = "SELECT count(*) FROM uploads_job WHERE state <> 'ended'"
        eventually(lambda: stack.rows(open_) == [(0,)], "every job's end", 300)
    finally:
        for worker in workers:
            worker.kill9()
    ((seconds,),) = stack.rows(
        "SELECT extract(epoch FROM (SELECT max(finished_at) FROM uploads_uploadedfile)"
        " - (SELECT min(started_at) FROM uploads_step))"
    )
    return FILES / float(seconds)


def _send(stack: Stack) -> None:
    with stack.client(stack.token("bench")) as client, ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = pool.map(
            lambda number: client.put(f"/upload/note-{number}.txt", content=TEXT).status_code,
            range(FILES),
        )
        assert set(answers) == {201}


def _statements(folder: Path) -> None:
    """What the database's part of a file costs, each move in a transaction of its own."""
    with Stack(folder, web=0, workers=0, postgres=Postgres(fsync="on")) as stack:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.workers"],
            cwd=ROOT,
            env=stack.env(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout, end="")


def _time_statements() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    from django.db import transaction

    from uploads import people
    from uploads.processing.jobs import arrivals, attempts, leases

    space = people.private_space(people.person("bench")).pk
    claimed: list[leases.Claimed] = []

    def receive() -> None:
        arrivals.receive(arrivals.Arrival(space, None, "a.txt", size=3), sha256="00")

    def claim() -> None:
        claimed.extend(leases.claim("bench", 1))

    def finish() -> None:
        attempts.finish(claimed.pop(), [], None)

    moves: dict[str, Callable[[], None]] = {"receive": receive, "claim": claim, "finish": finish}
    for name, move in moves.items():
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            with transaction.atomic():
                move()
            times.append(1000 * (time.perf_counter() - began))
        median, worst = statistics.median(times), statistics.quantiles(times, n=100)[-1]
        print(f"{name + ', committed by itself':<48} {median:>10.2f} ms p50   {worst:.2f} ms p99")


if __name__ == "__main__":
    _time_statements()
