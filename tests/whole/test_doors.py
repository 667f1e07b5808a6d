"""Who gets past each door, with what, and what everybody else is told."""

import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.server import Server

PUBLIC = ["/sign-in", "/sign-in/", "/healthz", "/healthz/", "/readyz"]
PAGES = ["/", "/files/", "/files/00000000-0000-0000-0000-000000000000/"]
DOORS = [
    "/upload/",
    "/uploads/",
    "/api/files/",
    "/api/files",
    "/api/counts/",
    "/api/events/",
    "/api/openapi.json",
    "/api/docs",
    "/api/asyncapi.json",
    "/events/",
]


@pytest.mark.parametrize("door", PUBLIC)
def test_what_is_public_opens_for_everybody(server: Server, door: str) -> None:
    assert httpx.get(server.url + door, timeout=60).status_code == 200


@pytest.mark.parametrize("door", [*PAGES, *DOORS])
def test_a_program_without_a_token_is_told_to_bring_one(server: Server, door: str) -> None:
    answer = httpx.get(server.url + door, timeout=60)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_signed_in"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("door", PAGES)
def test_a_browser_without_a_session_is_led_to_the_sign_in_page(server: Server, door: str) -> None:
    answer = httpx.get(server.url + door, headers={"Accept": "text/html"}, timeout=60)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?next=")


def test_a_token_opens_pages_but_not_the_admin(server: Server) -> None:
    with server.client(server.token("admin")) as client:
        assert client.get("/").status_code == 200
        assert client.get("/files").status_code == 200
        assert client.get("/?space=elsewhere").status_code == 404
        assert client.get("/admin/").status_code != 200


def test_the_printed_link_signs_in_once_and_forms_need_their_token(server: Server) -> None:
    link = server.manage("link", "dora").strip()
    path = link[link.index("/sign-in/") :]
    with httpx.Client(base_url=server.url, headers={"Accept": "text/html"}, timeout=60) as browser:
        assert browser.get(path).headers["Location"] == "/"
        page = browser.get("/")
        assert page.status_code == 200
        files = {"file": ("a.txt", b"words\n")}
        bare = browser.post("/upload/", files=files)
        assert bare.status_code == 403
        token = next(value for name, value in browser.cookies.items() if "csrf" in name)
        form = browser.post("/upload/", data={"csrfmiddlewaretoken": token}, files=files)
        assert form.status_code == 303
        for origin in ("http://evil.example", "null", f"http://127.0.0.1:{server.port + 1}"):
            headers = {"Origin": origin, "X-CSRFToken": token, "Accept": "application/json"}
            refused = browser.post("/upload/", files=files, headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "bad_origin")
    again = httpx.get(server.url + path, headers={"Accept": "text/html"}, timeout=60)
    assert "session" not in "".join(again.cookies)


async def close_code(server: Server, hello: dict, **headers: str) -> int | None:
    """The code that the server closes with, None where it answers."""
    async with connect(
        f"{server.ws_url}/ws/events/", additional_headers=headers, open_timeout=60
    ) as socket:
        try:  # a wrong token is refused before the hello is read
            await socket.send(json.dumps({"type": "hello", "after": None} | hello))
            await socket.recv()
        except ConnectionClosed as closed:
            return None if closed.rcvd is None else closed.rcvd.code
    return None


async def test_a_ticket_opens_the_stream_once(server: Server) -> None:
    with server.client(server.token("tina")) as client:
        given = client.post("/api/tickets/").json()
    assert given["expires_in"] == 60
    assert await close_code(server, {"ticket": given["ticket"]}) is None
    assert await close_code(server, {"ticket": given["ticket"]}) == 4401
    assert await close_code(server, {"ticket": given["ticket"] + "x"}) == 4401
    assert await close_code(server, {}) == 4401
    assert await close_code(server, {}, Authorization="Bearer mr_wrong") == 4401
