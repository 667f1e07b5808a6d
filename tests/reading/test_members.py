"""Members, roles and invitations: who may change what, and that it holds at once."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.reading.conftest import People
from tests.support.server import Server
from uploads.reading import tries


@pytest.fixture
def space(people: People) -> Iterator[str]:
    """A space of Alice's, which Bob leaves at the end."""
    made = people.alice.post("/api/spaces/", json={"name": f"Mill {uuid.uuid4().hex[:6]}"})
    assert made.status_code == 201
    assert (made.json()["role"], made.json()["own"]) == ("manager", False)
    slug: str = made.json()["slug"]
    yield slug
    people.bob.delete(f"/api/members/{people.names['bob']}/", params={"space": slug})


def invite(people: People, space: str, role: str) -> str:
    made = people.alice.post("/api/invitations/", params={"space": space}, json={"role": role})
    assert made.status_code == 201
    path: str = made.json()["path"]
    return path


@contextmanager
def browser(server: Server, name: str) -> Iterator[httpx.Client]:
    """A browser in which that user is signed in."""
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=30) as client:
        client.get(server.manage("link", name).strip())
        yield client


def press(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Open a page and send its form."""
    client.get(path)
    token = next(value for name, value in client.cookies.items() if "csrf" in name)
    return client.post(path, data={"csrfmiddlewaretoken": token, **fields})


def join(server: Server, people: People, space: str, name: str, role: str) -> None:
    with browser(server, people.names[name]) as client:
        answer = press(client, invite(people, space, role))
        assert answer.status_code == 200
        assert answer.url.params["space"] == space


def roles(client: httpx.Client, space: str) -> dict[str, str]:
    answer = client.get("/api/members/", params={"space": space})
    assert answer.status_code == 200
    return {member["user"]: member["role"] for member in answer.json()["items"]}


def test_an_invitation_makes_one_person_a_member_once(
    server: Server, people: People, space: str
) -> None:
    assert people.bob.get("/api/members/", params={"space": space}).status_code == 404
    path = invite(people, space, "uploader")
    with browser(server, people.names["bob"]) as bob, browser(server, "late") as late:
        assert f"{people.names['alice']} invites you" in bob.get(path).text
        assert press(bob, path).url.params["space"] == space
        assert late.get(path).status_code == 410
        assert press(late, path).status_code == 410
    assert roles(people.bob, space) == {
        people.names["alice"]: "manager",
        people.names["bob"]: "uploader",
    }
    assert people.alice.get("/api/invitations/", params={"space": space}).json()["items"] == []


def test_a_newcomer_makes_an_account_by_the_invitation(
    server: Server, people: People, space: str
) -> None:
    path, name = invite(people, space, "viewer"), f"nora-{uuid.uuid4().hex[:6]}"
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=30) as nora:
        for fields, why in (
            ({"username": people.names["bob"], "password": "a good long word"}, "taken"),
            ({"username": name, "password": "short"}, "too short"),
            ({"username": "no spaces here", "password": "a good long word"}, "valid username"),
        ):
            assert why in press(nora, path, **fields).text
        answer = press(nora, path, username=name, password="a good long word")
        assert answer.url.params["space"] == space
        assert nora.get("/api/spaces/").json()["items"][0]["own"] is True
        assert nora.get("/api/members/", params={"space": space}).status_code == 200
        assert nora.get("/api/invitations/", params={"space": space}).status_code == 403


def test_a_withdrawn_invitation_leads_nowhere(server: Server, people: People, space: str) -> None:
    path = invite(people, space, "manager")
    where = {"space": space}
    (listed,) = people.alice.get("/api/invitations/", params=where).json()["items"]
    assert (listed["role"], listed["by"]) == ("manager", people.names["alice"])
    assert "path" not in listed
    door = f"/api/invitations/{listed['id']}/"
    assert people.bob.delete(door, params=where).status_code == 404
    assert people.alice.delete(door, params=where).status_code == 204
    assert people.alice.delete(door, params=where).status_code == 404
    with browser(server, people.names["bob"]) as bob:
        assert press(bob, path).status_code == 410


def test_a_removed_members_socket_is_closed_at_once_and_a_role_holds_at_once(
    server: Server, people: People, space: str
) -> None:
    join(server, people, space, "bob", "uploader")
    where, name = {"space": space}, people.names["bob"]
    headers = {"Authorization": people.bob.headers["Authorization"]}
    address = f"{server.ws_url}/ws/events/?space={space}"
    with connect(address, additional_headers=headers, open_timeout=60) as line:
        line.send('{"type": "hello", "after": null}')
        while "ready" not in str(line.recv(timeout=60)):
            pass
        answer = people.alice.post(f"/api/members/{name}/", params=where, json={"role": "viewer"})
        assert answer.json()["role"] == "viewer"
        with pytest.raises(ConnectionClosed) as closed:
            line.recv(timeout=60)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4403
    put = people.bob.put("/upload/a.txt", params=where, content=b"a")
    assert put.status_code == 403
    assert people.bob.get("/api/files/", params=where).status_code == 200
    assert people.alice.delete(f"/api/members/{name}/", params=where).status_code == 204
    assert people.bob.get("/api/files/", params=where).status_code == 404


def test_one_leaves_but_a_space_keeps_a_manager(server: Server, people: People, space: str) -> None:
    join(server, people, space, "bob", "viewer")
    where, alice, bob = {"space": space}, people.names["alice"], people.names["bob"]
    assert people.bob.delete(f"/api/members/{alice}/", params=where).status_code == 403
    for refused in (
        people.alice.delete(f"/api/members/{alice}/", params=where),
        people.alice.post(f"/api/members/{alice}/", params=where, json={"role": "viewer"}),
        people.alice.delete(f"/api/members/{alice}/"),  # of her own space
    ):
        assert refused.status_code == 409
    assert people.bob.delete(f"/api/members/{bob}/", params=where).status_code == 204
    assert people.alice.delete(f"/api/members/{bob}/", params=where).status_code == 404
    assert list(roles(people.alice, space)) == [alice]


def test_an_invitation_never_takes_a_higher_role_away(
    server: Server, people: People, space: str
) -> None:
    join(server, people, space, "bob", "manager")
    join(server, people, space, "bob", "viewer")
    assert roles(people.bob, space)[people.names["bob"]] == "manager"


def test_tokens_that_may_not_manage_change_nobody(
    server: Server, people: People, space: str
) -> None:
    narrow = {"name": "n", "space": space, "scopes": ["read", "upload"]}
    secret = people.alice.post("/api/tokens/", json=narrow).json()["secret"]
    with server.client(secret) as client:
        assert client.get("/api/members/").status_code == 200
        assert client.post("/api/invitations/", json={}).status_code == 403
        assert client.post("/api/spaces/", json={"name": "more"}).status_code == 403
    narrow["scopes"] = ["read", "upload", "manage"]
    secret = people.alice.post("/api/tokens/", json=narrow).json()["secret"]
    with server.client(secret) as client:
        assert client.post("/api/spaces/", json={"name": "more"}).status_code == 403
        assert client.get("/api/invitations/").status_code == 200


def test_a_client_that_makes_up_addresses_is_slowed_down_all_the_same(
    fresh_server: Server,
) -> None:
    answers = []
    for number in range(12):
        headers = {"X-Forwarded-For": f"203.0.113.{number}"}
        with httpx.Client(base_url=fresh_server.url, headers=headers, timeout=60) as client:
            name = f"u{uuid.uuid4().hex}"
            answers.append(press(client, "/sign-in/", username=name, password="x").status_code)
    assert (answers[0], answers[-1]) == (200, 429)


def test_a_network_counts_as_one_address() -> None:
    assert tries.network("203.0.113.7") == "203.0.113.7"
    assert tries.network("::ffff:203.0.113.7") == "203.0.113.7"
    assert tries.network("2001:db8::1") == tries.network("2001:db8::ffff")
    assert tries.network("2001:db8::1") != tries.network("2001:db8:0:1::1")
    assert tries.network("fe80::1%eth0") == "fe80::"
    assert tries.network("") == "nowhere"
