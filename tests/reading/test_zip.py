"""Many files in one zip: what unzip says, names, who may, how many, and a client that leaves."""

import io
import socket
import subprocess
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.reading.conftest import People
from tests.support.server import Server
from tests.support.tus import metadata

BIG = 40_000_000  # bytes; more than all buffers on the way hold


def put(client: httpx.Client, name: str, content: bytes, **where: str) -> str:
    told: dict[str, str] = {key: where[key] for key in ("path", "batch") if key in where}
    fields = {"filename": name, **told}
    answer = client.post(
        "/uploads/",
        content=content,
        params={"space": where["space"]} if "space" in where else None,
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": str(len(content)),
            "Upload-Metadata": metadata(**fields),
            "Content-Type": "application/offset+octet-stream",
        },
    )
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"].split("?")[0].rstrip("/").rsplit("/", 1)[-1]


def opened(answer: httpx.Response) -> zipfile.ZipFile:
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    assert "attachment" in answer.headers["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def ada(server: Server) -> Iterator[httpx.Client]:
    """Somebody new, with a space of her own."""
    with server.client(server.token(f"ada{uuid.uuid4().hex[:8]}")) as client:
        yield client


def test_a_drop_comes_back_with_its_folders_as_unzip_says(
    ada: httpx.Client, tmp_path: Path
) -> None:
    content = {
        "letters/a.txt": b"hello\n" * 1000,
        "letters/deep/b.bin": bytes(range(256)) * 4000,
        "letters/empty.txt": b"",
        "letters/häuser – 家.txt": b"house",
    }
    for path, data in content.items():
        put(ada, path.rsplit("/", 1)[-1], data, path=path, batch="drop")
    put(ada, "other.txt", b"not of the drop")
    answer = ada.get("/api/files/zip/", params={"batch": "drop"})
    assert set(opened(answer).namelist()) == set(content)
    saved = tmp_path / "drop.zip"
    saved.write_bytes(answer.content)
    done = subprocess.run(["unzip", "-q", saved, "-d", tmp_path / "out"], check=False)
    assert done.returncode == 0
    for path, data in content.items():
        assert (tmp_path / "out" / path).read_bytes() == data


def test_names_are_made_harmless_and_differ_in_any_case(ada: httpx.Client) -> None:
    ids = [
        put(ada, name, name.encode())
        for name in ("a.txt", "a.txt", "A.TXT", "who: me?.txt", "ends with. ", "..hidden")
    ]
    archive = opened(ada.post("/api/files/zip/", json={"ids": ids}))
    assert archive.namelist() == [
        "a.txt",
        "a (2).txt",
        "A (3).TXT",
        "who_ me_.txt",
        "ends with",
        "..hidden",
    ]
    assert archive.read("a (2).txt") == b"a.txt"


def test_who_is_no_member_gets_nothing_and_ids_from_elsewhere_are_left_out(people: People) -> None:
    secret = put(people.alice, "own.txt", b"Alice's own")
    shared = put(people.alice, "shared.txt", b"for the team", space=people.team)
    wanted = {"ids": [secret, shared]}
    team = {"space": people.team}
    archive = opened(people.bob.post("/api/files/zip/", params=team, json=wanted))
    assert archive.namelist() == ["shared.txt"]
    assert people.bob.post("/api/files/zip/", json=wanted).status_code == 404
    for method in ("GET", "POST"):
        door = "/api/files/zip/"
        assert people.charlie.request(method, door, params=team, json=wanted).status_code == 404
        assert people.nobody.request(method, door, params=team, json=wanted).status_code == 401


def test_the_pages_form_needs_its_token_and_no_more_ids_than_others(ada: httpx.Client) -> None:
    one = put(ada, "one.txt", b"one")
    assert opened(ada.post("/api/files/zip/form/", data={"ids": one})).namelist() == ["one.txt"]
    many = ",".join(str(uuid.uuid4()) for _ in range(1001))
    assert ada.post("/api/files/zip/form/", data={"ids": many}).status_code == 400
    assert ada.get("/api/files/zip/form/").status_code == 405
    assert ada.post("/api/files/zip/", json={"ids": many.split(",")}).status_code == 400


def test_head_sends_no_zip_and_what_is_not_whole_is_not_packed(ada: httpx.Client) -> None:
    assert ada.get("/api/files/zip/").status_code == 404
    put(ada, "one.txt", b"one")
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "10"}
    ada.post("/uploads/", headers=headers | {"Upload-Metadata": metadata(filename="half.txt")})
    answer = ada.head("/api/files/zip/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert opened(ada.get("/api/files/zip/")).namelist() == ["one.txt"]


def test_what_vanishes_meanwhile_is_named(server: Server, ada: httpx.Client) -> None:
    kept, gone = put(ada, "kept.txt", b"kept"), put(ada, "gone.txt", b"gone")
    (content,) = (server.data_dir / "content").rglob(f"*{gone.replace('-', '')[2:]}*")
    content.unlink()
    archive = opened(ada.post("/api/files/zip/", json={"ids": [kept, gone]}))
    assert archive.namelist() == ["kept.txt", "NOT IN THIS ZIP.txt"]
    assert b"gone.txt" in archive.read("NOT IN THIS ZIP.txt")


def open_files(server: Server) -> list[str]:
    """Contents that the server holds open."""
    held = []
    for link in Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            held.append(str(link.readlink()))
        except OSError:
            continue
    return [path for path in held if "/content/" in path]


def test_a_client_that_leaves_half_way_leaves_nothing_behind(
    server: Server, ada: httpx.Client
) -> None:
    put(ada, "big.bin", uuid.uuid4().bytes * (BIG // 16))
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        token = ada.headers["Authorization"]
        line.sendall(
            f"GET /api/files/zip/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Authorization: {token}\r\n\r\n".encode()
        )
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        deadline = time.monotonic() + 60
        while not open_files(server):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    deadline = time.monotonic() + 60
    while open_files(server):
        assert time.monotonic() < deadline, open_files(server)
        time.sleep(0.05)


def resident(server: Server) -> int:
    """Bytes of memory that the server holds."""
    status = Path(f"/proc/{server.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.timeout(300)
def test_memory_stays_flat_while_much_is_packed(server: Server, ada: httpx.Client) -> None:
    for number in range(5):
        put(ada, f"{number}.bin", uuid.uuid4().bytes * (BIG // 16))
    before, most, size = resident(server), 0, 0
    with ada.stream("GET", "/api/files/zip/") as answer:
        for piece in answer.iter_bytes(1_000_000):
            size += len(piece)
            most = max(most, resident(server))
    assert size > 0
    assert most - before < 24_000_000
