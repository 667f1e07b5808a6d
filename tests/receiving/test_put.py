"""PUT /upload/NAME: a plain body is one file, as `curl -T` sends it."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.receiving.client import Tus, answer_of, until
from tests.support.server import Server

JSON = {"Accept": "application/json"}


@pytest.mark.parametrize("size", [0, 10, 300_000, 3_000_000])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_is_a_file(tus: Tus, size: int, framing: str) -> None:
    data = os.urandom(size)
    body = data if framing == "length" else iter([data[:7], data[7:]])
    answer = tus.http.put("/upload/a%20name.bin", content=body, headers=JSON)
    assert answer.status_code == 201, answer.text
    (file,) = answer.json()["files"]
    assert (file["name"], file["size"]) == ("a name.bin", size)
    assert file["sha256"] == hashlib.sha256(data).hexdigest()
    assert tus.content(f"/uploads/{file['id']}") == data


def test_of_a_name_with_folders_the_last_part_is_kept(tus: Tus) -> None:
    answer = tus.http.put("/upload/a/b%2F..%2Fc.txt", content=b"x", headers=JSON)
    assert answer.json()["files"][0]["name"] == "c.txt"


def test_a_name_may_hold_what_no_eye_expects(tus: Tus) -> None:
    answer = tus.http.put("/upload/two%0Alines.txt", content=b"x", headers=JSON)
    assert answer.json()["files"][0]["name"] == "two␊lines.txt"


def test_the_rest_of_a_file_is_not_taken_for_the_whole(tus: Tus) -> None:
    before = tus.counts()
    rest = {"Content-Range": "bytes 3-5/6"}  # as `curl -C 3 -T` sends it
    answer = tus.http.put("/upload/a.txt", content=b"def", headers=JSON | rest)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert sum(tus.counts().values()) == sum(before.values())


def test_programs_that_ask_for_nothing_see_the_page_and_the_json(tus: Tus) -> None:
    answer = tus.http.put("/upload/a.txt?batch=put-1", content=b"x")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/files/?batch=put-1")
    assert answer.json()["files"][0]["batch"] == "put-1"


def test_an_expected_digest_is_checked(tus: Tus) -> None:
    digest = hashlib.sha256(b"x" * 600_000).hexdigest()
    url = f"/upload/a.bin?sha256={digest}"
    assert tus.http.put(url, content=b"x" * 600_000, headers=JSON).status_code == 201
    answer = tus.http.put(url, content=b"y" * 600_000, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "digest_mismatch")


def test_a_cut_body_leaves_nothing(server: Server, user: Callable[..., Tus]) -> None:
    tus = user(server)
    with tus.begin("PUT", "/upload/cut.bin", 9_000_000, {}) as connection:
        connection.sendall(b"x" * 2_000_000)
        until(lambda: tus.counts()["receiving"] == 1)
    until(lambda: sum(tus.counts().values()) == 0)


def test_who_asks_where_it_stands_does_not_end_it(server: Server, user: Callable[..., Tus]) -> None:
    tus = user(server)
    with tus.begin("PUT", "/upload/asked.bin", 900_000, {"Accept": "application/json"}) as sender:
        sender.sendall(b"x" * 500_000)
        until(lambda: tus.counts()["receiving"] == 1)
        (file,) = tus.http.get("/api/files/").json()["items"]
        url = f"/uploads/{file['id']}"
        assert tus.head(url).status_code == 423
        assert tus.http.head(url).status_code == 423  # in the words of the draft
        assert tus.patch(url, 500_000, b"y").status_code == 423
        sender.sendall(b"x" * 400_000)
        assert answer_of(sender)[0] == 201
    assert tus.content(url) == b"x" * 900_000


def test_whoever_ends_it_is_obeyed(server: Server, user: Callable[..., Tus]) -> None:
    tus = user(server)
    with tus.begin("PUT", "/upload/ended.bin", 900_000, {}) as sender:
        sender.sendall(b"x" * 500_000)
        until(lambda: tus.counts()["receiving"] == 1)
        (file,) = tus.http.get("/api/files/").json()["items"]
        assert tus.delete(f"/uploads/{file['id']}").status_code == 204
        assert answer_of(sender)[0] == 410


def test_curl_sends_a_file(tus: Tus, tmp_path: Path) -> None:
    data = os.urandom(2_000_000)
    (tmp_path / "sent by curl.bin").write_bytes(data)
    said = subprocess.run(
        [
            *("curl", "-sS", "--fail", "-H", f"Authorization: Bearer {tus.token}"),
            *("-T", f"{tmp_path}/sent by curl.bin"),
            f"{tus.server.url}/upload/sent%20by%20curl.bin",
        ],
        capture_output=True,
        check=True,
    ).stdout
    assert hashlib.sha256(data).hexdigest().encode() in said
