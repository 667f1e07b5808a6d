"""In a narrow window, in a language of long words: nothing is cut off that somebody must read."""

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import Visit, Visitor, until
from tests.pages.test_file import ARCHIVE

pytestmark = pytest.mark.browser
JSON = {"Accept": "application/json"}
MAIL = b"From: Ada <ada@example.com>\nTo: Bob <bob@example.com>\nSubject: The weir\n\nIt leaks.\n"
ENDED = """(count) => ["processed", "failed"].reduce((sum, status) =>
    sum + Number(document.querySelector(`[data-count=${status}]`).textContent), 0) >= count"""
CUT = "(element) => element.scrollWidth > element.clientWidth"
TOPS = "(all) => [...new Set(all.map((each) => Math.round(each.getBoundingClientRect().top)))]"


async def after(visitor: Visitor, files: dict[str, bytes], batch: str = "drop") -> Page:
    """The dashboard once these have ended."""
    page = await visitor.live("/")
    for name, content in files.items():
        answer = visitor.client.put(
            f"/upload/{name}", content=content, params={"batch": batch}, headers=JSON
        )
        assert answer.status_code == 201, answer.text
    await until(page, ENDED, len(files))
    return page


async def open_file(page: Page) -> None:
    """Its page, with its styles, which a place or width that is asked for does not wait for."""
    async with page.expect_navigation():
        await page.locator(".row-name").click()


async def test_a_drop_that_failed_in_part_still_says_what_it_is(visit: Visit):
    visitor = await visit(width=390, locale="de-DE")
    broken = {f"broken {number}.png": b"\x89PNG\r\n\x1a\n" + bytes([number]) for number in range(2)}
    page = await after(visitor, broken)
    retry = page.get_by_role("button", name="Gescheiterte noch einmal")
    await expect(retry).to_be_visible()
    assert not await page.locator(".batch-title").evaluate(CUT)
    assert not await page.locator(".batch-about").evaluate(CUT)


async def test_what_can_be_done_with_a_file_stands_in_one_row(visit: Visit):
    visitor = await visit(width=390, locale="de-DE")
    page = await after(visitor, {"note.txt": b"hello"})
    await open_file(page)
    buttons = page.locator(".file-actions .button:visible")
    await expect(buttons).to_have_count(3)
    assert len(await buttons.evaluate_all(TOPS)) == 1


async def test_an_archives_four_buttons_leave_none_alone(visit: Visit):
    visitor = await visit(width=390, locale="de-DE")
    page = await after(visitor, {"mill.zip": ARCHIVE.getvalue()})
    await open_file(page)
    buttons = page.locator(".file-actions .button:visible")
    await expect(buttons).to_have_count(4)
    tops = "(all) => all.map((each) => Math.round(each.getBoundingClientRect().top))"
    first, *others = await buttons.evaluate_all(tops)
    assert first not in others
    assert len(set(others)) == 1


async def test_what_is_filtered_by_is_all_within_the_window(visit: Visit):
    page = await (await visit(width=390)).live("/files/")
    await page.locator(".filters summary").click()
    box = await page.locator(".filters-body").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    await page.get_by_label("Up to size (MB)").fill("5")


async def test_a_thumb_goes_from_file_to_file_and_back_to_the_list(visit: Visit):
    visitor = await visit(width=390)
    await after(visitor, {"one.txt": b"one", "two.txt": b"two"})
    page = await visitor.live("/files/?sort=name")
    await page.get_by_role("link", name="one.txt", exact=True).click()
    forward = page.get_by_role("link", name="Next file")
    box = await forward.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) >= 40
    await forward.click()
    await expect(page.get_by_role("heading", name="two.txt", level=1)).to_be_visible()
    await page.get_by_role("navigation", name="Where you are").get_by_role("link").first.click()
    await page.wait_for_url("**/files/?sort=name")


async def test_a_mail_is_from_somebody_to_somebody(visit: Visit):
    visitor = await visit(width=390, locale="de-DE")
    page = await after(visitor, {"weir.eml": MAIL})
    await open_file(page)
    names = page.locator(".view-mail dt")
    await expect(names).to_have_text(["Von", "An"])


async def test_the_strip_of_what_is_sent_is_as_tall_whatever_it_says(visit: Visit):
    visitor = await visit(width=390, locale="de-DE")
    page = await visitor.live("/")
    strip = page.locator("#sending-title")
    heights = """(title) => {
        title.closest("#sending").hidden = false;
        const tall = (words) => {
            title.textContent = words;
            return title.offsetHeight;
        };
        return [tall("Kurz"), tall("1.000 Dateien sind da. Dieses Fenster darf jetzt zu.")];
    }"""
    short, long = await strip.evaluate(heights)
    assert short == long
    whole = """(title, state) => {
        const strip = title.closest("#sending");
        strip.dataset.state = state;
        strip.querySelector("[data-command=cancel-sending]").hidden = state === "safe";
        strip.querySelector("[data-command=dismiss-sending]").hidden = state !== "safe";
        return strip.offsetHeight;
    }"""
    assert await strip.evaluate(whole, "sending") == await strip.evaluate(whole, "safe")


async def test_a_space_of_a_long_name_leaves_the_settings_in_their_card(visit: Visit):
    visitor = await visit(width=390)
    made = visitor.client.post(
        "/api/spaces/", json={"name": "The quarterly harvest of all of the old mills"}
    )
    assert made.status_code == 201, made.text
    page = await visitor.open("/settings/")
    await expect(page.locator("#token-form [name=space] option")).to_have_count(3)
    inside = """(form) => form.getBoundingClientRect().right
        <= form.closest(".card").getBoundingClientRect().right"""
    assert await page.locator("#token-form").evaluate(inside)


async def test_what_only_colours_tell_is_seen_where_the_system_chooses_them(visit: Visit):
    visitor = await visit(forced_colors="active")
    page = await visitor.live("/")
    colour = "(element) => getComputedStyle(element).backgroundColor"
    card = await page.locator("#counts").locator("..").evaluate(colour)
    assert await page.locator(".dot").first.evaluate(colour) != card
    bar = "(element) => getComputedStyle(element.querySelector('i')).backgroundColor"
    assert await page.locator("#storage-bar").evaluate(bar) != card
    here = page.get_by_role("link", name="Dashboard")
    assert await here.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
