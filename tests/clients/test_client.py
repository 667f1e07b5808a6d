"""The Python client against a real server, over a wire that is cut."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from millrace_client import (
    AsyncClient,
    Client,
    NotFound,
    NotSignedIn,
    Refused,
    StreamGap,
    Unreachable,
    World,
)

from tests.clients.gate import Gate
from tests.support.patience import LOADED
from tests.support.server import Server

LARGE = 8 * 1024 * 1024
SHARED_SECONDS = 1.1  # longer than joiners of a stream share one snapshot


@pytest.fixture
def gate(server: Server) -> Iterator[Gate]:
    with Gate(server.port) as one:
        yield one


@pytest.fixture
def client(gate: Gate, token: str) -> Iterator[Client]:
    with Client(gate.url, token, patience=20) as one:
        yield one


def test_a_file_is_sent_waited_for_and_its_results_are_there(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "wörds.txt"
    path.write_text("one two three\n" * 100, encoding="utf-8")
    told: list[tuple[int, int]] = []
    file = client.upload(path, told=lambda done, of: told.append((done, of)), verify=True)
    assert file["name"] == "wörds.txt"
    [done] = client.wait(file["id"], seconds=100)
    assert done["status"] == "processed"
    assert done["results"]["text"]["words"] == 300
    assert told[-1] == (1400, 1400)
    saved = client.download(file["id"], tmp_path / "back.txt")
    assert saved.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("content", [b"bytes", b""])
def test_bytes_and_open_files_are_sent_by_a_name(client: Client, content: bytes) -> None:
    one = client.upload(content, name="one.bin")
    two = client.upload(io.BytesIO(content), name="two.bin")
    assert {one["size"], two["size"]} == {len(content)}
    with pytest.raises(ValueError, match="name"):
        client.upload(content)


def test_an_upload_that_is_cut_again_and_again_arrives_whole(
    client: Client, gate: Gate, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    content = hashlib.sha256(b"seed").digest() * (LARGE // 32)
    path.write_bytes(content)
    gate.cut_after = [3_000_000, 200, 2_500_000, 100_000]
    file = client.upload(path)
    assert file["size"] == LARGE
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert gate.cut_after == []
    assert [one["id"] for one in client.files()] == [file["id"]]


def test_a_creation_whose_answer_was_lost_is_not_made_twice(
    client: Client, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = f"b-{uuid.uuid4().hex}"
    inner = client._client._http
    real = inner.post
    lost: list[httpx.Response] = []

    async def post(*arguments: Any, **more: Any) -> Any:
        answer = await real(*arguments, **more)
        if not lost:
            lost.append(answer)
            raise httpx.ReadError("the answer was lost")
        return answer

    monkeypatch.setattr(inner, "post", post)
    file = client.upload(b"once", name="once.txt", batch=batch, batch_total=1)
    assert lost[0].headers["Location"].endswith(file["id"])
    client.wait(batch=batch, seconds=100)
    assert [one["id"] for one in client.files(batch=batch)] == [file["id"]]


def test_a_program_that_was_killed_goes_on_with_its_upload(
    gate: Gate, token: str, tmp_path: Path
) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"x" * LARGE)
    memory = tmp_path / "memory"
    with Client(gate.url, token, patience=0, memory=memory) as first:
        gate.cut_after = [4_000_000]
        with pytest.raises(Unreachable):
            first.upload(path)
    assert len(list(memory.iterdir())) == 1
    with Client(gate.url, token, memory=memory) as second:
        told: list[int] = []
        file = second.upload(path, told=lambda done, _of: told.append(done))
        assert told[0] > 1_000_000  # not from the beginning
        assert [one["id"] for one in second.files()] == [file["id"]]
    assert list(memory.iterdir()) == []


def test_what_the_server_refuses_is_said_in_its_words(client: Client, gate: Gate) -> None:
    with pytest.raises(NotFound) as missing:
        client.file(str(uuid.uuid4()))
    assert missing.value.code == "not_found"
    file = client.upload(b"words", name="w.txt")
    client.wait(file["id"], seconds=100)
    with pytest.raises(Refused) as late:
        client.cancel(file["id"])
    assert late.value.status == 409
    with Client(gate.url, "wrong") as stranger:
        with pytest.raises(NotSignedIn):
            stranger.counts()
        with pytest.raises(NotSignedIn):
            next(stranger.events())
        with pytest.raises(NotSignedIn):
            stranger.upload(b"x", name="x")


def test_a_server_that_is_away_is_waited_for_only_so_long(gate: Gate, token: str) -> None:
    gate.shut = True
    with Client(gate.url, token, patience=0.5) as client:
        began = time.monotonic()
        for work in (client.counts, lambda: client.wait("x"), lambda: client.upload(b"", name="e")):
            with pytest.raises(Unreachable):
                work()
        assert time.monotonic() - began < 15 * LOADED


def test_waiting_for_a_batch_ends_with_its_last_file(client: Client) -> None:
    batch = f"b-{uuid.uuid4().hex}"
    sent = {
        client.upload(b"words\n", name=f"{number}.txt", batch=batch, batch_total=3)["id"]
        for number in range(3)
    }
    files = client.wait(batch=batch, seconds=100)
    assert {file["id"] for file in files} == sent
    assert {file["status"] for file in files} == {"processed"}
    assert client.batch(batch)["ended"]
    assert client.wait(batch=batch, seconds=100) == files  # also when it has ended long ago


def test_waiting_ends_for_what_has_ended_or_is_gone(client: Client) -> None:
    gone = client.upload(b"words\n", name="a.txt")["id"]
    here = client.upload(b"words\n", name="b.txt")["id"]
    client.wait(gone, here, seconds=100)
    client.delete(gone)
    assert [file["id"] for file in client.wait(gone, here, seconds=100)] == [here]


def test_waiting_is_not_over_because_of_how_a_file_ended_before(
    client: Client, server: Server, token: str
) -> None:
    file = client.upload(b"words\n", name="a.txt")["id"]
    client.wait(file, seconds=100)
    time.sleep(SHARED_SECONDS)
    client.wait(file, seconds=100)  # whoever comes next is shown the snapshot that this was shown
    bearer = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=server.url, headers=bearer) as asks:
        asks.post("/api/queue/pause/", json={}).raise_for_status()
        client.retry(file)
        with pytest.raises(TimeoutError):
            client.wait(file, seconds=3)
        asks.post("/api/queue/resume/").raise_for_status()
    [again] = client.wait(file, seconds=100)
    assert (again["attempt"], again["status"]) == (2, "processed")


async def test_events_come_once_and_in_order_although_the_wire_is_cut(
    gate: Gate, server: Server, token: str
) -> None:
    async with AsyncClient(gate.url, token) as client, AsyncClient(server.url, token) as other:
        seqs: list[int] = []
        heard = asyncio.Event()

        async def listen() -> None:
            async for event in client.events(after="oldest"):
                seqs.append(event["seq"])
                heard.set()

        listening = asyncio.ensure_future(listen())
        for number in range(12):
            await other.upload(b"words\n", name=f"{number}.txt")
            if number % 4 == 3:
                await heard.wait()
                await asyncio.to_thread(gate.cut)
        await other.wait(*[file["id"] async for file in other.files()])
        last = [page async for page in other.pages()][-1]["events"][-1]["seq"]
        async with asyncio.timeout(100):
            while not seqs or seqs[-1] < last:
                heard.clear()
                await heard.wait()
        listening.cancel()
        await asyncio.wait([listening])  # a loop that ends before leaves a socket open
        assert seqs == list(range(1, last + 1))
        assert gate.connections >= 3


async def test_who_follows_with_a_token_that_is_removed_is_told_so(server: Server) -> None:
    token, other = [await asyncio.to_thread(server.token, "leaver") for _ in range(2)]

    def remove() -> None:
        with server.client(other) as api:
            tokens = api.get("/api/tokens/").raise_for_status().json()["items"]
            oldest = min(tokens, key=lambda one: one["created_at"])
            api.delete(f"/api/tokens/{oldest['id']}/").raise_for_status()

    async def follow() -> None:
        async with AsyncClient(server.url, token) as client, asyncio.timeout(100):
            async for frame in client.follow():
                if frame["type"] == "ready":
                    await asyncio.to_thread(remove)

    with pytest.raises(NotSignedIn):
        await follow()


async def test_a_world_that_was_told_all_is_as_the_server_says(
    gate: Gate, server: Server, token: str
) -> None:
    async with AsyncClient(gate.url, token) as client, AsyncClient(server.url, token) as other:
        world = World()
        sending = asyncio.ensure_future(
            asyncio.gather(*(other.upload(b"w\n" * 9, name=f"{n}.txt") for n in range(8)))
        )
        async with asyncio.timeout(100):
            async for frame in client.follow():
                world.apply(frame)
                if frame["type"] == "events" and len(world.files) == 3:
                    gate.cut()
                if world.counts.get("processed") == 8:
                    break
        await sending
        assert world.files == {file["id"]: file async for file in other.files()}
        assert world.counts == await other.counts()


async def test_a_gap_in_the_stream_is_said(server: Server, token: str) -> None:
    async with AsyncClient(server.url, token) as client:
        await client.upload(b"words\n", name="a.txt")
        with pytest.raises(StreamGap) as gap:
            async for _ in client.events(after="deadbeef:1"):
                pass
        assert gap.value.reason == "epoch"
        async with asyncio.timeout(100):
            async for frame in client.follow(after=gap.value.cursor):
                assert frame["type"] != "snapshot"
                if frame["type"] == "ready":
                    break


def test_a_world_knows_a_silent_step_until_it_moves() -> None:
    world = World()
    since = "2026-01-01T00:00:00.000Z"
    step = {"name": "pdf", "done": 3, "total": 9, "unit": "pages", "eta_s": None}
    file = {"id": "a", "attempt": 1, "status": "processing", "received": 1}
    silent = {**file, "step": {**step, "stalled_since": since}}
    world.apply(
        {"type": "snapshot", "cursor": "e:1", "files": [silent], "counts": {}, "last": True}
    )
    told = {"id": "a", "attempt": 1, "step": "pdf", "done": 3, "total": 9, "unit": "pages"}
    for done, expected in [(3, since), (4, None)]:
        measure = {**told, "done": done, "eta_s": 1.0}
        world.apply({"type": "progress", "files": [measure]})
        shown = world.files["a"]["step"]
        assert shown is not None
        assert (shown["done"], shown.get("stalled_since")) == (done, expected)
