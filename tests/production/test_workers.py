"""Worker machines: nudged at once, stopped without loss, killed without harm."""

import itertools
import re
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.production.stack import WORKING, Stack
from tests.support.patience import within
from tests.support.processes import sandbox_children
from tests.support.server import free_port
from tests.support.services import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.nginx, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx.Client]:
    """Alice, through nginx."""
    with stack.client(stack.token("alice")) as alice:
        yield alice


@pytest.fixture(autouse=True)
def _nothing_left(stack: Stack, client: httpx.Client) -> Iterator[None]:
    """No test has to wait for another's files, nor in a queue that another has paused."""
    yield
    stack.rows("UPDATE uploads_pause SET until = now() WHERE until IS NULL RETURNING id")
    waiting = "SELECT id FROM uploads_uploadedfile WHERE status IN ('queued', 'processing')"
    for (file_id,) in stack.rows(waiting):
        client.post(f"/api/files/{file_id}/cancel/")


def drop(client: httpx.Client, seconds: float, name: str = "") -> str:
    """A text file for the processors in `ours.py`, which read its name."""
    answer = client.put(f"/upload/{name or f'slow-{seconds}.txt'}", content="words\n")
    assert answer.status_code == 201, answer.text
    file_id: str = answer.json()["files"][0]["id"]
    return file_id


def status(client: httpx.Client, file_id: str) -> str:
    found: str = client.get(f"/api/files/{file_id}/").json()["status"]
    return found


def runs(client: httpx.Client, file_id: str) -> bool:
    """Whether the slow step itself runs."""
    file = client.get(f"/api/files/{file_id}/").json()
    return any(s["name"] == "slow" and s["status"] == "running" for s in file["steps"])


def worker_of(stack: Stack, file_id: str) -> int:
    ((name,),) = stack.rows("SELECT worker FROM uploads_job WHERE file_id = %s", file_id)
    return [str(program.pid) for program in stack.workers].index(name.rsplit(" ", 1)[1])


def test_a_nudge_brings_a_worker_at_once(stack: Stack, client: httpx.Client) -> None:
    drop(client, 0)  # whatever a first file costs is paid
    waits = []
    for _ in range(5):
        file_id = drop(client, 0)
        eventually(lambda: status(client, file_id) == "processed", "a file without work")  # noqa: B023
        sql = (
            "SELECT extract(epoch FROM min(step.started_at) - job.queued_at)"
            " FROM uploads_job job JOIN uploads_step step USING (file_id)"
            " WHERE file_id = %s GROUP BY job.queued_at"
        )
        waits.append(float(stack.rows(sql, file_id)[0][0]))
    assert min(waits) < 2.5, waits  # the next poll would come within 5 s


def test_many_jobs_are_spread_over_the_workers(stack: Stack, client: httpx.Client) -> None:
    files = [drop(client, 60) for _ in range(2)]
    eventually(lambda: all(runs(client, file_id) for file_id in files), "both at once")
    assert {worker_of(stack, file_id) for file_id in files} == {0, 1}
    for file_id in files:
        assert client.post(f"/api/files/{file_id}/cancel/").status_code == 200


def test_a_worker_told_to_stop_gives_its_job_back(stack: Stack, client: httpx.Client) -> None:
    file_id = drop(client, 5)
    eventually(lambda: runs(client, file_id), "the step's start")
    first = worker_of(stack, file_id)
    with within(5):
        assert stack.workers[first].stop() == 0
    eventually(lambda: status(client, file_id) == "processed", "its end elsewhere")
    assert client.get(f"/api/files/{file_id}/").json()["attempt"] == 2
    ((tries,),) = stack.rows("SELECT tries FROM uploads_job WHERE file_id = %s", file_id)
    assert tries == 1  # being given back is no failure
    sql = "SELECT status FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')"
    assert stack.rows(sql) == []
    stack.workers[first].start().says(WORKING)


def readiness(stack: Stack) -> tuple[int, list[str], str]:
    """What the first web process says of itself and of the workers."""
    answer = httpx.get(f"http://127.0.0.1:{stack.web[0].environment['PORT']}/readyz", timeout=60)
    body = answer.json()
    return answer.status_code, body["warnings"], body["checks"]["workers"]


def test_web_processes_warn_while_no_worker_is_alive_and_take_files_all_the_same(
    stack: Stack, client: httpx.Client
) -> None:
    eventually(lambda: readiness(stack) == (200, [], "well"), "workers that are alive")
    for program in stack.workers:
        assert program.stop() == 0
    said = (200, ["workers"], "No worker is alive; files wait for one.")
    eventually(lambda: readiness(stack) == said, "a warning")
    file_id = drop(client, 0)
    assert status(client, file_id) == "queued"
    for program in stack.workers:
        program.start()
    eventually(lambda: status(client, file_id) == "processed", "its end")
    eventually(lambda: readiness(stack) == (200, [], "well"), "workers that are alive again")
    for program in stack.workers:
        program.says(WORKING)


def test_a_killed_workers_job_goes_to_another(stack: Stack, client: httpx.Client) -> None:
    file_id = drop(client, 5)
    eventually(lambda: runs(client, file_id), "the step's start")
    first = worker_of(stack, file_id)
    stack.workers[first].kill9()
    eventually(lambda: status(client, file_id) == "processed", "its end elsewhere")
    file = client.get(f"/api/files/{file_id}/").json()
    assert file["attempt"] == 2
    assert {step["attempt"] for step in file["steps"]} == {2}
    stack.workers[first].start().says(WORKING)


def test_a_crash_is_tried_again_and_may_pass(stack: Stack, client: httpx.Client) -> None:
    """How long it must crash for depends on the machine: too briefly, and it is begun only when it
    is well again; too long, and all of its tries are over before.
    """
    seconds = 1.0
    for _ in range(10):
        file_id = drop(client, 0, f"until-{time.time() + seconds}-well.txt")
        eventually(lambda: status(client, file_id) in {"processed", "failed"}, "its end")  # noqa: B023
        file = client.get(f"/api/files/{file_id}/").json()
        if file["status"] == "processed" and file["attempt"] > 1:
            assert file["error"] is None
            return
        seconds *= 1.5 if file["status"] == "processed" else 0.8
    pytest.fail("each time it was begun only when it was well again, or never well")


def test_a_crash_that_does_not_pass_fails_after_all_tries(
    stack: Stack, client: httpx.Client
) -> None:
    file_id = drop(client, 0, f"until-{time.time() + 1000}-well.txt")
    eventually(lambda: status(client, file_id) in {"processed", "failed"}, "its end")
    file = client.get(f"/api/files/{file_id}/").json()
    assert (file["status"], file["error"]["code"]) == ("failed", "crashed")
    assert (file["error"]["step"], file["attempt"]) == ("shaky", 3)


def test_a_narrow_processor_takes_one_job_at_a_time_on_all_machines(
    stack: Stack, client: httpx.Client
) -> None:
    files = [drop(client, 0, "narrow-1.txt") for _ in range(6)]
    eventually(lambda: all(status(client, each) == "processed" for each in files), "their end")
    sql = (
        "SELECT started_at, finished_at FROM uploads_step"
        " WHERE name = 'narrow' AND file_id = ANY(%s) ORDER BY started_at"
    )
    times = stack.rows(sql, files)
    assert len(times) == 6
    for (_, end), (begin, _) in itertools.pairwise(times):
        assert begin >= end


def test_a_paused_queue_begins_nothing_until_it_is_resumed(
    stack: Stack, client: httpx.Client
) -> None:
    paused = "INSERT INTO uploads_pause (reason, since) VALUES ('upgrade', now()) RETURNING id"
    stack.rows(paused)
    file_id = drop(client, 0)
    time.sleep(1)
    assert status(client, file_id) == "queued"
    stack.rows("UPDATE uploads_pause SET until = now() RETURNING id")
    eventually(lambda: status(client, file_id) == "processed", "its end after the pause")


def test_cancelling_reaches_the_worker_within_a_second(stack: Stack, client: httpx.Client) -> None:
    file_id = drop(client, 60)
    eventually(lambda: runs(client, file_id), "the step's start")
    program = stack.workers[worker_of(stack, file_id)]
    assert client.post(f"/api/files/{file_id}/cancel/").status_code == 200
    with within(1):
        eventually(lambda: not sandbox_children(program.pid), "the child's end")


def test_chores_are_done_once_whatever_the_number_of_workers(stack: Stack) -> None:
    """With a lease of 6 s the sweep comes every two seconds."""
    line = re.compile(r"chore .*name=sweep|name=sweep .*chore")

    def done() -> int:
        return sum(len(line.findall(program.log)) for program in stack.workers)

    before, began = done(), time.monotonic()
    eventually(lambda: done() >= before + 4, "four sweeps")
    assert time.monotonic() - began > 4.5  # two workers doing it each would need four seconds


def test_a_worker_tells_prometheus_what_it_has_done(stack: Stack, client: httpx.Client) -> None:
    for program in stack.workers:
        assert program.stop() == 0
    port = free_port()
    third = stack.worker(len(stack.workers))
    third.environment |= {"WORKER_METRICS": f"127.0.0.1:{port}"}
    third.start().says(WORKING)
    try:
        file_id = drop(client, 0)
        eventually(lambda: status(client, file_id) == "processed", "its end")
        ended = 'millrace_jobs_total{outcome="processed"} 1.0'
        eventually(lambda: ended in metrics(port), "the count of it, after it is written down")
        told = metrics(port)
    finally:
        assert third.stop() == 0
        for program in stack.workers:
            program.start().says(WORKING)
    assert 'millrace_steps_total{outcome="done",step="slow"} 1.0' in told
    assert 'millrace_sandbox{layer="seccomp"}' in told


def metrics(port: int) -> str:
    """What a worker tells Prometheus."""
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
