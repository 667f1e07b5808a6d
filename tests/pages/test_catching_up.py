"""A page that was cut off says so, comes back by itself, and then shows what is true."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.pages.conftest import Visitor, send, text_file
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser, fresh_server: Server) -> AsyncIterator[Visitor]:
    """Somebody at a server of their own."""
    context = await browser.new_context(base_url=fresh_server.url)
    context.set_default_timeout(60_000)
    await context.request.get(fresh_server.manage("link", "ada").strip())
    somebody = Visitor(fresh_server, context, fresh_server.token("ada"))
    yield somebody
    await context.close()
    somebody.client.close()


def put(visitor: Visitor, *names: str) -> None:
    for name in names:
        headers = {"Accept": "application/json"}
        sent = visitor.client.put(f"/upload/{name}", content=name.encode(), headers=headers)
        assert sent.status_code == 201


async def shows_what_is_there(page: Page, visitor: Visitor) -> None:
    """Counts and rows of the page are those of the server, once everything has ended."""
    for item in visitor.client.get("/api/files/").json()["items"]:
        visitor.server.wait_for(visitor.client, item["id"])
    counts = visitor.client.get("/api/counts/").json()
    for status, number in counts.items():
        await expect(page.locator(f"[data-count={status}]")).to_have_text(str(number))
    for item in visitor.client.get("/api/files/").json()["items"]:
        row = page.locator(f'.row:has(a[href*="{item["id"]}"])')
        await expect(row.locator(".mark-word")).to_have_text(item["status"].capitalize())


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_a_restart_of_the_server_is_told_and_made_up_for(visitor: Visitor, how: str):
    # what the page has not fetched yet is fetched again
    visitor.expected = ["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "WebSocket connection"]
    page = await visitor.live()
    await page.evaluate("globalThis.neverReloaded = true")
    await send(page, text_file("before.txt"))
    await expect(page.locator("[data-count=processed]")).to_have_text("1")
    (visitor.server.stop if how == "stopped" else visitor.server.kill9)()
    light = page.locator("#live")
    await expect(light).to_have_attribute("data-state", "offline")
    await expect(light).to_have_text(re.compile("trying again"))
    await send(page, text_file("meanwhile.txt"))
    await expect(page.locator(".row", has_text="meanwhile.txt")).to_contain_text(
        "goes on by itself"
    )
    visitor.server.start()
    put(visitor, "from-elsewhere.txt")
    await expect(light).to_have_attribute("data-state", "live")
    await expect(page.locator("[data-count=processed]")).to_have_text("3")
    await shows_what_is_there(page, visitor)
    assert await page.evaluate("globalThis.neverReloaded")
    assert visitor.unexpected() == []


async def test_what_happened_while_the_network_was_away_is_made_up_for(visitor: Visitor):
    visitor.expected = ["ERR_INTERNET_DISCONNECTED", "WebSocket connection"]
    put(visitor, "kept.txt", "deleted.txt")
    page = await visitor.live()
    await expect(page.locator(".row", has_text="deleted.txt")).to_have_count(1)
    await visitor.context.set_offline(True)
    await expect(page.locator("#live")).to_have_attribute("data-state", "offline")
    items = visitor.client.get("/api/files/").json()["items"]
    gone = next(item["id"] for item in items if item["name"] == "deleted.txt")
    visitor.server.wait_for(visitor.client, gone)
    assert visitor.client.delete(f"/api/files/{gone}/").status_code in {200, 204}
    put(visitor, "new.txt")
    await visitor.context.set_offline(False)
    await expect(page.locator("#live")).to_have_attribute("data-state", "live")
    await expect(page.locator(".row", has_text="new.txt")).to_contain_text("Processed")
    await expect(page.locator(".row", has_text="deleted.txt")).to_have_count(0)
    await shows_what_is_there(page, visitor)
    assert visitor.unexpected() == []
