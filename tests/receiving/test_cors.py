"""CORS: pages of named sites may use the doors with a token, all others may not."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.receiving.client import BYTES, VERSION, Tus
from tests.support.server import Server

HERE = {"Origin": "https://app.example"}
EVIL = {"Origin": "https://evil.example"}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that knows one other site."""
    server = Server(tmp_path_factory.mktemp("cors"), CORS_ORIGINS="https://app.example").start()
    yield server
    server.stop()


def asks(method: str) -> dict[str, str]:
    return {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,tus-resumable,upload-length",
    }


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "DELETE"])
def test_a_preflight_allows_what_the_protocol_needs(open_server: Server, method: str) -> None:
    answer = httpx.options(f"{open_server.url}/uploads/", headers=HERE | asks(method))
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == HERE["Origin"]
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    for name in ("authorization", "tus-resumable", "upload-offset", "upload-metadata"):
        assert name in allowed
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_answers_and_refusals_can_be_read_by_the_page(
    open_server: Server, user: Callable[..., Tus]
) -> None:
    tus = user(open_server)
    headers = HERE | VERSION | BYTES | {"Upload-Length": "3"}
    good = tus.http.post("/uploads/", headers=headers, content=b"abc")
    bad = tus.http.post("/uploads/", headers=HERE | VERSION)
    anonymous = httpx.post(f"{open_server.url}/uploads/", headers=HERE, timeout=60)
    for answer, status in ((good, 201), (bad, 400), (anonymous, 401)):
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == HERE["Origin"]
        assert "Upload-Offset" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]


def test_other_sites_are_told_nothing(open_server: Server) -> None:
    answer = httpx.options(f"{open_server.url}/uploads/", headers=EVIL | asks("POST"))
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_by_default_nobody_is_allowed(server: Server) -> None:
    answer = httpx.options(f"{server.url}/uploads/", headers=HERE | asks("POST"))
    assert "Access-Control-Allow-Origin" not in answer.headers
