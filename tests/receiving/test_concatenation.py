"""Concatenation: partial uploads become one file."""

import hashlib
import os
import uuid
from collections.abc import Callable

from tests.receiving.client import BYTES, Tus, metadata, until
from tests.support.server import Server


def partial(tus: Tus, data: bytes, *, whole: bool = True) -> str:
    """A partial upload of these bytes, or of their first half."""
    answer = tus.post({"Upload-Concat": "partial", "Upload-Length": str(len(data))})
    assert answer.status_code == 201
    url = answer.headers["Location"]
    assert tus.patch(url, 0, data if whole else data[: len(data) // 2]).status_code == 204
    return url


def final(tus: Tus, *parts: str, **names: str) -> str:
    """The address of the upload that is joined from these parts."""
    answer = tus.post({"Upload-Concat": "final;" + " ".join(parts)} | metadata(**names))
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def test_parts_become_one_file_in_the_order_that_was_asked_for(tus: Tus) -> None:
    first, second = os.urandom(700_000), os.urandom(300_000)
    parts = [partial(tus, first), partial(tus, second)]
    url = final(tus, parts[1], parts[0], filename="joined.bin")
    until(lambda: tus.head(url).headers.get("Upload-Offset") == "1000000")
    assert tus.content(url) == second + first
    file = tus.file(url)
    assert file["name"] == "joined.bin"
    assert file["sha256"] == hashlib.sha256(second + first).hexdigest()


def test_heads_tell_what_is_joined_from_what(tus: Tus) -> None:
    part = partial(tus, b"1234")
    assert tus.head(part).headers["Upload-Concat"] == "partial"
    url = final(tus, part)
    head = tus.head(url)
    assert head.headers["Upload-Concat"] == f"final;{part}"
    assert head.headers["Upload-Length"] == "4"


def test_a_final_upload_may_be_asked_for_before_its_parts_are_there(tus: Tus) -> None:
    parts = [partial(tus, b"12345678", whole=False), partial(tus, b"abcd")]
    url = final(tus, *parts)
    head = tus.head(url)
    assert head.headers["Upload-Length"] == "12"
    assert "Upload-Offset" not in head.headers
    assert tus.file(url)["status"] == "receiving"
    tus.patch(parts[0], 4, b"5678")
    until(lambda: tus.head(url).headers.get("Upload-Offset") == "12")
    assert tus.content(url) == b"12345678abcd"


def test_a_part_may_be_used_more_than_once(tus: Tus) -> None:
    part = partial(tus, b"ab")
    first, second = final(tus, part, part), final(tus, part)
    until(lambda: tus.content(first) == b"abab" and tus.content(second) == b"ab")


def test_a_final_upload_takes_no_bytes(tus: Tus) -> None:
    url = final(tus, partial(tus, b"1234"))
    answer = tus.patch(url, 4, b"x")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")


def test_the_metadata_of_parts_is_not_carried_over(tus: Tus) -> None:
    headers = {"Upload-Concat": "partial", "Upload-Length": "2"} | BYTES
    part = tus.post(headers | metadata(filename="part"), b"ab").headers["Location"]
    url = final(tus, part)
    assert "Upload-Metadata" not in tus.head(url).headers
    assert tus.file(url)["name"] == "unnamed"


def test_parts_are_no_files(tus: Tus) -> None:
    part = partial(tus, b"1234")
    assert tus.http.get(f"/api/files/{part.rpartition('/')[2]}/").status_code == 404
    assert tus.http.get(part).status_code == 404


def test_a_part_can_be_ended(tus: Tus) -> None:
    part = partial(tus, b"1234")
    assert tus.delete(part).status_code == 204
    assert tus.head(part).status_code == 404
    until(lambda: tus.content(part) == b"")


def test_a_final_upload_ends_with_the_part_that_it_waits_for(tus: Tus) -> None:
    part = partial(tus, b"1234", whole=False)
    url = final(tus, part)
    tus.delete(part)
    until(lambda: tus.head(url).status_code == 404, seconds=20)  # sooner than the next sweep


def test_what_is_no_part_of_ours_joins_nothing(
    tus: Tus, server: Server, user: Callable[..., Tus]
) -> None:
    theirs = partial(user(server), b"secret")
    whole = tus.create(4)
    for url in (theirs, whole, f"/uploads/{uuid.uuid4()}"):
        answer = tus.post({"Upload-Concat": f"final;{url}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_a_final_upload_that_would_be_too_large_is_refused(tus: Tus) -> None:
    headers = {"Upload-Concat": "partial", "Upload-Length": str(11 * 2**30)}
    parts = [tus.post(headers).headers["Location"] for _ in range(2)]
    answer = tus.post({"Upload-Concat": "final;" + " ".join(parts)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


def test_a_large_final_upload_is_joined_after_the_answer(tus: Tus) -> None:
    data = os.urandom(40_000_000)
    part = partial(tus, data)
    url = final(tus, part, part)
    until(lambda: tus.head(url).headers.get("Upload-Offset") == "80000000")
    assert tus.file(url)["sha256"] == hashlib.sha256(data + data).hexdigest()
    tus.delete(url)
    tus.delete(part)
