"""What nobody finishes ends by itself; what a killed server leaves is ended at the next start."""

import itertools
import os
import time
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest

from tests.receiving.client import BYTES, Tus, stored, until
from tests.support.server import Server

MakeServer = Callable[..., Server]
MakeUser = Callable[..., Tus]


def test_an_upload_expires_with_its_bytes_unless_bytes_keep_coming(
    make_server: MakeServer, user: MakeUser
) -> None:
    tus = user(make_server(UPLOAD_EXPIRES_SECONDS="3").start())
    idle, busy = tus.create(100), tus.create(100_000)
    part = tus.post({"Upload-Concat": "partial", "Upload-Length": "9"}).headers["Location"]
    tus.patch(idle, 0, b"1234")
    offsets = itertools.count()

    def keep_coming() -> bool:
        return tus.patch(busy, next(offsets), b"x").status_code == 204

    for each in (idle, part):
        until(lambda: tus.head(each).status_code == 404 or not keep_coming())  # noqa: B023
    until(lambda: tus.content(idle) == b"" or not keep_coming())
    assert keep_coming()


def test_the_time_that_is_told_follows_the_last_byte(tus: Tus) -> None:
    url = tus.create(10)
    told = parsedate_to_datetime(tus.patch(url, 0, b"1").headers["Upload-Expires"])
    assert told == parsedate_to_datetime(tus.head(url).headers["Upload-Expires"])
    assert 6.9 * 86_400 < told.timestamp() - time.time() < 7.1 * 86_400


@pytest.mark.fault
def test_a_start_ends_what_no_row_knows_and_what_has_lost_its_bytes(
    fresh_server: Server, user: MakeUser
) -> None:
    token = fresh_server.token("alice")
    tus = user(fresh_server, token)
    kept, lost = tus.create(10), tus.create(10)
    tus.patch(kept, 0, b"1234")
    fresh_server.kill9()
    orphan = uuid.uuid4().hex
    content = fresh_server.data_dir / "content" / orphan[:2] / orphan
    artifact = fresh_server.data_dir / "artifacts" / orphan[:2] / orphan / "1" / "text" / "a.txt"
    for path in (content, artifact):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"left over")
        os.utime(path, (0, 0))  # not just now: that could be an upload whose row follows
    name = lost.rpartition("/")[2].replace("-", "")
    (fresh_server.data_dir / "content" / name[:2] / name).unlink()
    fresh_server.start()
    until(lambda: not content.exists() and not artifact.exists())
    until(lambda: tus.head(lost).status_code == 404)
    assert tus.offset(kept) == 4
    assert tus.patch(kept, 4, b"567890").status_code == 204


@pytest.mark.fault
def test_a_form_that_was_cut_by_the_servers_death_is_ended_at_the_next_start(
    fresh_server: Server, user: MakeUser
) -> None:
    tus = user(fresh_server)
    with tus.begin("PUT", "/upload/big.bin", 10_000_000, {}) as connection:
        connection.sendall(b"x" * 5_000_000)
        until(lambda: tus.counts()["receiving"] == 1)
        fresh_server.kill9()
    fresh_server.start()
    until(lambda: tus.counts()["receiving"] == 0)
    until(lambda: not list((fresh_server.data_dir / "content").glob("*/*")))


@pytest.mark.fault
def test_what_was_whole_but_not_finished_is_finished_at_the_next_start(
    fresh_server: Server, user: MakeUser
) -> None:
    tus = user(fresh_server)
    data = os.urandom(1000)
    url = tus.create(1000, filename="a.bin")
    tus.patch(url, 0, data[:500])
    fresh_server.kill9()
    name = url.rpartition("/")[2].replace("-", "")
    with (fresh_server.data_dir / "content" / name[:2] / name).open("ab") as content:
        content.write(data[500:])
    fresh_server.start()
    until(lambda: tus.file(url)["status"] != "receiving")
    assert tus.file(url)["sha256"]


@pytest.mark.fault
def test_bytes_that_awaited_their_checksum_are_dropped_after_a_kill(
    fresh_server: Server, user: MakeUser
) -> None:
    tus = user(fresh_server)
    url = tus.create(1_000_000)
    tus.patch(url, 0, b"1234")
    headers = {"Upload-Offset": "4", "Upload-Checksum": "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="}
    with tus.begin("PATCH", url, 500_000, headers) as connection:
        connection.sendall(b"x" * 400_000)
        until(lambda: len(stored(fresh_server, url)) > 4)
        fresh_server.kill9()
    fresh_server.start()
    assert tus.offset(url) == 4
    assert tus.content(url) == b"1234"
    assert tus.post({"Upload-Length": "1"} | BYTES, b"x").status_code == 201
