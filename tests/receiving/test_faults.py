"""Cuts, silence, kills and stops: what was acknowledged is stored, what arrived is kept."""

import hashlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.receiving.client import BYTES, SOON, VERSION, Tus, answer_of, metadata, until
from tests.support.patience import LOADED
from tests.support.server import Server

MakeServer = Callable[..., Server]
MakeUser = Callable[..., Tus]


@pytest.mark.parametrize("how", ["closed", "reset"])
def test_bytes_that_came_before_a_cut_are_kept(tus: Tus, how: str) -> None:
    for _ in range(5):
        data = os.urandom(random.randrange(1, 3_000_000))
        url = tus.create(len(data) + 1)
        with tus.begin_patch(url, 0, len(data) + 1) as connection:
            connection.sendall(data)
            if how == "reset":
                until(partial(_holds, tus, url, data))
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        until(partial(_holds, tus, url, data))
        assert tus.offset(url) == len(data)
        assert tus.patch(url, len(data), b"!").status_code == 204
        assert tus.file(url)["sha256"] == hashlib.sha256(data + b"!").hexdigest()


def _holds(tus: Tus, url: str, data: bytes) -> bool:
    return tus.content(url) == data


def test_a_slow_senders_bytes_are_on_disk_before_its_request_ends(tus: Tus) -> None:
    url = tus.create(100)
    with tus.begin_patch(url, 0, 100) as connection:
        connection.sendall(b"12345")
        until(lambda: tus.content(url) == b"12345")


def test_what_came_whole_is_received_even_when_its_sender_left_at_once(tus: Tus) -> None:
    data = os.urandom(2_000_000)
    url = tus.create(len(data))
    with tus.begin_patch(url, 0, len(data)) as connection:
        connection.sendall(data)
    until(lambda: tus.file(url)["status"] != "receiving")
    assert tus.file(url)["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_silent_body_is_ended_and_kept(strict: Tus) -> None:
    url = strict.create(100)
    with strict.begin_patch(url, 0, 100) as connection:
        before = time.monotonic()
        connection.sendall(b"12345")
        status, answer = answer_of(connection)
        assert 2.9 < time.monotonic() - before < 3 * LOADED
        assert status == 408
        assert b"connection: close" in answer.lower()
        connection.settimeout(60)
        while connection.recv(65536):
            pass  # the connection is closed from the other side
    assert strict.offset(url) == 5


def test_a_client_that_comes_back_gets_the_upload_within_a_second(tus: Tus) -> None:
    url = tus.create(100)
    with tus.begin_patch(url, 0, 100) as hanging:
        hanging.sendall(b"12345")
        until(lambda: tus.content(url) == b"12345")
        before = time.monotonic()
        assert tus.offset(url) == 5
        assert tus.patch(url, 5, b"x" * 95).status_code == 204
        assert time.monotonic() - before < SOON
        status, answer = answer_of(hanging)
        assert status == 409
        assert b"interrupted" in answer
    assert tus.content(url) == b"12345" + b"x" * 95


def test_many_writers_at_once_never_interleave(tus: Tus) -> None:
    size = 400_000
    url = tus.create(size * 10)
    statuses: list[int] = []

    def write(letter: bytes) -> None:
        with tus.begin_patch(url, 0, size) as connection:
            try:
                connection.sendall(letter * size)
                statuses.append(answer_of(connection)[0])
            except OSError:
                statuses.append(0)

    writers = [threading.Thread(target=write, args=(bytes([65 + n]),)) for n in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert set(statuses) <= {204, 409, 0}
    content = tus.content(url)
    assert tus.offset(url) == len(content)
    assert len(set(content)) == 1, "bytes of two writers in one upload"


@pytest.mark.fault
def test_what_was_acknowledged_outlives_a_kill_at_any_offset(
    fresh_server: Server, user: MakeUser
) -> None:
    tus = user(fresh_server)
    data = os.urandom(20_000_000)
    url = tus.create(len(data), filename="killed.bin")
    acknowledged = 0
    for _ in range(4):
        end = acknowledged + random.randrange(1, 2_000_000)
        answer = tus.patch(url, acknowledged, data[acknowledged:end])
        acknowledged = int(answer.headers["Upload-Offset"])
        killer = threading.Timer(random.uniform(0, 0.05), fresh_server.kill9)
        killer.start()
        try:
            with tus.begin_patch(url, acknowledged, len(data) - acknowledged) as connection:
                connection.sendall(data[acknowledged : acknowledged + 2_500_000])
        except OSError:
            pass
        killer.join()
        fresh_server.start()
        offset = tus.offset(url)
        assert acknowledged <= offset < len(data)
        assert tus.content(url) == data[:offset]
        acknowledged = offset
    assert tus.patch(url, acknowledged, data[acknowledged:]).status_code == 204
    until(lambda: tus.file(url)["status"] != "receiving")
    assert tus.file(url)["sha256"] == hashlib.sha256(data).hexdigest()
    assert tus.http.get("/api/files/").json()["items"][0]["name"] == "killed.bin"


@pytest.mark.fault
def test_stopping_answers_running_requests_within_five_seconds_with_their_bytes_stored(
    fresh_server: Server, user: MakeUser
) -> None:
    tus = user(fresh_server)
    urls = [tus.create(10_000_000) for _ in range(3)]
    connections = [tus.begin_patch(url, 0, 10_000_000) for url in urls]
    for connection in connections:
        connection.sendall(b"x" * 123_456)
    until(lambda: all(tus.content(url) for url in urls))
    before = time.monotonic()
    stopper = threading.Thread(target=fresh_server.stop)
    stopper.start()
    for connection in connections:
        status, answer = answer_of(connection)
        assert status == 503
        assert b"retry-after" in answer.lower()
        connection.close()
    assert time.monotonic() - before < 5 * LOADED
    stopper.join()
    fresh_server.start()
    assert [tus.offset(url) for url in urls] == [123_456] * 3
    assert tus.patch(urls[0], 123_456, b"x" * (10_000_000 - 123_456)).status_code == 204


@pytest.fixture
def here_and_there(make_server: MakeServer, user: MakeUser) -> Iterator[tuple[Tus, Tus]]:
    """The same user at two processes that share everything."""
    first = make_server().start()
    second = Server(first.data_dir, **first.environment).start()
    try:
        token = first.token("alice")
        yield user(first, token), user(second, token)
    finally:
        second.kill9()


@pytest.mark.fault
def test_two_processes_never_write_one_upload_and_the_newer_request_wins(
    here_and_there: tuple[Tus, Tus],
) -> None:
    here, there = here_and_there
    url = here.create(100)
    with here.begin_patch(url, 0, 100) as hanging:
        hanging.sendall(b"12345")
        until(lambda: here.content(url) == b"12345")
        before = time.monotonic()
        assert there.offset(url) == 5
        assert time.monotonic() - before < SOON
        assert answer_of(hanging)[0] == 409
    assert there.patch(url, 5, b"6").status_code == 204
    assert here.patch(url, 6, b"x" * 94).status_code == 204
    assert here.file(url)["sha256"] == hashlib.sha256(b"123456" + b"x" * 94).hexdigest()


@pytest.mark.fault
def test_a_plain_body_is_not_ended_by_who_asks_another_process(
    here_and_there: tuple[Tus, Tus],
) -> None:
    here, there = here_and_there
    with here.begin("PUT", "/upload/asked.bin", 900_000, {}) as sender:
        sender.sendall(b"x" * 500_000)
        until(lambda: here.counts()["receiving"] == 1)
        (file,) = there.http.get("/api/files/").json()["items"]
        before = time.monotonic()
        assert there.head(f"/uploads/{file['id']}").status_code == 423
        assert time.monotonic() - before < SOON
        sender.sendall(b"x" * 400_000)
        assert answer_of(sender)[0] == 303


def test_a_creation_that_is_cut_after_its_beginning_keeps_what_came(tus: Tus) -> None:
    headers = {"Upload-Length": "5000000"} | metadata(filename="cut-creation.bin")
    with tus.begin("POST", "/uploads/", 5_000_000, headers) as connection:
        connection.sendall(b"x" * 1_000_000)
        until(lambda: _named(tus, "cut-creation.bin"))
    url = f"/uploads/{_named(tus, 'cut-creation.bin')[0]['id']}"
    until(lambda: tus.offset(url) == 1_000_000)
    assert tus.patch(url, 1_000_000, b"x" * 4_000_000).status_code == 204


def _named(tus: Tus, name: str) -> list[dict]:
    items: list[dict] = tus.http.get("/api/files/").json()["items"]
    return [item for item in items if item["name"] == name]


def test_a_body_in_broken_chunks_keeps_what_came(tus: Tus) -> None:
    url = tus.create(100)
    with tus.begin_patch(url, 0, None) as connection:
        connection.sendall(b"5\r\n12345\r\nnonsense\r\n")
        answer_of(connection)
    until(lambda: tus.offset(url) == 5)
    assert (
        tus.http.patch(
            url, headers=VERSION | BYTES | {"Upload-Offset": "5"}, content=iter([b"67", b"89"])
        ).headers["Upload-Offset"]
        == "9"
    )


def test_asking_right_after_a_cut_is_answered_however_the_two_meet(tus: Tus) -> None:
    """The newcomer may come while the old request puts away its last bytes."""
    url = tus.create(10_000)
    for sent in range(0, 3_000, 100):
        stands = tus.offset(url)
        with tus.begin("PATCH", url, 10_000 - stands, {"Upload-Offset": str(stands)}) as connection:
            connection.sendall(b"x" * 100)
        assert stands <= tus.offset(url) <= sent + 100
