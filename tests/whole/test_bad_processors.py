"""A processor that misbehaves fails only its file, which says why and can be retried."""

import httpx
import pytest

from tests.support import tus
from tests.support.patience import within
from tests.support.server import Server
from tests.support.services import eventually

PROCESSORS = """
import time
from uploads.processors import Context, processor

@processor(name="raises", accepts=["text/*"])
def raises(ctx: Context) -> dict:
    if "raise" in ctx.name:
        raise RuntimeError("the sky is falling")
    return {}

@processor(name="loops", accepts=["text/*"], seconds=1)
def loops(ctx: Context) -> dict:
    while "loop" in ctx.name:
        pass
    return {}

@processor(name="eats", accepts=["text/*"], memory=400_000_000)
def eats(ctx: Context) -> dict:
    hoard = []
    while "eat" in ctx.name:
        hoard.append(bytearray(10_000_000))
    return {}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "bad.py").write_text(PROCESSORS)
    running = Server(tmp_path_factory.mktemp("data"), PROCESSORS_DIR=str(folder)).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: Server):
    with server.client(server.token("alice")) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "code", "step", "word"),
    [
        ("raise.txt", "processor_error", "raises", "the sky is falling"),
        ("loop.txt", "time_cap", "loops", "1"),
        ("eat.txt", "memory_cap", "eats", "381 MiB"),
    ],
)
def test_it_fails_its_own_file_says_why_and_can_be_retried(
    server: Server, client: httpx.Client, name: str, code: str, step: str, word: str
) -> None:
    bad = tus.upload(client, name, b"words\n")
    good = tus.upload(client, "good.txt", b"words\n")
    file = server.wait_for(client, bad)
    assert file["status"] == "failed"
    assert (file["error"]["code"], file["error"]["step"]) == (code, step)
    assert word in file["error"]["message"]
    assert "text" in file["results"], "the other steps' results stay"
    assert client.get(f"/api/files/{bad}/content/").content == b"words\n"
    assert server.wait_for(client, good)["status"] == "processed"
    assert client.post(f"/api/files/{bad}/retry/").json()["status"] == "queued"
    again = server.wait_for(client, bad)
    assert (again["status"], again["attempt"]) == ("failed", 2)


def test_cancel_stops_a_running_step_within_a_second(server: Server, client: httpx.Client) -> None:
    slow = tus.upload(client, "large.txt", b"line of words\n" * 4_000_000)
    server.wait_for(client, slow, "processing", "queued")
    work = server.data_dir / "work"
    with within(1):
        answer = client.post(f"/api/files/{slow}/cancel/")
        assert answer.json()["status"] == "cancelled"
        eventually(lambda: not any(slow in path.name for path in work.iterdir()), "an empty folder")
    assert (
        client.get(f"/api/files/{slow}/content/", headers={"Range": "bytes=0-3"}).content == b"line"
    )
