"""Signing in: by a link that works once, by password; and where it leads."""

import httpx
import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit
from tests.support.server import Server

pytestmark = pytest.mark.browser
PASSWORD = "a wheel in the water"


def set_password(server: Server, name: str) -> None:
    server.manage(
        "shell",
        "-c",
        f"from uploads import people; user = people.person({name!r}); "
        f"user.set_password({PASSWORD!r}); user.save()",
    )


async def test_the_link_signs_in_once_and_only_once(server: Server, visit: Visit):
    link = server.manage("link", "once").strip()
    first, second = await visit(signed_in=False), await visit(signed_in=False)
    second.expected = ["410"]
    page = await first.open(link)
    await expect(page.get_by_role("link", name="Files", exact=True)).to_be_visible()
    page = await second.open(link)
    await expect(page.get_by_role("alert")).to_contain_text("used before")
    assert page.url == link


async def test_a_password_leads_where_one_wanted_to_go(server: Server, visit: Visit):
    set_password(server, "grace")
    visitor = await visit(signed_in=False)
    page = await visitor.open("/files/?kind=image")
    assert "/sign-in/" in page.url
    await page.get_by_label("User name").fill("grace")
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/files/?kind=image")


async def test_somebody_else_may_sign_in_where_one_is_signed_in(server: Server, visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    other = await visitor.context.new_page()
    async with page.expect_websocket():  # the line that it had is cut
        await other.goto(server.manage("link", "ivan").strip())
    await other.get_by_label("Account").click()
    await expect(other.locator("details.menu[open]")).to_contain_text("Signed in asivan")
    await other.goto(server.manage("link", "ivan").strip())  # once more, as the same
    await expect(other.locator("#live[data-state=live]")).to_be_visible()


async def test_signing_out_ends_the_session(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    await page.get_by_label("Account").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/sign-in/**")  # with the way back, where the line was cut first
    await page.goto("/")
    assert "/sign-in/" in page.url


def test_no_link_to_another_site_is_followed(server: Server):
    with httpx.Client(base_url=server.url) as client:
        page = client.get("/sign-in/", params={"next": "https://elsewhere.example/"})
        assert 'name="next" value="/"' in page.text


def test_guessing_passwords_is_slowed_down(fresh_server: Server):
    with httpx.Client(base_url=fresh_server.url) as client:
        client.get("/sign-in/")
        token = next(value for name, value in client.cookies.items() if "csrf" in name)
        form = {"username": "guessed", "password": "wrong", "csrfmiddlewaretoken": token}
        answers = [client.post("/sign-in/", data=form).status_code for _ in range(12)]
    assert answers[0] == 200
    assert answers[-1] == 429


def test_pages_run_no_script_but_their_own(server: Server):
    with httpx.Client(base_url=server.url, follow_redirects=True) as client:
        page = client.get(server.manage("link", "policy").strip())
        policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "'sha256-" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert " style=" not in page.text
    assert " onclick=" not in page.text
