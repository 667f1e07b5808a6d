"""A page on paper holds what was found, all of it, and nothing that only a screen can do."""

import pypdfium2 as pdfium
import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit, until
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


async def test_a_long_list_begins_below_its_heading_and_is_printed_to_its_end(visit: Visit):
    ada = Owner(await visit())
    for number in range(40):
        ada.put(f"note-{number}.txt", b"hello\n")
    page = await ada.visitor.live("/files/")
    await expect(page.locator("#total")).to_have_text("40")
    await expect(page.locator(".line-name", has_text="note-39.txt")).to_be_visible()
    with pdfium.PdfDocument(await page.pdf(format="A4")) as paper:
        texts = [sheet.get_textpage().get_text_range() for sheet in paper]
    sheets = ["".join(text.split()) for text in texts]
    assert "note-39.txt" in sheets[0]
    printed = "".join(sheets)
    assert [number for number in range(40) if f"note-{number}.txt" not in printed] == []
    await until(page, "document.querySelectorAll('.line[data-id]').length < 40")
