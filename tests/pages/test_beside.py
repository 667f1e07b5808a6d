"""From one file to the next, as the list has them that it was opened from, and back to that."""

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import Visit, until
from tests.pages.test_file import Owner

pytestmark = pytest.mark.browser


async def opened(visit: Visit) -> tuple[Owner, Page]:
    """The second of three texts, opened from a list that leaves a table out."""
    ada = Owner(await visit())
    for name in ("a.txt", "b.txt", "c.txt"):
        ada.ended(name, b"hello\n")
    ada.ended("bb.csv", b"a,b\n1,2\n")
    page = await ada.visitor.live("/files/?kind=text&sort=name")
    await page.get_by_role("link", name="b.txt", exact=True).click()
    await on(page, "b.txt")
    return ada, page


async def on(page: Page, name: str) -> None:
    """The file's page is there and its keys are known."""
    await expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    await page.locator("#live[data-state=live]").wait_for()


async def test_arrows_and_letters_lead_through_the_list_and_escape_back_to_it(visit: Visit):
    _, page = await opened(visit)
    await page.keyboard.press("ArrowRight")
    await on(page, "c.txt")
    forward = page.get_by_role("link", name="Next file")
    await expect(forward).to_have_attribute("aria-disabled", "true")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await on(page, "b.txt")
    await page.get_by_role("link", name="Previous file").click()
    await on(page, "a.txt")
    await page.keyboard.press("Escape")
    await expect(page.locator(".line-name")).to_have_text(["a.txt", "b.txt", "c.txt"])
    assert page.url.endswith("/files/?kind=text&sort=name")


async def test_an_arrow_within_a_preview_and_escape_in_a_menu_stay_where_they_are(visit: Visit):
    _, page = await opened(visit)
    await page.locator(".view-text").focus()
    await page.keyboard.press("ArrowRight")
    menu = page.locator("details.menu")
    await menu.locator("summary").click()
    await page.keyboard.press("Escape")
    await expect(menu).not_to_have_attribute("open", "")
    await expect(menu.locator("summary")).to_be_focused()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Next file")
    await on(page, "b.txt")


async def test_the_link_of_a_file_can_be_copied_without_a_clipboard_too(visit: Visit):
    _, page = await opened(visit)
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    await page.evaluate("document.addEventListener('copy', () => globalThis.copied = "
                        "document.activeElement.value)")  # fmt: skip
    await page.keyboard.press("l")
    await until(page, "() => globalThis.copied === location.origin + location.pathname")
    await expect(page.get_by_text("Copied")).to_be_visible()
