"""The IETF's draft «Resumable Uploads for HTTP», on the same addresses as tus."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.receiving.client import SOON, Tus, answer_of, metadata, until
from tests.receiving.test_clients import check, sent_by_js
from tests.support.server import Server

PART = {"Content-Type": "application/partial-upload"}
MISMATCH = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
INCONSISTENT = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"


def post(tus: Tus, done: str, body: bytes = b"", **headers: str) -> httpx.Response:
    """A creation; `done` is Upload-Complete."""
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return tus.http.post("/uploads/", headers={"Upload-Complete": done} | more, content=body)


def patch(tus: Tus, url: str, offset: int, done: str, body: bytes = b"") -> httpx.Response:
    """An append."""
    headers = PART | {"Upload-Offset": str(offset), "Upload-Complete": done}
    return tus.http.patch(url, headers=headers, content=body)


def head(tus: Tus, url: str) -> httpx.Headers:
    """Where the upload stands."""
    answer = tus.http.head(url)
    assert answer.status_code == 204
    return answer.headers


def test_options_tell_the_type_and_the_limits(tus: Tus) -> None:
    answer = tus.http.options("/uploads/")
    assert "application/partial-upload" in answer.headers["Accept-Patch"]
    assert answer.headers["Upload-Limit"] == f"max-size={20 * 2**30}"


def test_a_whole_body_is_a_file_at_once(tus: Tus) -> None:
    for data in (b"", os.urandom(5000), os.urandom(2_000_000)):
        answer = post(tus, "?1", data, Content_Disposition='inline; filename="a b.bin"')
        assert answer.status_code == 201
        assert answer.headers["Upload-Complete"] == "?1"
        assert answer.headers["Upload-Offset"] == str(len(data))
        file = tus.file(answer.headers["Location"])
        assert (file["name"], file["size"]) == ("a b.bin", len(data))
        assert file["sha256"] == hashlib.sha256(data).hexdigest()


def test_an_upload_comes_in_several_requests(tus: Tus) -> None:
    first = post(tus, "?0", b"1234")
    assert (first.status_code, first.headers["Upload-Complete"]) == (201, "?0")
    assert first.headers["Upload-Limit"].startswith(f"max-size={20 * 2**30}, max-age=")
    url = first.headers["Location"]
    stands = head(tus, url)
    assert (stands["Upload-Offset"], stands["Upload-Complete"]) == ("4", "?0")
    assert stands["Cache-Control"] == "no-store"
    assert "Upload-Length" not in stands
    second = patch(tus, url, 4, "?0", b"5678")
    assert (second.status_code, second.headers["Upload-Offset"]) == (204, "8")
    third = patch(tus, url, 8, "?1", b"9")
    assert third.headers["Upload-Complete"] == "?1"
    stands = head(tus, url)
    assert (stands["Upload-Length"], stands["Upload-Complete"]) == ("9", "?1")
    assert tus.content(url) == b"123456789"
    assert tus.file(url)["status"] != "receiving"


def test_an_empty_request_may_complete_what_came_before(tus: Tus) -> None:
    url = post(tus, "?0", b"1234").headers["Location"]
    assert patch(tus, url, 4, "?1").headers["Upload-Complete"] == "?1"
    assert tus.file(url)["size"] == 4
    assert patch(tus, url, 4, "?1").headers["Upload-Complete"] == "?1"


def test_a_body_of_unknown_length_ends_where_it_ends(tus: Tus) -> None:
    url = post(tus, "?0").headers["Location"]
    headers = PART | {"Upload-Offset": "0", "Upload-Complete": "?1"}
    answer = tus.http.patch(url, headers=headers, content=iter([b"12", b"345"]))
    assert (answer.headers["Upload-Complete"], answer.headers["Upload-Offset"]) == ("?1", "5")
    assert tus.file(url)["size"] == 5


def test_a_wrong_offset_is_a_problem_that_tells_both(tus: Tus) -> None:
    url = post(tus, "?0", b"1234").headers["Location"]
    answer = patch(tus, url, 7, "?0", b"x")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "4")
    assert answer.headers["Upload-Complete"] == "?0"
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == MISMATCH
    assert (problem["expected-offset"], problem["provided-offset"]) == (4, 7)


def test_lengths_that_contradict_each_other_are_a_problem(tus: Tus) -> None:
    answer = post(tus, "?1", b"1234", Upload_Length="5")
    assert (answer.status_code, answer.json()["type"]) == (400, INCONSISTENT)
    url = post(tus, "?0", b"1234", Upload_Length="10").headers["Location"]
    answer = patch(tus, url, 4, "?1", b"5")
    assert (answer.status_code, answer.json()["type"]) == (400, INCONSISTENT)
    assert head(tus, url)["Upload-Length"] == "10"


@pytest.mark.parametrize("length", [10, 1_000_000])
def test_a_body_that_ends_before_the_length_that_was_told_is_not_the_whole(
    tus: Tus, length: int
) -> None:
    complete = {"Upload-Complete": "?1", "Upload-Length": str(length)}
    answer = tus.http.post("/uploads/", headers=complete, content=iter([b"1234"]))
    assert (answer.status_code, answer.json()["type"]) == (400, INCONSISTENT)
    url = answer.headers["Location"]
    assert head(tus, url)["Upload-Offset"] == "4"
    rest = complete | PART | {"Upload-Offset": "4"}
    answer = tus.http.patch(url, headers=rest, content=iter([b"56"]))
    assert (answer.status_code, answer.json()["type"]) == (400, INCONSISTENT)
    assert head(tus, url)["Upload-Offset"] == "6"


def test_headers_that_are_malformed_are_as_good_as_missing(tus: Tus) -> None:
    assert post(tus, "yes", b"1234").status_code == 412  # then it is tus without its version
    assert post(tus, "?0", b"12", Upload_Length="-5").status_code == 201
    url = post(tus, "?0").headers["Location"]
    headers = PART | {"Upload-Offset": "x", "Upload-Complete": "?0"}
    assert tus.http.patch(url, headers=headers, content=b"1").status_code == 400


def test_another_content_type_is_refused(tus: Tus) -> None:
    url = post(tus, "?0").headers["Location"]
    headers = {"Upload-Offset": "0", "Upload-Complete": "?0", "Content-Type": "text/plain"}
    assert tus.http.patch(url, headers=headers, content=b"1").status_code == 415


def test_what_is_too_large_is_refused_with_the_limit(strict: Tus) -> None:
    answer = post(strict, "?0", Upload_Length="1000001")
    assert answer.status_code == 413
    assert answer.headers["Upload-Limit"] == "max-size=1000000"


def test_what_is_not_there_or_not_theirs_is_not_found(
    tus: Tus, server: Server, user: Callable[..., Tus]
) -> None:
    url = post(tus, "?0", b"12").headers["Location"]
    assert patch(tus, f"/uploads/{uuid.uuid4()}", 0, "?0").status_code == 404
    assert user(server).http.head(url).status_code == 404


def test_a_cut_request_keeps_what_came_and_is_not_complete(tus: Tus) -> None:
    url = post(tus, "?0").headers["Location"]
    connection = tus.connect()
    connection.sendall(
        f"PATCH {url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tus.token}\r\n"
        "Content-Type: application/partial-upload\r\nUpload-Offset: 0\r\nUpload-Complete: ?1\r\n"
        "Content-Length: 100\r\n\r\n12345".encode()
    )
    until(lambda: tus.content(url) == b"12345")
    connection.close()
    until(lambda: head(tus, url)["Upload-Offset"] == "5")
    assert head(tus, url)["Upload-Complete"] == "?0"
    assert head(tus, url)["Upload-Length"] == "100"
    assert patch(tus, url, 5, "?1", b"x" * 95).headers["Upload-Complete"] == "?1"


def test_a_newer_request_ends_the_older_one(tus: Tus) -> None:
    url = post(tus, "?0", Upload_Length="100").headers["Location"]
    with tus.begin_patch(url, 0, 100) as hanging:
        hanging.sendall(b"12345")
        until(lambda: tus.content(url) == b"12345")
        before = time.monotonic()
        assert head(tus, url)["Upload-Offset"] == "5"
        assert time.monotonic() - before < SOON
        assert answer_of(hanging)[0] == 409


def test_an_upload_can_be_cancelled(tus: Tus) -> None:
    url = post(tus, "?0", b"12").headers["Location"]
    assert tus.http.delete(url).status_code == 204
    assert tus.http.head(url).status_code == 404


def test_both_protocols_go_on_with_each_others_uploads(tus: Tus) -> None:
    url = tus.create(8)
    assert patch(tus, url, 0, "?0", b"1234").status_code == 204
    assert tus.patch(url, 4, b"5678").status_code == 204
    assert head(tus, url)["Upload-Complete"] == "?1"


def test_a_put_with_a_name_in_its_address_can_be_resumed(tus: Tus) -> None:
    answer = tus.http.put("/upload/photo.jpg", headers={"Upload-Complete": "?0"}, content=b"12")
    assert answer.status_code == 201
    url = answer.headers["Location"]
    assert patch(tus, url, 2, "?1", b"34").headers["Upload-Complete"] == "?1"
    assert tus.file(url)["name"] == "photo.jpg"


def test_the_metadata_of_tus_is_understood(tus: Tus) -> None:
    answer = post(
        tus, "?1", b"x", **{"Upload-Metadata": metadata(filename="m.txt")["Upload-Metadata"]}
    )
    assert tus.file(answer.headers["Location"])["name"] == "m.txt"


def says(version: int, *, done: bool) -> dict[str, str]:
    """What URLSession puts on its uploads: 3 on iOS 17, 5 on 18.0, 6 since; 8 is the newest."""
    name, word = ("Upload-Incomplete", not done) if version == 3 else ("Upload-Complete", done)
    return {"Upload-Draft-Interop-Version": str(version), name: "?1" if word else "?0"}


VERSIONS = pytest.mark.parametrize("version", [3, 5, 6, 8])


@VERSIONS
def test_an_upload_task_of_urlsession_is_a_file_at_once(tus: Tus, version: int) -> None:
    about = {"Content-Type": "image/jpeg", "Content-Disposition": 'attachment; filename="p.jpg"'}
    said = says(version, done=True)
    answer = tus.http.post("/uploads/", headers=said | about, content=b"12345")
    assert answer.status_code == 201
    word = "Upload-Incomplete" if version == 3 else "Upload-Complete"
    assert (answer.headers[word], answer.headers["Upload-Offset"]) == (said[word], "5")
    file = tus.file(answer.headers["Location"])
    assert (file["name"], file["size"]) == ("p.jpg", 5)
    put = tus.http.put("/upload/q.jpg", headers=said | about, content=b"123")
    assert tus.file(put.headers["Location"])["size"] == 3


@VERSIONS
def test_an_upload_task_that_was_cut_is_resumed_as_urlsession_does(tus: Tus, version: int) -> None:
    word = "Upload-Incomplete" if version == 3 else "Upload-Complete"
    going_on, over = says(version, done=False), says(version, done=True)
    answer = tus.http.post("/uploads/", headers=going_on, content=b"1234")
    assert answer.headers[word] == going_on[word]
    url = answer.headers["Location"]
    asked = {"Upload-Draft-Interop-Version": str(version)}
    stands = tus.http.head(url, headers=asked)
    assert (stands.status_code, stands.headers["Upload-Offset"]) == (204, "4")
    assert stands.headers[word] == going_on[word]
    assert stands.headers["Upload-Limit"].startswith("max-size=")
    typed = PART if version >= 6 else {}
    wrong = tus.http.patch(url, headers=over | typed | {"Upload-Offset": "2"}, content=b"56")
    assert (wrong.status_code, wrong.headers["Upload-Offset"]) == (409, "4")
    assert wrong.headers[word] == going_on[word]
    last = tus.http.patch(url, headers=over | typed | {"Upload-Offset": "4"}, content=b"56")
    assert last.headers[word] == over[word]
    assert tus.content(url) == b"123456"
    assert tus.file(url)["status"] != "receiving"


def test_bytes_beyond_the_length_are_refused(tus: Tus) -> None:
    url = post(tus, "?0", b"1234", Upload_Length="10").headers["Location"]
    answer = patch(tus, url, 4, "?0", b"x" * 20)
    assert answer.status_code in {400, 413}
    assert head(tus, url)["Upload-Complete"] == "?0"
    assert patch(tus, url, 11, "?0", b"x").status_code == 409


@pytest.mark.timeout(300)  # the first of them installs the packages
@pytest.mark.parametrize("protocol", ["ietf-draft-03", "ietf-draft-05"])
@pytest.mark.parametrize(
    "options", [{}, {"chunkSize": 1_000_000}, {"uploadDataDuringCreation": True}], ids=str
)
def test_tus_js_client_sends(tus: Tus, tmp_path: Path, protocol: str, options: dict) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(3_000_001))
    url, _ = sent_by_js(tus, source, options=options | {"protocol": protocol})
    assert check(tus, url, source)["name"] == "sent by tus-js-client.bin"


@pytest.mark.timeout(300)
def test_tus_js_client_resumes(tus: Tus, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(3_000_001))
    options = {"protocol": "ietf-draft-05", "chunkSize": 500_000}
    url, asked = sent_by_js(tus, source, abortAt=1_000_000, options=options)
    assert "HEAD 204" in asked
    check(tus, url, source)
