"""GET /uploads/ID: the content of what was received."""

from collections.abc import Callable

from tests.receiving.client import BYTES, Tus, metadata
from tests.support.server import Server


def whole(tus: Tus, data: bytes) -> str:
    """The address of a received file."""
    headers = {"Upload-Length": str(len(data))} | BYTES | metadata(filename="näme.html")
    url: str = tus.post(headers, data).headers["Location"]
    return url


def test_the_content_comes_back_as_it_was_and_can_do_no_harm(tus: Tus) -> None:
    answer = tus.http.get(whole(tus, b"<script>alert(1)</script>"))
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "n%C3%A4me.html" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_a_range_of_it_comes_back(tus: Tus) -> None:
    url = whole(tus, bytes(range(256)) * 40)
    answer = tus.http.get(url, headers={"Range": "bytes=250-259"})
    assert (answer.status_code, answer.content) == (206, bytes([*range(250, 256), 0, 1, 2, 3]))
    assert answer.headers["Content-Range"] == "bytes 250-259/10240"
    beyond = tus.http.get(url, headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.json()["error"]["code"]) == (416, "bad_range")


def test_what_is_not_complete_is_not_given_out(tus: Tus) -> None:
    url = tus.create(10)
    tus.patch(url, 0, b"1234")
    answer = tus.http.get(url)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "wrong_state")


def test_it_is_given_to_members_alone(tus: Tus, server: Server, user: Callable[..., Tus]) -> None:
    url = whole(tus, b"mine")
    assert user(server).http.get(url).status_code == 404
