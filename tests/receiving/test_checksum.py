"""Checksums: bytes count when they are what the sender says, and not at all otherwise."""

import hashlib

import pytest

from tests.receiving.client import Tus, answer_of, checksum, until


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "sha512"])
def test_bytes_that_match_are_stored_and_others_leave_no_trace(tus: Tus, algorithm: str) -> None:
    url = tus.create(8)
    for digest_of, body, status, offset in (
        (b"1234", b"1234", 204, 4),
        (b"other", b"5678", 460, 4),
        (b"5678", b"5678", 204, 8),
    ):
        headers = _as_keyword(checksum(algorithm, digest_of))
        answer = tus.patch(url, tus.offset(url), body, **headers)
        assert answer.status_code == status
        assert tus.offset(url) == offset
    assert tus.content(url) == b"12345678"


def test_a_mismatch_says_its_name(tus: Tus) -> None:
    url = tus.create(4)
    answer = tus.patch(url, 0, b"1234", **_as_keyword(checksum("sha1", b"x")))
    assert answer.json()["error"]["code"] == "checksum_mismatch"


@pytest.mark.parametrize("bad", ["crc32 YWJjZA==", "sha1 not-base64", "sha1", "sha1 YWJj"])
def test_what_cannot_be_checked_is_refused_and_nothing_stored(tus: Tus, bad: str) -> None:
    url = tus.create(4)
    answer = tus.patch(url, 0, b"1234", Upload_Checksum=bad)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_checksum")
    assert tus.offset(url) == 0


def test_a_cut_chunk_with_a_checksum_is_dropped(tus: Tus) -> None:
    url = tus.create(100)
    tus.patch(url, 0, b"12")
    headers = {"Upload-Offset": "2"} | checksum("sha1", b"x" * 50)
    with tus.begin("PATCH", url, 50, headers) as connection:
        connection.sendall(b"x" * 20)
        until(lambda: len(tus.content(url)) == 22)
    assert tus.offset(url) == 2
    assert tus.content(url) == b"12"


def test_a_newer_request_finds_the_offset_before_an_unchecked_chunk(tus: Tus) -> None:
    url = tus.create(100)
    headers = {"Upload-Offset": "0"} | checksum("sha1", b"x" * 50)
    with tus.begin("PATCH", url, 50, headers) as connection:
        connection.sendall(b"x" * 20)
        until(lambda: len(tus.content(url)) == 20)
        assert tus.offset(url) == 0
        assert answer_of(connection)[0] == 409


def test_the_digest_of_the_whole_is_right_after_a_mismatch(tus: Tus) -> None:
    url = tus.create(8)
    tus.patch(url, 0, b"1234")
    assert tus.patch(url, 4, b"xxxx", **_as_keyword(checksum("md5", b""))).status_code == 460
    tus.patch(url, 4, b"5678", **_as_keyword(checksum("md5", b"5678")))
    assert tus.file(url)["sha256"] == hashlib.sha256(b"12345678").hexdigest()


def _as_keyword(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("-", "_"): value for name, value in headers.items()}
