"""Contents and artifacts: whole, in ranges, conditionally; and never a page of our origin."""

import asyncio
import io
import os
import re
import time
import uuid
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.test import RequestFactory, override_settings
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from tests.reading.conftest import People
from tests.support.server import Server
from tests.support.tus import upload
from uploads.errors import RangeNotSatisfiable
from uploads.sending import RANGES, Span, disposition, parse_ranges, serve_content

BODY = bytes(range(256)) * 40


@pytest.fixture(scope="session")
def content(server: Server, people: People) -> str:
    """The address of a processed file's content."""
    file_id = upload(people.alice, 'odd "näme"; \u202egpj.bin', BODY)
    server.wait_for(people.alice, file_id)
    return f"/api/files/{file_id}/content/"


@pytest.fixture(scope="session")
def picture(server: Server, people: People) -> dict:
    """A processed picture's JSON."""
    drawn = io.BytesIO()
    Image.new("RGB", (300, 200), "teal").save(drawn, "PNG")
    file_id = upload(people.alice, "teal.png", drawn.getvalue())
    return server.wait_for(people.alice, file_id)


def test_the_original_comes_back_as_it_was_sent(people: People, content: str) -> None:
    answer = people.alice.get(content)
    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["content-length"] == str(len(BODY))
    head = people.alice.head(content)
    assert head.content == b""
    for name in ("content-length", "etag", "content-type", "content-disposition", "accept-ranges"):
        assert head.headers[name] == answer.headers[name]


def test_nothing_that_is_sent_can_act_as_a_page(people: People, content: str) -> None:
    file_id = upload(people.alice, "evil.html", b"<html><script>alert(1)</script></html>")
    for path in (content, f"/api/files/{file_id}/content/"):
        headers = people.alice.get(path).headers
        assert headers["content-disposition"].startswith("attachment; ")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cache-control"] == "private, no-cache"
        assert "set-cookie" not in headers


def test_the_name_survives_without_what_could_deceive(people: People, content: str) -> None:
    header = people.alice.get(content).headers["content-disposition"]
    assert header == (
        'attachment; filename="odd _n_me__ _gpj.bin"; '
        "filename*=UTF-8''odd%20%22n%C3%A4me%22%3B%20%EF%BF%BDgpj.bin"
    )


@given(some.text(max_size=300))
def test_any_name_makes_one_header_line_that_names_no_folder(name: str) -> None:
    header = disposition(name)
    assert header.isascii()
    assert header.isprintable()
    plain, encoded = re.fullmatch(
        r'attachment; filename="([^"\\]*)"; filename\*=UTF-8\'\'(.*)', header
    ).groups()  # type: ignore[union-attr]
    assert plain
    assert "/" not in plain + encoded
    assert "%2F" not in encoded
    assert "%5C" not in encoded


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=10000-", 10000, len(BODY)),
        ("bytes=10000-99999999", 10000, len(BODY)),
        ("bytes=-5", len(BODY) - 5, len(BODY)),
        ("bytes=-99999999", 0, len(BODY)),
        ("BYTES = 5-6", 5, 7),
    ],
)
def test_one_range_is_sent_alone(
    people: People, content: str, asked: str, start: int, end: int
) -> None:
    answer = people.alice.get(content, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == BODY[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BODY)}"
    assert answer.headers["content-length"] == str(end - start)
    head = people.alice.head(content, headers={"Range": asked})
    assert head.headers["content-length"] == str(len(BODY))  # RFC 9110 §14.2: for GET alone


@pytest.mark.parametrize("asked", [f"bytes={len(BODY)}-", "bytes=-0", "bytes=99999-,88888-88889"])
def test_a_range_outside_is_416_and_says_how_long_it_is(
    people: People, content: str, asked: str
) -> None:
    answer = people.alice.get(content, headers={"Range": asked})
    assert (answer.status_code, answer.json()["error"]["code"]) == (416, "bad_range")
    assert answer.headers["content-range"] == f"bytes */{len(BODY)}"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=5-2",
        "bytes=",
        "bytes",
        "lines=1-2",
        "bytes=a-b",
        "bytes=1-2;3-4",
        "bytes=0-9,5-20",
        "bytes=" + ",".join(f"{n * 3}-{n * 3}" for n in range(RANGES + 1)),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
        "bytes=\uff11-\uff12",
    ],
)
def test_ranges_that_are_odd_overlap_or_are_too_many_give_the_whole(
    people: People, content: str, asked: str
) -> None:
    answer = people.alice.get(content, headers=httpx.Headers({b"Range": asked.encode()}))
    assert answer.status_code == 200
    assert answer.content == BODY


def test_a_few_ranges_come_as_parts(people: People, content: str) -> None:
    answer = people.alice.get(content, headers={"Range": "bytes=0-9, 300-309,-10"})
    assert answer.status_code == 206
    assert answer.headers["content-length"] == str(len(answer.content))
    boundary = answer.headers["content-type"].partition("boundary=")[2]
    parts = answer.content.split(f"--{boundary}".encode())
    assert parts[-1] == b"--\r\n"
    bodies = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:-1]]
    assert bodies == [BODY[:10], BODY[300:310], BODY[-10:]]
    assert f"Content-Range: bytes 300-309/{len(BODY)}".encode() in answer.content


@given(some.lists(some.tuples(some.integers(0, 60), some.integers(0, 60)), max_size=8))
def test_what_ranges_give_lies_inside_does_not_overlap_and_is_bounded(
    pairs: list[tuple[int, int]],
) -> None:
    header = "bytes=" + ",".join(f"{a}-{b}" for a, b in pairs)
    try:
        spans = parse_ranges(header, 40)
    except RangeNotSatisfiable:
        assert all(first >= 40 for first, _ in pairs)
        return
    if spans is None:
        return
    assert len(spans) <= RANGES
    covered = [byte for span in spans for byte in range(span.start, span.end)]
    assert len(covered) == len(set(covered))
    assert all(0 <= byte < 40 for byte in covered)


def test_an_empty_file_has_no_ranges(people: People) -> None:
    file_id = upload(people.alice, "empty", b"")
    path = f"/api/files/{file_id}/content/"
    assert people.alice.get(path).content == b""
    assert people.alice.get(path, headers={"Range": "bytes=0-"}).status_code == 416
    assert parse_ranges("bytes=0-0", 1) == [Span(0, 1)]


def test_what_is_held_already_is_not_sent_again(people: People, content: str) -> None:
    etag = people.alice.get(content).headers["etag"]
    for condition in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        answer = people.alice.get(content, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert "content-type" not in answer.headers
    assert people.alice.get(content, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_range_goes_on_only_with_the_content_that_it_began_with(
    people: People, content: str
) -> None:
    etag = people.alice.get(content).headers["etag"]
    for condition, status in (
        (etag, 206),
        ('"other"', 200),
        (f"W/{etag}", 200),
        ("Sun, 22 Nov 2026 13:40:41 GMT", 200),
    ):
        headers = {"Range": "bytes=0-9", "If-Range": condition}
        assert people.alice.get(content, headers=headers).status_code == status


def test_artifacts_are_found_by_their_address_and_pictures_shown_in_place(
    people: People, picture: dict
) -> None:
    thumbnail = people.alice.get(picture["thumbnail"])
    assert thumbnail.status_code == 200
    assert Image.open(io.BytesIO(thumbnail.content)).format == "WEBP"
    assert thumbnail.headers["content-disposition"].startswith("inline; ")
    assert thumbnail.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "immutable" in thumbnail.headers["cache-control"]
    for made in picture["artifacts"]:
        answer = people.alice.get(made["url"])
        assert (answer.status_code, len(answer.content)) == (200, made["size"])
        assert answer.headers["content-type"] == made["media_type"]
        newest = people.alice.get(made["url"].partition("?")[0])
        assert newest.content == answer.content
        assert "immutable" not in newest.headers["cache-control"]
        assert people.bob.get(made["url"]).status_code == 404
        assert people.nobody.get(made["url"]).status_code == 401
        not_made = people.alice.get(made["url"].replace("attempt=1", "attempt=7"))
        assert not_made.status_code == 404


@pytest.mark.parametrize(
    "place", ["image/../../x", "image/..%2f..%2fx", "..%2f..%2f/secret_key", "image/%00", "x/y"]
)
def test_an_artifacts_address_leads_nowhere_else(people: People, picture: dict, place: str) -> None:
    answer = people.alice.get(f"/api/files/{picture['id']}/artifacts/{place}")
    assert answer.status_code == 404


def test_a_client_that_leaves_leaves_no_open_file_behind(
    server: Server, people: People, tmp_path: Path
) -> None:
    file_id = upload(people.alice, "long.bin", os.urandom(24 * 2**20))
    server.wait_for(people.alice, file_id)
    hexadecimal = uuid.UUID(file_id).hex

    def held() -> int:
        handles = Path(f"/proc/{server.pid}/fd")
        links = []
        for handle in handles.iterdir():
            try:
                links.append(str(handle.readlink()))
            except FileNotFoundError:
                continue
        return sum(hexadecimal in link for link in links)

    for _ in range(5):
        with people.alice.stream("GET", f"/api/files/{file_id}/content/") as answer:
            chunks = answer.iter_bytes(1000)
            next(chunks)
            assert held() >= 1
    deadline = time.monotonic() + 60
    while held() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert held() == 0


@override_settings(ACCEL_REDIRECT=True)
async def test_contents_leave_through_nginx_where_it_stands_in_front() -> None:
    path = settings.DATA_DIR / "content" / "ab" / "abc"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(BODY)
    request = RequestFactory().get("/")
    answer = await serve_content(request, path, "a.txt", "text/plain", digest="ab" * 32)
    assert answer.headers["X-Accel-Redirect"] == "/_content/content/ab/abc"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert answer.headers["ETag"] == f'"{"ab" * 32}"'
    assert getattr(answer, "content", None) == b""


async def test_many_downloads_at_once_are_whole(
    server: Server, people: People, content: str
) -> None:
    headers = dict(people.alice.headers)
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as client:
        answers = await asyncio.gather(*(client.get(content) for _ in range(40)))
    assert {answer.content for answer in answers} == {BODY}
