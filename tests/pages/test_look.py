"""Space looks at a file of the list without leaving it."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit, until
from tests.pages.test_accessible import check
from tests.pages.test_file import Owner

pytestmark = pytest.mark.browser


async def test_space_shows_a_files_preview_arrows_the_next_and_escape_leads_back(visit: Visit):
    ada = Owner(await visit())
    ada.ended("a.txt", b"the first of them\n")
    ada.ended("b.csv", b"mill,sacks\nUpper,4\nLower,7\n")
    page = await ada.visitor.live("/files/?sort=name")
    await expect(page.locator(".line-name")).to_have_text(["a.txt", "b.csv"])
    await page.keyboard.press("j")
    await page.keyboard.press("Space")
    box = page.get_by_role("dialog", name="Quick look")
    await expect(box.locator(".view-text")).to_contain_text("the first of them")
    await check(page)
    await page.keyboard.press("ArrowRight")
    await expect(box.get_by_role("heading", name="b.csv")).to_be_visible()
    await expect(box.get_by_role("table")).to_contain_text("Upper")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    await until(page, "() => document.activeElement.textContent === 'b.csv'")
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog")
    await expect(keys).to_contain_text("Quick look")
    await expect(keys).not_to_contain_text("Larger")
