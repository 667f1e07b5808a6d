"""Rights that end while a body comes: it is not taken to its end, and nobody else is disturbed."""

from collections.abc import Callable

import httpx
import pytest

from tests.receiving.client import Tus, answer_of, until
from tests.support.server import Server

MakeUser = Callable[..., Tus]
HALF = b"h" * 500_000


def narrow(tus: Tus, **more: str) -> tuple[int, Tus]:
    """A further token of the user's, its number first."""
    wanted = {"name": "for a while", "scopes": ["read", "upload"]} | more
    made = tus.http.post("/api/tokens/", json=wanted).raise_for_status().json()
    return made["id"], Tus(tus.server, made["secret"])


def test_a_body_whose_token_is_removed_ends_and_what_came_is_kept(tus: Tus) -> None:
    number, other = narrow(tus)
    url, mine = other.create(2 * len(HALF)), tus.create(2 * len(HALF))
    with (
        other.begin_patch(url, 0, 2 * len(HALF)) as connection,
        tus.begin_patch(mine, 0, 2 * len(HALF)) as undisturbed,
    ):
        for each in (connection, undisturbed):
            each.sendall(HALF)
        until(lambda: len(tus.content(url)) == len(tus.content(mine)) == len(HALF))
        assert tus.http.delete(f"/api/tokens/{number}/").status_code == 204
        status, answer = answer_of(connection)
        assert status == 401
        assert b"not_signed_in" in answer
        assert b"\r\nconnection: close\r\n" in answer.lower()
        undisturbed.sendall(HALF)
        assert answer_of(undisturbed)[0] == 204
    assert tus.file(url)["status"] == "receiving"
    assert tus.offset(url) == len(HALF)
    assert tus.patch(url, len(HALF), HALF).status_code == 204
    other.http.close()


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_body_of_who_is_no_member_any_more_ends(
    method: str, server: Server, tus: Tus, user: MakeUser
) -> None:
    guest = user(server)
    name = guest.http.get("/api/spaces/").json()["items"][0]["slug"]
    space = tus.http.post("/api/spaces/", json={"name": "Guests"}).raise_for_status().json()["slug"]
    chosen = {"space": space}
    join(server, tus, chosen, name)
    url = f"/upload/late.bin?space={space}"
    if method == "PATCH":
        created = guest.http.post(
            "/uploads/",
            params=chosen,
            headers={"Tus-Resumable": "1.0.0", "Upload-Length": str(2 * len(HALF))},
        )
        url = created.headers["Location"]
    with guest.begin(method, url, 2 * len(HALF), {"Upload-Offset": "0"}) as connection:
        connection.sendall(HALF)
        until(lambda: tus.http.get("/api/counts/", params=chosen).json()["receiving"] == 1)
        removed = tus.http.delete(f"/api/members/{name}/", params=chosen)
        assert removed.status_code == 204
        status, answer = answer_of(connection)
    assert status == 404, answer
    left = tus.http.get("/api/counts/", params=chosen).json()
    assert left["receiving"] == (1 if method == "PATCH" else 0)
    assert sum(left.values()) == left["receiving"]


def join(server: Server, tus: Tus, chosen: dict[str, str], name: str) -> None:
    """Let somebody into a space, by an invitation."""
    made = tus.http.post("/api/invitations/", params=chosen, json={"role": "uploader"})
    path = made.raise_for_status().json()["path"]
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as browser:
        browser.get(server.manage("link", name).strip())
        browser.get(path)
        token = next(value for key, value in browser.cookies.items() if "csrf" in key)
        answer = browser.post(path, data={"csrfmiddlewaretoken": token})
        assert answer.url.params["space"] == chosen["space"]
