"""HEAD: where an upload stands."""

import uuid

import pytest

from tests.receiving.client import VERSION, Tus, metadata


def test_it_tells_offset_and_length_and_is_never_cached(tus: Tus) -> None:
    url = tus.create(10)
    tus.patch(url, 0, b"123")
    answer = tus.head(url)
    assert answer.status_code == 200
    assert answer.headers["Upload-Offset"] == "3"
    assert answer.headers["Upload-Length"] == "10"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Expires"].endswith("GMT")
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_it_tells_the_offset_of_what_is_complete(tus: Tus) -> None:
    url = tus.create(3)
    tus.patch(url, 0, b"123")
    answer = tus.head(url)
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("3", "3")
    assert "Upload-Expires" not in answer.headers


def test_it_sends_the_metadata_back_as_it_came(tus: Tus) -> None:
    sent = metadata(filename="../ü.txt", anything="else") | {}
    sent["Upload-Metadata"] += ",flag"
    url = tus.post({"Upload-Length": "1"} | sent).headers["Location"]
    assert tus.head(url).headers["Upload-Metadata"] == sent["Upload-Metadata"]


def test_it_says_when_the_length_is_still_to_come(tus: Tus) -> None:
    url = tus.create(None)
    answer = tus.head(url)
    assert answer.headers["Upload-Defer-Length"] == "1"
    assert "Upload-Length" not in answer.headers


@pytest.mark.parametrize("url", [f"/uploads/{uuid.UUID(int=0)}", "/uploads/nothing-of-ours"])
def test_it_finds_nothing_where_nothing_is_and_tells_no_offset(tus: Tus, url: str) -> None:
    answer = tus.head(url)
    assert answer.status_code == 404
    assert "Upload-Offset" not in answer.headers
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_another_version_is_refused(tus: Tus) -> None:
    answer = tus.http.head(tus.create(1), headers={"Tus-Resumable": "0.2.2"})
    assert answer.status_code == 412


def test_the_method_may_come_in_a_header(tus: Tus) -> None:
    answer = tus.http.post(tus.create(7), headers=VERSION | {"X-HTTP-Method-Override": "HEAD"})
    assert (answer.status_code, answer.headers["Upload-Length"]) == (200, "7")
