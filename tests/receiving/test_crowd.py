"""While crowds of small files come, a second process stores them and writes them down."""

import asyncio
import hashlib
import os
import random
import re
import signal
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from project import lending
from project.lending import Borrower, Lender
from tests.receiving.client import BYTES, Tus, checksum, metadata
from tests.support.processes import children
from tests.support.server import Server
from tests.support.services import eventually
from uploads.processing.jobs.arrivals import Arrival
from uploads.receiving import crowd
from uploads.receiving.intake import budget
from uploads.receiving.receiver import Unpacker, packed
from uploads.receiving.small import Small
from uploads.receiving.together import Place


def receivers(server: Server) -> list[int]:
    """The processes that take small files off a server's hands."""
    return [child for child in children(server.pid) if b"receiver" in command(child)]


def at_work(server: Server) -> list[int]:
    """Those of them that have begun: after one that dies before that, the server waits a minute."""
    said = server.log_path.read_text()
    return [
        pid for pid in receivers(server) if re.search(rf"process of their own .*pid={pid}\b", said)
    ]


def command(pid: int) -> bytes:
    """How a process was started; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def contents(number: int, start: int = 0) -> dict[str, bytes]:
    """Files that differ, by name."""
    return {f"{n}.bin": f"{n} ".encode() * (1 + n % 400) for n in range(start, start + number)}


@pytest.fixture
def busy(server: Server, user: Callable[..., Tus]) -> Tus:
    """A user of the shared server, which has such a process now."""
    return with_receiver(user(server))


def with_receiver(tus: Tus) -> Tus:
    """After as many files as it takes until somebody else does the work. The user's own files wait
    where they are: what is processed is not the question here.
    """
    assert tus.http.post("/api/queue/pause/", json={"reason": "test"}).status_code == 200
    warming = Tus(tus.server, tus.server.token("early"))
    assert warming.http.post("/api/queue/pause/", json={"reason": "test"}).status_code == 200
    said = "small files have a process of their own"
    before = tus.server.log_path.read_text().count(said)

    def comes() -> bool:
        warming.post_all({f"{number}.txt": b"x" for number in range(80)})
        return tus.server.log_path.read_text().count(said) > before

    if not receivers(tus.server):
        eventually(comes, "a process of their own")
    warming.http.close()
    return tus


def test_each_is_stored_has_its_row_its_job_and_its_event(busy: Tus) -> None:
    files = contents(200)
    answers = busy.post_all(files)
    assert receivers(busy.server), "it was done by the process"
    assert {answer.status_code for answer in answers.values()} == {201}
    for name, answer in answers.items():
        file = busy.file(answer.headers["Location"])
        assert (file["name"], file["size"]) == (name, len(files[name]))
        assert file["sha256"] == hashlib.sha256(files[name]).hexdigest()
        assert busy.http.get(f"/api/files/{file['id']}/content/").content == files[name]
    page = busy.http.get("/api/events/?limit=1000").json()
    numbers = [event["seq"] for event in page["events"]]
    assert numbers == list(range(1, len(numbers) + 1))
    created = [event for event in page["events"] if event["type"] == "file.created"]
    assert Counter(event["file"]["status"] for event in created) == {"queued": 200}


def test_who_is_refused_hears_why_and_the_others_are_taken(strict: Tus) -> None:
    tus = with_receiver(strict)
    data = b"x" * 1000
    headers = {"Upload-Length": str(len(data))} | BYTES | metadata(filename="damaged.bin")
    damaged = tus.post(headers | checksum("sha1", b"something else"), data)
    assert (damaged.status_code, damaged.json()["error"]["code"]) == (460, "checksum_mismatch")
    answers = tus.post_all({f"{number}.bin": b"x" * 100_000 for number in range(30)})
    assert Counter(answer.status_code for answer in answers.values()) == {201: 15, 413: 15}
    refused = [answer for answer in answers.values() if answer.status_code == 413]
    assert {answer.json()["error"]["code"] for answer in refused} == {"quota_reached"}
    assert sum(tus.counts().values()) == 15


def test_files_and_all_other_writes_take_turns(busy: Tus) -> None:
    """Neither waits for the other's end: both go on all the time."""
    done = threading.Event()
    kept = 0

    def others() -> None:
        nonlocal kept
        with busy.server.client(busy.token) as client:
            while not done.is_set():
                answer = client.post(
                    "/uploads/", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "9"}
                )
                assert answer.status_code == 201
                kept += 1

    beside = threading.Thread(target=others)
    beside.start()
    try:
        answers = busy.post_all(contents(300))
    finally:
        done.set()
        beside.join()
    assert {answer.status_code for answer in answers.values()} == {201}
    assert busy.counts()["receiving"] == kept
    assert kept > 5, "300 files, and hardly another write between them"


def test_when_it_is_killed_nothing_is_lost_and_nothing_doubled(busy: Tus) -> None:
    tus = busy
    files = contents(300)
    dice = random.Random(7)
    done = threading.Event()
    killed = []

    def kill() -> None:
        while not done.wait(dice.uniform(0.01, 0.3)):
            for pid in at_work(tus.server):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        answers = tus.post_all(files)
    finally:
        done.set()
        killing.join()
    assert killed
    assert {answer.status_code for answer in answers.values()} == {201}
    counts = tus.counts()
    assert counts["queued"] == sum(counts.values()) == len(files)
    for name, answer in answers.items():
        assert tus.content(answer.headers["Location"]) == files[name]


def test_it_ends_with_a_server_that_is_killed(
    fresh_server: Server, user: Callable[..., Tus]
) -> None:
    with_receiver(user(fresh_server))
    (receiver,) = receivers(fresh_server)
    fresh_server.kill9()
    eventually(lambda: b"receiver" not in command(receiver), "its end")


async def test_it_ends_when_no_more_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "IDLE_SECONDS", 0.1)
    one = crowd.Crowd(asyncio.get_running_loop())
    await crowd.serve(one)
    assert one.ready.done()
    assert not command(one.pid)


async def test_one_that_hangs_is_ended_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crowd, "IDLE_SECONDS", 0.2)
    loop = asyncio.get_running_loop()
    idle, busy = crowd.Crowd(loop), crowd.Crowd(loop)
    places: list[Place] = []

    async def come() -> None:
        while not busy.gone.done():  # nothing is given to one that is known to have ended
            arrival = Arrival(space_id=0, uploader_id=0, name="a", size=1, id=uuid.uuid4())
            places.append(Place(Small(arrival, b"a"), loop.create_future()))
            budget.take(1)
            busy.put(places[-1])
            await asyncio.sleep(0.02)

    await asyncio.wait([idle.ready, busy.ready], return_when=asyncio.ALL_COMPLETED)
    for one in (idle, busy):
        os.kill(one.pid, signal.SIGSTOP)
    coming = loop.create_task(come())
    ended = loop.create_task(crowd.serve(busy))
    await asyncio.wait_for(asyncio.shield(crowd.serve(idle)), 60)
    await asyncio.wait([ended], timeout=60)
    coming.cancel()
    assert ended.done()
    assert not command(idle.pid)
    assert not command(busy.pid)
    heard = asyncio.gather(*(place.future for place in places), return_exceptions=True)
    # who waits for a file hears of its end, here that there is no space
    assert await asyncio.wait_for(heard, 60)
    assert budget.used == 0


def test_messages_come_out_whole_however_they_are_cut() -> None:
    sent = [b"", b"x" * 100_000, {"a": 1}, "last"]
    line = b"".join(map(packed, sent))
    dice = random.Random(1)
    unpacker, got, start = Unpacker(), [], 0
    while start < len(line):
        end = start + dice.choice([1, 3, 1000, 50_000])
        got += unpacker.take(line[start:end])
        start = end
    assert got == sent


def test_thread_and_process_never_write_at_the_same_time() -> None:
    ours, theirs = socket.socketpair()
    lender, borrower = Lender(ours), Borrower(theirs)
    writing: list[str] = []
    wrote: Counter[str] = Counter()

    def write(who: str) -> None:
        writing.append(who)
        assert writing == [who]
        os.sched_yield()  # the other may come in between, if anything lets it
        assert writing == [who]
        writing.remove(who)
        wrote[who] += 1

    def process() -> None:
        try:
            while True:
                borrower.hear()
                if borrower.held:
                    write("process")
                borrower.settle()
        except EOFError:
            theirs.close()

    beside = threading.Thread(target=process)
    beside.start()
    for _ in range(2000):
        assert lender.take_back()
        write("thread")
        assert lender.lend()
    assert lender.take_back()
    lender.close()
    beside.join()
    assert wrote["thread"] == 2000
    assert wrote["process"] >= 2000, "it writes once in each of its turns"


def test_a_turn_that_is_not_given_back_in_time_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lending, "BACK_SECONDS", 0.05)
    ours, theirs = socket.socketpair()
    lender = Lender(ours)
    with theirs:
        assert lender.lend()
        assert not lender.take_back(), "nobody hears"
        lender.close()
        assert theirs.recv(16) == lending.LEND + lending.ASK
        assert not theirs.recv(16), "and who wakes up learns that it is over"


def test_a_turn_that_was_lent_to_somebody_who_died_comes_back() -> None:
    ours, theirs = socket.socketpair()
    lender = Lender(ours)
    assert lender.lend()
    theirs.close()
    assert not lender.take_back()
    assert not lender.lend()
    lender.close()
