"""Signing in, as somebody tries it who is not wanted."""

import uuid
from collections.abc import Callable

import httpx
import pytest
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.test import Client

from tests.reading.conftest import People
from tests.support.server import Server
from uploads import membership, people
from uploads.models import User
from uploads.reading import joining

PASSWORD = "gears-turn-slowly-17"
MAKE = """
from uploads import people
for name, staff in (({name!r}, False), ({staff!r}, True)):
    user = people.person(name)
    user.set_password({password!r})
    user.is_staff = user.is_superuser = staff
    user.save()
"""
Make = Callable[[Server], tuple[str, str]]


@pytest.fixture
def make() -> Make:
    """An ordinary user and one of the staff, who sign in by a password."""

    def made(server: Server) -> tuple[str, str]:
        tail = uuid.uuid4().hex[:8]
        name, staff = f"miller-{tail}", f"staff-{tail}"
        server.manage("shell", "-c", MAKE.format(name=name, staff=staff, password=PASSWORD))
        return name, staff

    return made


def sign_in(client: httpx.Client, name: str, password: str, path: str = "/sign-in/") -> int:
    """The status of the answer to the page's form."""
    page = client.get(path)
    token = next(value for key, value in client.cookies.items() if "csrf" in key)
    fields = {"csrfmiddlewaretoken": token, "username": name, "password": password}
    return client.post(page.url, data=fields).status_code


def test_whoever_knows_one_password_guesses_others_no_longer_for_it(
    fresh_server: Server, make: Make
) -> None:
    name, _ = make(fresh_server)
    answers = []
    for number in range(13):
        guess = (f"other-{number}", "wrong") if number % 4 else (name, PASSWORD)
        with httpx.Client(base_url=fresh_server.url, timeout=60) as client:
            answers.append(sign_in(client, *guess))
    with httpx.Client(base_url=fresh_server.url, timeout=60) as client:
        assert sign_in(client, "other-13", "wrong") == 200, "the tenth wrong one"
        assert sign_in(client, "other-14", "wrong") == 429
    assert answers == [302 if number % 4 == 0 else 200 for number in range(13)]


def test_the_administration_is_entered_where_tries_are_counted(server: Server, make: Make) -> None:
    name, staff = make(server)
    asked = {"Accept": "text/html"}
    with httpx.Client(
        base_url=server.url, headers=asked, follow_redirects=True, timeout=60
    ) as client:
        page = client.get("/admin/uploads/token/")
        assert page.url.path == "/sign-in/"
        posted = {"username": staff, "password": PASSWORD, "this_is_the_login_form": "1"}
        token = next(value for key, value in client.cookies.items() if "csrf" in key)
        client.post("/admin/login/", data={"csrfmiddlewaretoken": token} | posted)
        assert client.get("/admin/").url.path == "/sign-in/", "that door lets nobody in"
        fields = {"csrfmiddlewaretoken": token, "username": staff, "password": PASSWORD}
        entered = client.post(page.url, data=fields | {"next": page.url.params["next"]})
        assert (entered.status_code, entered.url.path) == (200, "/admin/uploads/token/")
    with httpx.Client(
        base_url=server.url, headers=asked, follow_redirects=True, timeout=60
    ) as client:
        assert sign_in(client, name, PASSWORD) == 200
        refused = client.get("/admin/")
        assert refused.status_code == 403
        assert "those who administer this server" in refused.text, "no role in a space is at fault"


@pytest.mark.parametrize("form", [{"new": PASSWORD}, {"action": "end-others"}])
def test_a_token_changes_neither_password_nor_sessions(
    server: Server, people: People, form: dict[str, str]
) -> None:
    wanted = {"name": "narrow", "scopes": ["read"]}
    secret = people.charlie.post("/api/tokens/", json=wanted).json()["secret"]
    with server.client(secret) as client:
        assert client.get("/settings/").status_code == 200
        token = next(value for key, value in client.cookies.items() if "csrf" in key)
        answer = client.post("/settings/", data={"csrfmiddlewaretoken": token} | form)
    assert answer.status_code == 403
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert sign_in(client, people.names["charlie"], PASSWORD) != 302


def test_a_token_accepts_no_invitation(server: Server, people: People) -> None:
    path = people.alice.post(
        "/api/invitations/", params={"space": people.team}, json={"role": "viewer"}
    ).json()["path"]
    wanted = {"name": "narrow", "scopes": ["read"]}
    secret = people.charlie.post("/api/tokens/", json=wanted).json()["secret"]
    with server.client(secret) as client:
        client.get(path)
        token = next(value for key, value in client.cookies.items() if "csrf" in key)
        assert client.post(path, data={"csrfmiddlewaretoken": token}).status_code == 403
    assert people.charlie.get("/api/members/", params={"space": people.team}).status_code == 404


@pytest.mark.parametrize("number", ["9" * 5000, "٣", "-1", ""])
def test_a_session_that_there_can_not_be_is_ended_in_peace(
    server: Server, people: People, number: str
) -> None:
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=60) as client:
        client.get(server.manage("link", people.names["charlie"]).strip())
        token = next(value for key, value in client.cookies.items() if "csrf" in key)
        fields = {"csrfmiddlewaretoken": token, "action": "end-session", "session": number}
        assert client.post("/settings/", data=fields).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_name_that_was_taken_a_moment_ago_stays_with_who_took_it() -> None:
    host = people.person(f"host-{uuid.uuid4().hex[:8]}")
    space = people.private_space(host)
    _, secret = membership.invite(space.pk, host.pk, "uploader", days=1)
    name = f"twin-{uuid.uuid4().hex[:8]}"
    first = User.objects.create_user(name, password=PASSWORD)
    for claimed in (name, name.upper()):
        with pytest.raises(ValidationError):
            joining._join(secret, claimed, make_password("another-word-3141"))
    first.refresh_from_db()
    assert first.check_password(PASSWORD)
    assert Client().login(username=name, password=PASSWORD)
    assert membership.invitation(secret) is not None, "and the invitation is not used up"
