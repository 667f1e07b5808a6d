"""PATCH: bytes from the offset on."""

import hashlib
import os
import uuid

import pytest

from tests.receiving.client import BYTES, VERSION, Tus, answer_of


def test_bytes_are_stored_from_the_offset_on(tus: Tus) -> None:
    url = tus.create(10)
    first = tus.patch(url, 0, b"1234")
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "4")
    assert first.headers["Upload-Expires"].endswith("GMT")
    assert first.headers["Tus-Resumable"] == "1.0.0"
    assert tus.patch(url, 4, b"567890").headers["Upload-Offset"] == "10"
    assert tus.content(url) == b"1234567890"


def test_a_whole_file_is_queued_with_its_digest(tus: Tus) -> None:
    data = os.urandom(5_000_000)
    url = tus.create(len(data), filename="five.bin")
    for start in range(0, len(data), 1_234_567):
        answer = tus.patch(url, start, data[start : start + 1_234_567])
        assert answer.status_code == 204
    file = tus.file(url)
    assert file["status"] != "receiving"
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert file["received"] == file["size"] == len(data)
    assert tus.content(url) == data


@pytest.mark.parametrize("offset", [0, 3, 5, 100])
def test_a_wrong_offset_changes_nothing_and_tells_the_right_one(tus: Tus, offset: int) -> None:
    url = tus.create(10)
    tus.patch(url, 0, b"1234")
    answer = tus.patch(url, offset, b"xx")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_offset")
    assert answer.headers["Upload-Offset"] == "4"
    assert tus.content(url) == b"1234"


@pytest.mark.parametrize("kind", ["application/octet-stream", "text/plain", ""])
def test_another_content_type_is_refused(tus: Tus, kind: str) -> None:
    url = tus.create(10)
    answer = tus.patch(url, 0, b"1234", Content_Type=kind)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "wrong_content_type")
    assert tus.offset(url) == 0


def test_a_missing_offset_is_refused(tus: Tus) -> None:
    answer = tus.http.patch(tus.create(1), headers=VERSION | BYTES, content=b"x")
    assert answer.status_code == 400


def test_another_version_is_refused(tus: Tus) -> None:
    url = tus.create(4)
    assert tus.patch(url, 0, b"1234", Tus_Resumable="0.2.2").status_code == 412
    assert tus.offset(url) == 0


def test_what_is_not_there_takes_no_bytes(tus: Tus) -> None:
    assert tus.patch(f"/uploads/{uuid.uuid4()}", 0, b"x").status_code == 404


def test_a_body_that_would_overrun_is_refused_before_it_is_read(tus: Tus) -> None:
    url = tus.create(4)
    answer = tus.patch(url, 0, b"12345")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert tus.offset(url) == 0


def test_a_body_that_turns_out_too_long_is_cut_at_the_length(tus: Tus) -> None:
    url = tus.create(4)
    answer = tus.http.patch(
        url, headers=VERSION | BYTES | {"Upload-Offset": "0"}, content=iter([b"123", b"456"])
    )
    assert answer.status_code == 413
    assert tus.content(url) == b"1234"
    assert tus.offset(url) == 4
    assert tus.file(url)["sha256"] == hashlib.sha256(b"1234").hexdigest()


def test_an_empty_body_changes_nothing(tus: Tus) -> None:
    url = tus.create(4)
    answer = tus.patch(url, 0)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "0")


def test_what_is_complete_takes_nothing_more_but_says_so(tus: Tus) -> None:
    url = tus.create(4)
    tus.patch(url, 0, b"1234")
    assert tus.patch(url, 4).status_code == 204
    assert tus.patch(url, 4, b"5").status_code == 413
    assert tus.patch(url, 0, b"1234").status_code == 409
    assert tus.content(url) == b"1234"


def test_a_length_may_come_with_a_later_patch_and_then_stays(tus: Tus) -> None:
    url = tus.create(None)
    tus.patch(url, 0, b"12")
    assert tus.patch(url, 2, b"34", Upload_Length="6").status_code == 204
    head = tus.head(url)
    assert head.headers["Upload-Length"] == "6"
    assert "Upload-Defer-Length" not in head.headers
    assert tus.patch(url, 4, b"56", Upload_Length="7").status_code == 400
    assert tus.patch(url, 4, b"56", Upload_Length="6").status_code == 204
    assert tus.file(url)["size"] == 6


def test_a_length_that_is_told_last_completes_the_upload(tus: Tus) -> None:
    url = tus.create(None)
    tus.patch(url, 0, b"1234")
    assert tus.patch(url, 4, Upload_Length="4").status_code == 204
    assert tus.file(url)["status"] != "receiving"


def test_a_length_below_what_is_stored_is_refused(tus: Tus) -> None:
    url = tus.create(None)
    tus.patch(url, 0, b"1234")
    assert tus.patch(url, 4, Upload_Length="3").status_code == 400


def test_a_request_that_is_refused_leaves_the_length_to_be_told(tus: Tus) -> None:
    url = tus.create(None)
    assert tus.patch(url, 0, b"1234", Upload_Length="3").status_code == 413
    assert tus.head(url).headers["Upload-Defer-Length"] == "1"
    assert tus.patch(url, 0, b"1234", Upload_Length="4").status_code == 204


def test_the_method_may_come_in_a_header(tus: Tus) -> None:
    url = tus.create(4)
    headers = VERSION | BYTES | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = tus.http.post(url, headers=headers, content=b"1234")
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "4")


def test_a_refused_sender_can_read_its_answer_while_it_still_sends(tus: Tus) -> None:
    size = 8_000_000
    url = tus.create(size)
    with tus.begin_patch(url, 5, size) as connection:
        connection.sendall(b"x" * size)
        status, answer = answer_of(connection)
    assert status == 409
    assert b"connection: close" in answer.lower()


def test_a_connection_outlives_a_small_body_that_was_refused(tus: Tus) -> None:
    url = tus.create(10)
    with tus.begin_patch(url, 5, 3) as connection:
        connection.sendall(b"xxx")
        assert answer_of(connection)[0] == 409
        connection.sendall(f"OPTIONS {url} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert answer_of(connection)[0] == 204


def test_every_answer_names_the_version_and_while_it_is_unfinished_when_it_expires(
    tus: Tus,
) -> None:
    url = tus.create(9)
    part = tus.post({"Upload-Concat": "partial", "Upload-Length": "0"}).headers["Location"]
    final = tus.post({"Upload-Concat": f"final;{part}"}).headers["Location"]
    wrong = {"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    unknown = {"Upload-Checksum": "crc7 AAAA"}
    answers = [
        (tus.patch(url, 0, b"123"), 204),
        (tus.patch(url, 0, b"123"), 409),
        (tus.patch(url, 3, b"x" * 20), 413),
        (
            tus.http.patch(
                url, headers=VERSION | BYTES | wrong | {"Upload-Offset": "3"}, content=b"4"
            ),
            460,
        ),
        (
            tus.http.patch(
                url, headers=VERSION | BYTES | unknown | {"Upload-Offset": "3"}, content=b"4"
            ),
            400,
        ),
        (tus.http.patch(url, headers=VERSION | {"Upload-Offset": "3"}, content=b"4"), 415),
        (tus.patch(url, 3, b"456"), 204),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.headers["Tus-Resumable"] == "1.0.0"
        if status == 204:
            assert answer.headers["Upload-Expires"].endswith("GMT")
    others = [
        (tus.patch(final, 0, b"1"), 403),
        (tus.patch(f"/uploads/{uuid.uuid4()}", 0, b"1"), 404),
        (tus.http.patch(url, headers=BYTES | {"Upload-Offset": "6"}, content=b"7"), 412),
        (tus.patch(url, 6, b"789"), 204),
        (tus.http.put(url, headers=VERSION), 405),
        (tus.post({"Upload-Length": "-1"}), 400),
        (tus.post({"Upload-Length": "1", "Upload-Metadata": "a b c"}), 400),
        (tus.head(f"/uploads/{uuid.uuid4()}"), 404),
        (tus.delete(f"/uploads/{uuid.uuid4()}"), 404),
        (tus.delete(url), 204),
    ]
    for answer, status in others:
        assert answer.status_code == status
        assert answer.headers["Tus-Resumable"] == "1.0.0"
