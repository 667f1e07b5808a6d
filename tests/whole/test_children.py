"""From a mail or an archive to the files inside of it, through the real server."""

import hashlib
import io
import time
import zipfile
from typing import Any

import httpx
import pytest

from tests.support import tus
from tests.support.server import Server

OWN = """
from uploads.processors import Context, processor

@processor(name="split", accepts=["text/*"])
def split(ctx: Context) -> dict:
    if not ctx.name.startswith("split"):
        return {}
    lines = ctx.path.read_bytes().splitlines()
    return {"sent": [ctx.child(f"part-{n}.txt", line) for n, line in enumerate(lines)]}
"""
MAIL = b"""From: ada@example.org
Subject: figures
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

See below.
--b
Content-Type: text/csv
Content-Disposition: attachment; filename="rivers.csv"

river,km
Amazon,6400
--b--
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "split.py").write_text(OWN)
    running = Server(
        tmp_path_factory.mktemp("data"), PROCESSORS_DIR=str(folder), CHILD_FILES="5"
    ).start()
    yield running
    running.stop()


@pytest.fixture
def client(server: Server, request: pytest.FixtureRequest):
    with server.client(server.token(request.node.name.replace("_", "")[:60])) as client:
        yield client


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def children(client: httpx.Client, parent: str) -> dict[str, dict]:
    """By path, once all of them have ended."""
    deadline = time.monotonic() + 100
    while True:
        items = client.get("/api/files/", params={"parent": parent, "limit": 100}).json()["items"]
        if all(item["finished_at"] for item in items):
            return {item["path"]: item for item in items}
        assert time.monotonic() < deadline, items
        time.sleep(0.05)


def sent_on(file: dict[str, Any], step: str) -> Any:
    [found] = [each["sent_on"] for each in file["steps"] if each["name"] == step]
    return found


def test_a_mails_attachments_are_files_of_their_own(server: Server, client: httpx.Client) -> None:
    mail = tus.upload(client, "figures.eml", MAIL)
    file = server.wait_for(client, mail)
    assert sent_on(file, "mail") == {"files": 1, "known": 0, "left_out": [], "left_out_total": 0}
    [child] = children(client, mail).values()
    assert (child["name"], child["path"]) == ("rivers.csv", "figures.eml/rivers.csv")
    assert (child["parent"], child["batch"], child["status"]) == (mail, None, "processed")
    table = client.get(f"/api/files/{child['id']}/").json()["results"]["table"]
    assert table["tables"][0]["rows"] == 1
    content = client.get(f"/api/files/{child['id']}/content/").content
    assert content == b"river,km\nAmazon,6400"
    assert hashlib.sha256(content).hexdigest() == child["sha256"]
    assert client.post(f"/api/files/{mail}/retry/").status_code == 200
    assert sent_on(server.wait_for(client, mail), "mail")["known"] == 1
    assert len(children(client, mail)) == 1
    client.delete(f"/api/files/{mail}/").raise_for_status()
    child = client.get(f"/api/files/{child['id']}/").json()
    assert child["parent"] is None
    assert client.get(f"/api/files/{child['id']}/content/").content == content


def test_an_archive_is_taken_apart_when_somebody_asks(server: Server, client: httpx.Client) -> None:
    deepest = zipped(**{"deepest.txt": b"down here"})
    inner = zipped(**{"in.txt": b"inside", "deepest.zip": deepest})
    names = {"../../../etc/passwd": b"root", "/abs.txt": b"abs", "inner.zip": inner}
    outer = tus.upload(client, "outer.zip", zipped(**names))
    assert server.wait_for(client, outer)["status"] == "processed"
    assert children(client, outer) == {}
    assert client.post(f"/api/files/{outer}/expand/").json()["status"] == "queued"
    file = server.wait_for(client, outer)
    assert sent_on(file, "archive")["files"] == 3
    first = children(client, outer)
    assert set(first) == {"outer.zip/etc/passwd", "outer.zip/abs.txt", "outer.zip/inner.zip"}
    inner_id = first["outer.zip/inner.zip"]["id"]
    client.post(f"/api/files/{inner_id}/expand/").raise_for_status()
    server.wait_for(client, inner_id)
    second = children(client, inner_id)
    assert set(second) == {"outer.zip/inner.zip/in.txt", "outer.zip/inner.zip/deepest.zip"}
    deep = second["outer.zip/inner.zip/deepest.zip"]["id"]
    refused = client.post(f"/api/files/{deep}/expand/")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "wrong_state")
    client.post(f"/api/files/{outer}/expand/").raise_for_status()
    assert sent_on(server.wait_for(client, outer), "archive")["known"] == 3
    assert len(children(client, outer)) == 3


def test_what_is_left_out_is_named(server: Server, client: httpx.Client) -> None:
    many = tus.upload(client, "many.zip", zipped(**{f"{n}.txt": b"%d" % n for n in range(30)}))
    server.wait_for(client, many)
    client.post(f"/api/files/{many}/expand/").raise_for_status()
    said = sent_on(server.wait_for(client, many), "archive")
    assert (said["files"], said["left_out_total"], len(said["left_out"])) == (5, 25, 20)
    assert said["left_out"][0] == {"path": "5.txt", "reason": "number"}
    assert len(children(client, many)) == 5


def test_a_processor_of_ones_own_sends_files_on(server: Server, client: httpx.Client) -> None:
    parent = tus.upload(client, "split.txt", b"one\ntwo\n")
    file = server.wait_for(client, parent)
    assert file["results"]["split"] == {"sent": [True, True]}
    found = children(client, parent)
    assert set(found) == {"split.txt/part-0.txt", "split.txt/part-1.txt"}
    assert {item["status"] for item in found.values()} == {"processed"}


def test_a_batch_ends_without_what_came_out_of_its_files(
    server: Server, client: httpx.Client
) -> None:
    mail = tus.upload(client, "figures.eml", MAIL, batch="drop", batch_total="1")
    server.wait_for(client, mail)
    assert len(children(client, mail)) == 1
    batch = client.get("/api/batches/drop/").json()
    assert batch["ended"]
    assert (batch["total"], sum(batch["counts"].values())) == (1, 1)


SLOW = """
import time
from uploads.processors import Context, processor

@processor(name="slow", accepts=["application/zip"])
def slow(ctx: Context) -> dict:
    time.sleep(4)
    return {}
"""


@pytest.mark.fault
def test_a_server_that_dies_meanwhile_makes_them_once(make_server, tmp_path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "slow.py").write_text(SLOW)
    server = make_server(PROCESSORS_DIR=str(folder), SEND_ON="archive").start()
    token = server.token("ada")
    with server.client(token) as client:
        outer = tus.upload(client, "a.zip", zipped(**{f"{n}.txt": b"%d" % n for n in range(5)}))
        deadline = time.monotonic() + 100
        while (client.get(f"/api/files/{outer}/").json()["step"] or {}).get("name") != "slow":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    server.kill9()
    server.start()
    with server.client(token) as client:
        file = server.wait_for(client, outer)
        assert (file["status"], file["attempt"]) == ("processed", 2)
        assert len(children(client, outer)) == 5
    content = server.data_dir / "content"
    assert sum(path.is_file() for path in content.rglob("*")) == 6
