"""Whoever asks for a file again and again sees it move, as those who listen do."""

from collections.abc import Iterator

import httpx
import pytest

from tests.receiving.client import until
from tests.support import tus
from tests.support.server import Server

ENDLESS = """
import itertools, time
from uploads.processors import Context, processor

@processor(name="endless", accepts=["text/*"])
def endless(ctx: Context) -> dict:
    for done in itertools.count():
        ctx.progress(done, 1_000_000, "turns")
        time.sleep(0.02)
"""


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "endless.py").write_text(ENDLESS)
    server = Server(tmp_path_factory.mktemp("data"), PROCESSORS_DIR=str(folder)).start().works()
    with server.client(server.token("ada")) as client:
        yield client
    server.stop()


def test_a_file_and_its_steps_tell_the_newest_measure_and_never_a_smaller_one(
    client: httpx.Client,
) -> None:
    url = f"/api/files/{tus.upload(client, 'a.txt', b'words')}/"
    seen: list[int] = []

    def moved() -> bool:
        file = client.get(url).json()
        (running,) = [step for step in file["steps"] if step["name"] == "endless"] or [None]
        if running is None or file["step"]["name"] != "endless":
            return False
        assert (running["done"], running["total"], running["unit"]) == (
            file["step"]["done"],
            1_000_000,
            "turns",
        )
        (listed,) = client.get("/api/files/").json()["items"]
        seen.extend((file["step"]["done"], listed["step"]["done"]))
        return len(set(seen)) > 4

    until(moved)
    assert seen == sorted(seen)
    client.post(f"{url}cancel/").raise_for_status()
    until(lambda: client.get(url).json()["status"] == "cancelled")
    assert client.get(url).json()["step"] is None
