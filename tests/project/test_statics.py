"""Static files, from a real server without nginx in front of it."""

import re

import httpx
import pytest

from tests.support.server import Server

NAMED = re.compile(r"/static/css/base\.[0-9a-f]{12}\.css")


@pytest.fixture
def sheet(server: Server) -> str:
    """The address of a style sheet that every page asks for."""
    page = httpx.get(f"{server.url}/sign-in/", headers={"Accept": "text/html"})
    found = NAMED.search(page.text)
    assert found
    return server.url + found.group()


def test_a_file_whose_name_says_what_is_in_it_is_kept_for_ever_and_comes_compressed(sheet: str):
    plain = httpx.get(sheet, headers={"Accept-Encoding": "identity"})
    packed = httpx.get(sheet, headers={"Accept-Encoding": "gzip"})
    assert plain.headers["content-type"].startswith("text/css")
    assert {"immutable", "public"} <= set(plain.headers["cache-control"].split(", "))
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"])
    assert "Accept-Encoding" in packed.headers["vary"]


def test_a_part_of_it_its_head_or_the_word_that_it_is_the_same_can_be_asked_for(sheet: str):
    headers = {"Accept-Encoding": "identity"}
    whole = httpx.get(sheet, headers=headers)
    part = httpx.get(sheet, headers=headers | {"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    beyond = httpx.get(sheet, headers=headers | {"Range": "bytes=90000000-"})
    assert beyond.status_code == 416
    head = httpx.head(sheet, headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))
    same = httpx.get(sheet, headers=headers | {"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert "content-type" not in same.headers


def test_nothing_can_be_put_there_and_what_is_not_there_is_not_found(server: Server, sheet: str):
    assert httpx.post(sheet, content=b"x").status_code == 405
    assert httpx.get(f"{server.url}/static/js/none.js").status_code == 404
    assert httpx.get(f"{server.url}/static/../secret_key").status_code == 404
