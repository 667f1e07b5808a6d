"""A page on paper holds what was found, all of it, and nothing that only a screen can do."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit
from tests.pages.test_file import Owner

pytestmark = pytest.mark.browser


async def test_a_long_text_is_printed_to_its_end_and_without_buttons(visit: Visit):
    ada = Owner(await visit())
    lines = "".join(f"line {number}\n" for number in range(200))
    page = await ada.open(ada.ended("long.txt", lines.encode()))
    text = page.locator(".view-text")
    assert await text.evaluate("(one) => one.scrollHeight > one.clientHeight")
    await page.emulate_media(media="print", color_scheme="dark")
    assert await text.evaluate("(one) => one.scrollHeight <= one.clientHeight")
    for gone in (".topbar", ".skip", ".file-actions", ".view-tools .end"):
        await expect(page.locator(gone)).to_be_hidden()
    await expect(page.get_by_role("heading", name="long.txt")).to_be_visible()
    ink = "(one) => getComputedStyle(one).color"
    assert await page.locator("h1").evaluate(ink) == "rgb(20, 24, 30)"
