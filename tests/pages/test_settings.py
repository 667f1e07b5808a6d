"""The settings page: tokens that work, a password that signs in, what is said of isolation."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit
from tests.pages.test_accessible import check
from tests.support.server import Server

pytestmark = pytest.mark.browser
PASSWORD = "the river never sleeps"


async def test_a_token_is_made_works_and_is_removed(server: Server, visit: Visit):
    visitor = await visit()
    page = await visitor.open("/settings/")
    await page.get_by_label("Name", exact=True).fill("night run")
    await page.get_by_role("button", name="Make a token").click()
    secret = await page.locator("#secret code").inner_text()
    with server.client(secret) as client:
        assert client.get("/api/counts/").status_code == 200
        await expect(page.locator(".token-name", has_text="night run")).to_be_visible()
        await page.get_by_role("button", name="Remove night run").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        await expect(page.locator(".token-name", has_text="night run")).to_have_count(0)
        assert client.get("/api/counts/").status_code == 401


async def test_a_password_is_set_and_signs_in(visit: Visit):
    visitor = await visit()
    page = await visitor.open("/settings/")
    name = await page.locator("input[name=username]").input_value()
    await page.get_by_label("New password").fill("1234567890")
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("too common")
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("The password is set")
    await expect(page.get_by_label("Present password")).to_be_visible()
    other = await (await visit(signed_in=False)).open("/sign-in/")
    await other.get_by_label("User name").fill(name)
    await other.get_by_label("Password").fill(PASSWORD)
    await other.keyboard.press("Enter")
    await expect(other.get_by_role("link", name="Files", exact=True)).to_be_visible()


async def test_the_page_tells_what_confines_processors_and_is_accessible(visit: Visit):
    page = await (await visit()).open("/settings/")
    await expect(page.locator(".walls li")).to_have_count(5)
    await check(page)
