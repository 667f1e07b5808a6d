"""What pages say before any script runs: a file's way through time, the storage that is used; and
the files that somebody chose, tried again.
"""

import re
import socket
import uuid
from collections.abc import Iterator
from html import unescape

import httpx
import pytest

from tests.support.server import Server
from tests.support.tus import upload

STEP = re.compile(r'<li class="step" data-step="(\w+)">(.*?)</li>', re.DOTALL)
TOOK = re.compile(r"\d+ ms|\d+\.\d s")
BROKEN = b"\x89PNG\r\n\x1a\nno more"
QUOTA = """
from uploads.models import Space
Space.objects.filter(slug={!r}).update(quota_bytes=5000)
"""


@pytest.fixture
def name() -> str:
    return f"teller-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def teller(server: Server, name: str) -> Iterator[httpx.Client]:
    """Somebody who has sent nothing yet."""
    with server.client(server.token(name)) as client:
        yield client


def ended(server: Server, client: httpx.Client, name: str, content: bytes) -> str:
    """The id of a file, once it has ended."""
    file_id = upload(client, name, content)
    server.wait_for(client, file_id)
    return file_id


def plain(html: str) -> str:
    """The words alone."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def timeline(client: httpx.Client, file_id: str) -> list[tuple[str, str, str]]:
    """(state, what, how long) of each line of a file's page."""
    found = []
    for state, html in STEP.findall(client.get(f"/files/{file_id}/").text):
        what, took = html.split('<span class="step-took')
        found.append((state, plain(what), plain("<" + took)))
    return found


def test_a_files_page_tells_when_it_was_received_how_it_waited_and_each_step_of_an_attempt(
    server: Server, teller: httpx.Client
) -> None:
    file_id = ended(server, teller, "mill.txt", b"wheel\n" * 200)
    file = teller.get(f"/api/files/{file_id}/").json()
    begun = min(step["started_at"] for step in file["steps"])
    assert file["created_at"] <= file["received_at"] <= begun
    lines = timeline(teller, file_id)
    steps = [("done", step["name"]) for step in file["steps"]]
    before = [("before", "Received 1.2 kB"), ("before", "Waited")]
    assert [line[:2] for line in lines] == before + steps
    assert [took for *_, took in lines if not TOOK.fullmatch(took)] == []
    (worker,) = {step["worker"] for step in file["steps"]}
    assert worker == f"embedded {socket.gethostname()}"
    html = teller.get(f"/files/{file_id}/").text
    assert all(
        f'title="{step["name"]} v{step["version"]} · {worker}"' in html for step in file["steps"]
    )
    teller.post(f"/api/files/{file_id}/retry/")
    assert server.wait_for(teller, file_id)["attempt"] == 2
    again = timeline(teller, file_id)
    assert [line[:2] for line in again] == steps, "how long a later attempt waited is kept nowhere"


def test_a_failed_step_stands_in_the_line_of_time_as_such(
    server: Server, teller: httpx.Client
) -> None:
    file_id = ended(server, teller, "broken.png", BROKEN)
    assert ("failed", "image") in [line[:2] for line in timeline(teller, file_id)]


def storage(client: httpx.Client) -> tuple[str, str, bool]:
    """The dashboard's words, its bar's per cent, and whether that is hidden."""
    page = client.get("/").text
    words = re.search(r'id="storage-words">(.*?)</p>', page)
    bar = re.search(r'<div class="bar" id="storage-bar"[^>]*>', page)
    assert words is not None
    assert bar is not None
    percent = re.search(r'aria-valuenow="(\d+)"', bar[0])
    assert percent is not None
    return unescape(words[1]), percent[1], "hidden" in bar[0]


def test_the_dashboard_says_how_much_storage_is_used_and_of_how_much(
    server: Server, teller: httpx.Client, name: str
) -> None:
    assert storage(teller) == ("0 B used", "0", True)
    file_id = ended(server, teller, "mill.bin", b"\0" * 2500)
    (space,) = teller.get("/api/spaces/").json()["items"]
    assert space["used_bytes"] == 2500
    assert storage(teller) == ("2.5 kB used", "0", True)
    server.manage("shell", "-v0", "-c", QUOTA.format(name))
    assert storage(teller) == ("2.5 kB of 5.0 kB used", "50", False)
    teller.delete(f"/api/files/{file_id}/")
    assert storage(teller) == ("0 B of 5.0 kB used", "0", False)


def test_chosen_files_are_retried_together_and_those_that_can_not_be_are_named(
    server: Server, teller: httpx.Client
) -> None:
    chosen = [ended(server, teller, f"{number}.png", BROKEN) for number in range(3)]
    left = ended(server, teller, "left.png", BROKEN)
    nobodys = str(uuid.uuid4())
    answer = teller.post("/api/files/retry/", json={"ids": [*chosen, nobodys]}).json()
    assert (answer["changed"], answer["more"]) == (3, False)
    assert [refused["id"] for refused in answer["refused"]] == [nobodys]
    for file_id in chosen:
        again = server.wait_for(teller, file_id)
        assert (again["status"], again["attempt"]) == ("failed", 2)
    assert teller.get(f"/api/files/{left}/").json()["attempt"] == 1
