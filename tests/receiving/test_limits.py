"""What is refused, and that it is refused before the body where that can be known."""

import hashlib
import os
import resource
from collections.abc import Callable

import pytest

from tests.receiving.client import BYTES, Tus, answer_of, metadata, until
from tests.support.server import Server

MakeServer = Callable[..., Server]
MakeUser = Callable[..., Tus]


def refused_before_the_body(tus: Tus, headers: dict[str, str], length: int) -> tuple[int, str]:
    """Status and code of a creation whose body is announced and never sent."""
    with tus.begin("POST", "/uploads/", length, headers | {"Expect": "100-continue"}) as connection:
        connection.settimeout(60)
        status, answer = answer_of(connection)
        while b"}}" not in answer:
            answer += connection.recv(65536)
    return status, answer.partition(b'"code": "')[2].partition(b'"')[0].decode()


def test_a_file_that_is_too_large(strict: Tus) -> None:
    assert strict.http.options("/uploads/").headers["Tus-Max-Size"] == "1000000"
    headers = {"Upload-Length": "1000001"}
    assert refused_before_the_body(strict, headers, 1_000_001) == (413, "too_large")
    url = strict.create(None)
    assert strict.patch(url, 0, Upload_Length="1000001").status_code == 413
    assert strict.patch(url, 0, b"x" * 1_000_001).status_code == 413
    assert strict.patch(url, 0, b"x" * 1_000_000).status_code == 204
    assert strict.patch(url, 1_000_000, b"x").status_code == 413


def test_a_space_whose_quota_is_used_up(strict: Tus) -> None:
    assert strict.post({"Upload-Length": "900000"} | BYTES, b"x" * 900_000).status_code == 201
    headers = {"Upload-Length": "700000"}
    assert refused_before_the_body(strict, headers, 700_000) == (413, "quota_reached")
    small = strict.post({"Upload-Length": "200000"} | BYTES, b"x" * 200_000)
    assert small.status_code == 201
    assert strict.post(headers).json()["error"]["code"] == "quota_reached"
    strict.delete(small.headers["Location"])
    partial = {"Upload-Concat": "partial", "Upload-Length": "400000"}
    assert strict.post(partial).status_code == 201
    assert strict.post(partial).json()["error"]["code"] == "quota_reached"


def test_a_length_that_is_told_late_is_held_against_the_quota(strict: Tus) -> None:
    assert strict.post({"Upload-Length": "900000"} | BYTES, b"x" * 900_000).status_code == 201
    url = strict.create(None)
    answer = strict.patch(url, 0, Upload_Length="700000")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "quota_reached")
    form = strict.http.post("/upload/", files={"file": ("a", b"x" * 700_000)})
    assert (form.status_code, form.json()["error"]["code"]) == (413, "quota_reached")
    until(lambda: strict.counts()["receiving"] == 1)


@pytest.mark.parametrize("concat", [{}, {"Upload-Concat": "partial"}])
def test_an_upload_of_unknown_length_takes_no_more_than_the_quota_leaves(
    strict: Tus, concat: dict[str, str]
) -> None:
    assert strict.post({"Upload-Length": "900000"} | BYTES, b"x" * 900_000).status_code == 201
    url = strict.post({"Upload-Defer-Length": "1"} | concat).headers["Location"]
    announced = strict.patch(url, 0, b"x" * 700_000)
    assert (announced.status_code, announced.json()["error"]["code"]) == (413, "quota_reached")
    assert strict.offset(url) == 0
    with strict.begin_patch(url, 0, None) as connection:
        connection.sendall(b"aae60\r\n" + b"x" * 700_000 + b"\r\n0\r\n\r\n")
        status, answer = answer_of(connection)
    assert (status, b"quota_reached" in answer) == (413, True)
    assert strict.offset(url) == 600_000
    more = strict.patch(url, 600_000, Upload_Length="600001")
    assert more.json()["error"]["code"] == "quota_reached"
    assert strict.patch(url, 600_000, Upload_Length="600000").status_code == 204


def test_too_many_open_uploads(strict: Tus) -> None:
    urls = [strict.create(1) for _ in range(3)]
    answer = strict.post({"Upload-Length": "1"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too_many_uploads")
    strict.delete(urls[0])
    assert strict.post({"Upload-Length": "1"}).status_code == 201


def test_too_many_files_in_a_batch(strict: Tus) -> None:
    for status in (201, 201, 413):
        answer = strict.post({"Upload-Length": "1"} | metadata(batch="b", filename="a"))
        assert answer.status_code == status
    assert answer.json()["error"]["code"] == "too_many_files"
    other = strict.post({"Upload-Length": "1"} | metadata(batch="c", batch_total="3"))
    assert other.json()["error"]["code"] == "too_many_files"


def test_a_disk_that_has_too_little_left(make_server: MakeServer, user: MakeUser) -> None:
    tus = user(make_server(FREE_DISK_BYTES="1000Ti").start())
    assert refused_before_the_body(tus, {"Upload-Length": "9"}, 9) == (507, "disk_full")
    assert tus.post({"Upload-Length": "0"}).json()["error"]["code"] == "disk_full"
    put = tus.http.put("/upload/a.txt", content=b"x")
    assert (put.status_code, put.json()["error"]["code"]) == (507, "disk_full")
    assert tus.http.get("/api/files/").json()["items"] == []


def test_a_disk_that_is_full_in_the_middle_of_a_body(
    make_server: MakeServer, user: MakeUser
) -> None:
    server = make_server().start()
    tus = user(server)
    data = os.urandom(6_000_000)
    url = tus.create(len(data))
    fits = 2_500_000  # bytes that a file may have: to a process that is what a full disk is
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (fits, resource.RLIM_INFINITY))
    answer = tus.patch(url, 0, data)
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_full")
    stored = tus.offset(url)
    assert 0 < stored <= fits
    assert tus.content(url) == data[:stored]
    put = tus.http.put("/upload/a.bin", content=data)
    assert (put.status_code, put.json()["error"]["code"]) == (507, "disk_full")
    form = tus.http.post("/upload/", files={"file": ("a.bin", data)})
    assert form.json()["refused"][0]["error"]["code"] == "disk_full"
    parts = {"Upload-Concat": "partial", "Upload-Length": "2000000"} | BYTES
    part = tus.post(parts, data[:2_000_000]).headers["Location"]
    joined = tus.post({"Upload-Concat": f"final;{part} {part}"})
    assert (joined.status_code, joined.json()["error"]["code"]) == (507, "disk_full")
    resource.prlimit(
        server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    assert tus.patch(url, stored, data[stored:]).status_code == 204
    until(lambda: tus.file(url)["status"] != "receiving")
    assert tus.file(url)["sha256"] == hashlib.sha256(data).hexdigest()
    assert [item["size"] for item in tus.http.get("/api/files/").json()["items"]] == [len(data)]


def refused_by_form(tus: Tus) -> list[dict]:
    """What is said of a form's one file, if it is refused."""
    accept = {"Accept": "application/json"}
    refused: list[dict] = tus.http.post("/upload/", files={"file": b"x"}, headers=accept).json()[
        "refused"
    ]
    return refused


def test_a_user_who_creates_too_fast_is_told_when_to_go_on_and_others_are_not_held_up(
    make_server: MakeServer, user: MakeUser
) -> None:
    server = make_server(UPLOADS_PER_MINUTE="30").start()
    hasty, other = user(server), user(server)
    small = {"Upload-Length": "1"} | BYTES
    assert [hasty.post(small, b"x").status_code for _ in range(30)] == [201] * 30
    while (refused := hasty.post(small, b"x")).status_code == 201:
        pass  # one more comes free in every two seconds
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 2
    while not (told := refused_by_form(hasty)):
        pass
    assert told[0]["error"]["code"] == "too_many_requests"
    assert other.post(small, b"x").status_code == 201
    until(lambda: hasty.post(small, b"x").status_code == 201)
