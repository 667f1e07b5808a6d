"""POST /upload/: the plain form, streamed."""

import hashlib
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.receiving.client import Tus, answer_of, until
from tests.support.server import Server

MakeUser = Callable[..., Tus]
JSON = {"Accept": "application/json"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_several_files_come_in_one_form(tus: Tus) -> None:
    small, large, empty = b"hello", os.urandom(3_000_000), b""
    files = [("file", (f"{n}.bin", data)) for n, data in enumerate((small, large, empty))]
    answer = tus.http.post("/upload/", files=files, data={"batch": "form-1"}, headers=JSON)
    assert answer.status_code == 201, answer.text
    taken = answer.json()["files"]
    assert answer.json()["refused"] == []
    assert [file["name"] for file in taken] == ["0.bin", "1.bin", "2.bin"]
    assert [file["sha256"] for file in taken] == [sha256(d) for d in (small, large, empty)]
    assert {file["batch"] for file in taken} == {"form-1"}
    assert tus.content(f"/uploads/{taken[1]['id']}") == large


def test_a_file_of_a_form_keeps_the_path_that_stands_before_it(tus: Tus) -> None:
    parts: list[tuple[str, tuple[str | None, bytes | str]]] = [
        ("path", (None, "survey/one.txt")),
        ("file", ("one.txt", b"1")),
        ("file", ("two.txt", b"2")),
        ("path", (None, "../up/three.txt")),
        ("file", ("three.txt", b"3")),
    ]
    answer = tus.http.post("/upload/", files=parts, headers=JSON)
    paths = [file["path"] for file in answer.json()["files"]]
    assert paths == ["survey/one.txt", "", "up/three.txt"]


def test_the_small_files_of_a_form_wait_for_no_commit_of_the_one_before(
    make_server: Callable[..., Server], user: MakeUser
) -> None:
    # the process that a crowd gets stores and writes down in turns
    server = make_server(RECEIVER_PROCESS="0").start()
    tus = user(server)
    sizes = range(70_001, 70_021)
    files = [("file", (f"{size}.txt", b"a" * size)) for size in sizes]

    def stored() -> int:
        contents = (server.data_dir / "content").glob("*/*")
        return sum(path.stat().st_size in sizes for path in contents)

    writing = sqlite3.connect(server.data_dir / "millrace.sqlite3", isolation_level=None)
    with ThreadPoolExecutor(1) as thread, closing(writing):
        writing.execute("BEGIN IMMEDIATE")  # nobody else commits
        sending = thread.submit(tus.http.post, "/upload/", files=files, headers=JSON)
        until(lambda: stored() == len(sizes))
        writing.execute("ROLLBACK")
        names = [file["name"] for file in sending.result().json()["files"]]
    assert names == [f"{size}.txt" for size in sizes]


def test_a_browser_is_sent_to_the_page_that_shows_its_files(tus: Tus) -> None:
    alone = tus.http.post("/upload/", files={"file": ("a.txt", b"a")})
    assert (alone.status_code, alone.headers["Location"]) == (303, "/")
    together = tus.http.post("/upload", files={"file": ("a.txt", b"a")}, data={"batch": "b-2"})
    assert (together.status_code, together.headers["Location"]) == (303, "/files/?batch=b-2")


def test_a_form_of_which_one_file_is_refused_says_which_and_takes_the_others(strict: Tus) -> None:
    files = [
        ("file", ("first.txt", b"1")),
        ("file", ("large.bin", b"x" * 2_000_000)),
        ("file", ("x" * 256, b"2")),
        ("other", ("elsewhere.txt", b"3")),
        ("file", ("last.txt", b"4")),
    ]
    answer = strict.http.post("/upload/", files=files, headers=JSON)
    assert answer.status_code == 201
    assert [file["name"] for file in answer.json()["files"]] == ["first.txt", "last.txt"]
    refused = answer.json()["refused"]
    assert [(one["name"], one["index"], one["error"]["code"]) for one in refused] == [
        ("large.bin", 1, "too_large"),
        ("x" * 256, 2, "bad_name"),
        ("elsewhere.txt", 3, "bad_request"),
    ]
    until(lambda: strict.counts()["receiving"] == 0)
    alone = strict.http.post("/upload/", files={"file": ("l.bin", b"x" * 2_000_000)}, headers=JSON)
    assert (alone.status_code, alone.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../up.txt", "up.txt"),
        ('a "quoted" name.txt', 'a "quoted" name.txt'),
        ("naïve 日本.txt", "naïve 日本.txt"),
        ("line\nbreak.txt", "line␊break.txt"),
        ("cv\u202efdp.exe", "cv\ufffdfdp.exe"),
    ],
)
def test_names_are_kept_harmless(tus: Tus, sent: str, kept: str) -> None:
    answer = tus.http.post("/upload/", files={"file": (sent, b"x")}, headers=JSON)
    assert answer.json()["files"][0]["name"] == kept


@pytest.mark.parametrize(
    "told",
    [
        "filename*=UTF-8''na%C3%AFve%20%E6%97%A5.txt",
        "filename=\"=?utf-8?B?bmHDr3Zl?=\"; filename*=utf-8'en'na%C3%AFve%20%E6%97%A5.txt",
    ],
)
def test_an_extended_name_is_the_files(tus: Tus, told: str) -> None:
    head = f"--b\r\nContent-Disposition: form-data; name=file; {told}\r\n\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    body = head.encode() + b"x\r\n--b--\r\n"
    answer = tus.http.post("/upload/", content=body, headers=JSON | kind)
    assert answer.json()["files"][0]["name"] == "naïve 日.txt"


def test_an_empty_form_is_refused(tus: Tus) -> None:
    for files in ({"file": ("", b"")}, {"note": (None, b"text")}):
        answer = tus.http.post("/upload/", files=files, headers=JSON)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_what_is_no_form_is_refused(tus: Tus) -> None:
    answer = tus.http.post("/upload/", data={"file": "x"}, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "wrong_content_type")


def test_a_broken_form_is_refused_and_leaves_nothing(server: Server, user: MakeUser) -> None:
    tus = user(server)
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    for body in (head + b"x" * 600_000, b"nonsense", head.replace(b"form-data", b"x:\x00")):
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = tus.http.post("/upload/", content=body, headers=JSON | kind)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert tus.http.get("/api/files/").json()["items"] == []


def test_a_form_that_is_cut_leaves_only_its_whole_files(server: Server, user: MakeUser) -> None:
    tus = user(server)
    part = 'Content-Disposition: form-data; name="file"; filename="{}"\r\n\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    with tus.begin("POST", "/upload/", 9_000_000, kind) as connection:
        connection.sendall(f"--b\r\n{part.format('whole')}whole\r\n".encode())
        connection.sendall(f"--b\r\n{part.format('cut')}".encode() + b"x" * 2_000_000)
        until(lambda: tus.counts()["receiving"] == 1)
    until(lambda: tus.counts()["receiving"] == 0)

    def names() -> list[str]:
        return [file["name"] for file in tus.http.get("/api/files/").json()["items"]]

    until(names)  # what is whole is written down in its own time
    assert names() == ["whole"]


@pytest.mark.parametrize("came", ["a head", "a file's beginning", "a whole file"])
def test_a_silent_form_is_ended_and_its_connection_closed(strict: Tus, came: str) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    sent = {"a head": head[:9], "a file's beginning": head + b"x"}.get(came, head + b"x\r\n" + head)
    kind = {"Content-Type": "multipart/form-data; boundary=b"} | JSON
    with strict.begin("POST", "/upload/", 9_000, kind) as connection:
        connection.sendall(sent)
        status, answer = answer_of(connection)
        assert status == (201 if came == "a whole file" else 408)
        assert b"connection: close" in answer.lower()
        assert b"what was not whole is not kept" in answer


def test_a_signed_in_browser_must_show_that_our_page_made_the_form(fresh_server: Server) -> None:
    with httpx.Client(base_url=fresh_server.url, follow_redirects=True, timeout=60) as browser:
        page = browser.get(fresh_server.link)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert token is not None
        field: list[tuple[str, tuple]] = [("csrfmiddlewaretoken", (None, token[1].encode()))]
        file: list[tuple[str, tuple]] = [("file", ("a.txt", b"hello"))]
        assert browser.post("/upload/", files=field + file, headers=JSON).status_code == 201
        for files in (file, file + field, [("csrfmiddlewaretoken", (None, b"x" * 64)), *file]):
            answer = browser.post("/upload/", files=files, headers=JSON)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_csrf")
        elsewhere = JSON | {"Origin": "http://evil.example"}
        answer = browser.post("/upload/", files=field + file, headers=elsewhere)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_origin")
        counts = browser.get("/api/counts/").json()
        assert sum(counts.values()) == 1


def test_curl_sends_forms(tus: Tus, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(b"one")
    (tmp_path / "two.bin").write_bytes(os.urandom(1_000_000))
    said = subprocess.run(
        [
            *("curl", "-sS", "-H", f"Authorization: Bearer {tus.token}"),
            *("-H", "Accept: application/json"),
            *("-F", f"file=@{tmp_path}/one.txt", "-F", f"file=@{tmp_path}/two.bin"),
            f"{tus.server.url}/upload/",
        ],
        capture_output=True,
        check=True,
    ).stdout
    assert b"one.txt" in said
    assert b"two.bin" in said


def test_a_form_of_more_files_than_are_taken_from_one_is_read_no_further(tus: Tus) -> None:
    part = (
        '--x\r\nContent-Disposition: form-data; name="{}"; filename="n.txt"\r\n\r\nbytes\r\n'.format
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"} | JSON
    form = part("file") + part("elsewhere") * 9_998 + part("file")
    whole = tus.http.post("/upload/", content=form + "--x--\r\n", headers=kind).json()
    assert (len(whole["files"]), len(whole["refused"])) == (2, 9_998)
    answer = tus.http.post("/upload/", content=form + part("file") + "--x--\r\n", headers=kind)
    assert (answer.status_code, len(answer.json()["files"])) == (201, 2)
    end = answer.json()["refused"][-1]
    assert (end["name"], end["error"]["code"]) == ("", "too_many_files")
    refused = tus.http.post("/upload/", content=part("other") * 30_000 + "--x--\r\n", headers=kind)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "too_many_files")
    assert len(refused.content) < 1_000, "nobody is told of each"
