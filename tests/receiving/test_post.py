"""POST /uploads/: creation, with and without a body."""

import hashlib
import os
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest

from tests.receiving.client import BYTES, VERSION, Tus, answer_of, checksum, metadata, until
from tests.support.server import Server


def test_it_creates_an_upload_and_says_where_and_until_when(tus: Tus) -> None:
    answer = tus.post({"Upload-Length": "100"})
    assert answer.status_code == 201
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Upload-Expires"].endswith("GMT")
    assert urlsplit(answer.headers["Location"]).path.startswith("/uploads/")
    assert tus.offset(answer.headers["Location"]) == 0


def test_what_the_sender_says_is_in_the_files_json(tus: Tus) -> None:
    url = tus.create(100, filename="../naïve.txt", path="a/b/naïve.txt", batch="drop-1")
    file = tus.file(url)
    assert (file["name"], file["path"], file["batch"]) == ("naïve.txt", "a/b/naïve.txt", "drop-1")
    assert (file["status"], file["size"], file["received"]) == ("receiving", 100, 0)


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
def test_another_version_is_refused_and_nothing_happens(tus: Tus, version: dict) -> None:
    answer = tus.http.post("/uploads/", headers={"Upload-Length": "1"} | version)
    assert answer.status_code == 412
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.json()["error"]["code"] == "wrong_version"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"Upload-Length": "-1"}, 400, "bad_request"),
        ({"Upload-Defer-Length": "2"}, 400, "bad_request"),
        ({"Upload-Length": "1", "Upload-Metadata": "a !"}, 400, "bad_metadata"),
        ({"Upload-Length": "1"} | metadata(filename="x" * 256), 400, "bad_name"),
        ({"Upload-Length": str(20 * 2**30 + 1)}, 413, "too_large"),
        ({"Upload-Length": "1"} | metadata(batch="b", batch_total="100001"), 413, "too_many_files"),
    ],
)
def test_what_cannot_be_is_refused_with_its_code(
    tus: Tus, headers: dict, status: int, code: str
) -> None:
    answer = tus.post(headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_a_file_of_nothing_is_complete_at_once(tus: Tus) -> None:
    url = tus.create(0, filename="empty.csv")
    assert tus.offset(url) == 0
    assert tus.file(url)["sha256"] == hashlib.sha256().hexdigest()


def test_a_small_file_comes_with_its_creation(tus: Tus) -> None:
    data = os.urandom(4096)
    answer = tus.post({"Upload-Length": "4096"} | BYTES | metadata(filename="a.bin"), data)
    assert answer.status_code == 201
    assert answer.headers["Upload-Offset"] == "4096"
    url = answer.headers["Location"]
    assert tus.content(url) == data
    assert tus.file(url)["sha256"] == hashlib.sha256(data).hexdigest()
    assert tus.offset(url) == 4096


def test_a_large_file_comes_with_its_creation(tus: Tus) -> None:
    data = os.urandom(3_000_000)
    answer = tus.post({"Upload-Length": str(len(data))} | BYTES, data)
    assert answer.headers["Upload-Offset"] == str(len(data))
    assert tus.content(answer.headers["Location"]) == data


def test_a_beginning_may_come_with_the_creation(tus: Tus) -> None:
    answer = tus.post({"Upload-Length": "10"} | BYTES, b"12345")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "5")
    url = answer.headers["Location"]
    assert tus.patch(url, 5, b"67890").status_code == 204
    assert tus.content(url) == b"1234567890"


def test_a_body_in_chunks_whose_length_nobody_told_is_taken(tus: Tus) -> None:
    answer = tus.http.post(
        "/uploads/",
        headers=VERSION | BYTES | {"Upload-Length": "10"},
        content=iter([b"12345", b"67890"]),
    )
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "10")


def test_a_body_longer_than_announced_is_refused_before_it_is_read(tus: Tus) -> None:
    answer = tus.post({"Upload-Length": "3"} | BYTES, b"12345")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_the_body_is_asked_for_only_when_it_will_be_taken(tus: Tus) -> None:
    with tus.begin("POST", "/uploads/", 5, {"Upload-Length": "5", "Expect": "100-continue"}) as s:
        assert answer_of(s)[0] == 100
        s.sendall(b"12345")
        assert answer_of(s)[0] == 201
    with tus.begin("POST", "/uploads/", 9, {"Upload-Length": "x", "Expect": "100-continue"}) as s:
        status, answer = answer_of(s)
        assert status == 400
        assert b"connection: close" in answer.lower()


def test_a_checksum_of_the_first_bytes_is_checked(tus: Tus) -> None:
    wrong = tus.post({"Upload-Length": "5"} | BYTES | checksum("sha1", b"other"), b"12345")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (460, "checksum_mismatch")
    right = tus.post({"Upload-Length": "5"} | BYTES | checksum("sha1", b"12345"), b"12345")
    assert right.status_code == 201


def test_the_digest_that_a_sender_expects_is_held_against_what_came(tus: Tus) -> None:
    digest = hashlib.sha256(b"12345").hexdigest()
    for data, status in ((b"12345", 201), (b"54321", 422)):
        answer = tus.post({"Upload-Length": "5"} | BYTES | metadata(sha256=digest), data)
        assert answer.status_code == status
    assert answer.json()["error"]["code"] == "digest_mismatch"
    url = tus.create(5, sha256=digest)
    answer = tus.patch(url, 0, b"54321")
    assert answer.json()["error"]["code"] == "digest_mismatch"
    assert tus.head(url).status_code == 404
    until(lambda: tus.content(url) == b"")


def test_two_users_files_of_one_name_never_meet(server: Server, user: Callable[..., Tus]) -> None:
    alice, bob = user(server), user(server)
    mine = alice.create(3, filename="same.txt")
    theirs = bob.create(3, filename="same.txt")
    alice.patch(mine, 0, b"aaa")
    bob.patch(theirs, 0, b"bbb")
    assert (alice.content(mine), bob.content(theirs)) == (b"aaa", b"bbb")
    assert bob.head(mine).status_code == 404
    assert bob.patch(mine, 0, b"x").status_code == 404
    assert bob.delete(mine).status_code == 404


def test_nobody_unknown_gets_in(server: Server) -> None:
    answer = httpx.post(
        f"{server.url}/uploads/", headers=VERSION | {"Upload-Length": "1"}, timeout=60
    )
    assert answer.status_code == 401
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_a_token_that_may_only_read_sends_nothing(server: Server, user: Callable[..., Tus]) -> None:
    token = server.manage("token", "onlooker", "--scope", "read").strip()
    answer = user(server, token).post({"Upload-Length": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
