"""What the API does not take, it refuses in the one shape and says which field."""

import uuid

import httpx
import pytest

from tests.reading.conftest import People
from tests.support.server import Server

NOBODY = str(uuid.UUID(int=0))


@pytest.mark.parametrize(
    "path",
    [
        "/api/files/",
        "/api/files",
        "/api/counts/",
        "/api/docs",
        "/api/openapi.json",
        f"/api/files/{NOBODY}/content/",
    ],
)
def test_programs_without_a_token_hear_401_and_browsers_see_the_sign_in_page(
    people: People, path: str
) -> None:
    answer = people.nobody.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    browser = people.nobody.get(path, headers={"Accept": "text/html,*/*"})
    assert browser.status_code == 302
    assert browser.headers["location"].startswith("/sign-in/?next=/api/")


@pytest.mark.parametrize(
    "token", ["Bearer", "Bearer x", "Basic YTpi", "mr_" + "a" * 43, "Bearer mr_" + "é" * 43]
)
def test_a_token_that_is_not_one_is_refused(server: Server, token: str) -> None:
    headers = httpx.Headers({b"Authorization": token.encode()})
    answer = httpx.get(f"{server.url}/api/files/", headers=headers, timeout=60)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("status=lost", "status"),
        ("status=failed,lost", "status"),
        ("kind=picture", "kind"),
        ("media_type=*", "media_type"),
        ("sort=path", "sort"),
        ("sort=-name,size", "sort"),
        ("sha256=abc", "sha256"),
        ("parent=1", "parent"),
        ("since=yesterday", "since"),
        ("min_size=-1", "min_size"),
        ("max_size=99999999999999999999", "max_size"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("batch=%00", "batch"),
        ("q=%00", "q"),
        ("batch=" + "b" * 101, "batch"),
        ("q=" + "b" * 201, "q"),
    ],
)
def test_a_wrong_field_of_the_list_is_named(people: People, query: str, field: str) -> None:
    answer = people.alice.get(f"/api/files/?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
    assert answer.json()["error"]["message"].startswith(field)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/files/", {"GET", "HEAD"}),
        ("POST", "/api/files/", {"GET", "HEAD"}),
        ("PATCH", f"/api/files/{NOBODY}/", {"GET", "HEAD", "DELETE"}),
        ("GET", f"/api/files/{NOBODY}/retry/", {"POST"}),
        ("GET", "/api/files/retry/", {"POST"}),
        ("DELETE", "/api/counts/", {"GET", "HEAD"}),
        ("POST", "/api/openapi.json", {"GET", "HEAD"}),
        ("DELETE", "/healthz/", {"GET", "HEAD"}),
        ("GET", "/api/tickets/", {"POST"}),
    ],
)
def test_a_method_that_a_door_does_not_take_is_405_and_says_which_it_takes(
    people: People, method: str, path: str, allowed: set[str]
) -> None:
    answer = people.alice.request(method, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path", ["/api/", "/api", "/api/nothing", "/api/files/x/", "/api/files/1/2/3/4/", "/api/%00/"]
)
def test_addresses_below_api_that_are_none_are_404(people: People, path: str) -> None:
    answer = people.alice.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"status": "failed"', b"null"]
)
def test_a_body_that_is_no_json_is_refused(people: People, body: bytes) -> None:
    answer = people.alice.post(
        "/api/files/retry/", content=body, headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


def test_a_body_that_is_too_large_is_refused(people: People) -> None:
    answer = people.alice.post("/api/files/retry/", content=b" " * 2_000_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["files", "counts", "spaces", "events", "openapi.json", "docs"])
def test_head_is_get_without_the_body_and_doors_need_no_last_slash(
    people: People, path: str
) -> None:
    head, get = people.alice.head(f"/api/{path}"), people.alice.get(f"/api/{path}/")
    assert (head.status_code, get.status_code) == (200, 200)
    assert head.content == b""
    assert head.headers["content-length"] == str(len(get.content))
    assert head.headers["content-type"] == get.headers["content-type"]


def test_lists_are_kept_by_no_cache(people: People) -> None:
    for path in ("files/", "counts/", "events/", "spaces/"):
        assert people.alice.get(f"/api/{path}").headers["cache-control"] == "no-store"


def test_a_cookie_alone_changes_nothing(server: Server, people: People) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        link = server.manage("shell", "-v0", "-c", _LINK.format(people.names["alice"])).strip()
        assert browser.get(link).status_code in {200, 302}
        assert browser.get("/api/files/").status_code == 200
        plain = browser.post("/api/files/retry/", json={"status": "failed"})
        assert (plain.status_code, plain.json()["error"]["code"]) == (403, "bad_csrf")
        elsewhere = browser.post(
            "/api/files/retry/", json={"status": "failed"}, headers={"Origin": "https://evil.test"}
        )
        assert elsewhere.json()["error"]["code"] == "bad_origin"


_LINK = (
    "from uploads import people; from uploads.models import User; "
    "print(people.make_sign_in_link(User.objects.get(username='{}')))"
)


@pytest.mark.parametrize("path", ["/nowhere", f"/files/{NOBODY}/", "/files/?space=elsewhere"])
def test_a_page_that_is_not_there_is_told_to_programs_as_everything_else(
    people: People, path: str
) -> None:
    answer = people.alice.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    page = people.alice.get(path, headers={"Accept": "text/html"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def test_a_form_of_a_page_without_its_token_is_refused_in_the_same_shape(people: People) -> None:
    answer = people.nobody.post("/sign-in/", data={"username": "a", "password": "b"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "bad_csrf")
