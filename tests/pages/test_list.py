"""A list of the page, by itself: what it writes and moves when its items change, frame by frame."""

from typing import Any

import pytest
from playwright.async_api import Page

from tests.pages.conftest import Visit, until

pytestmark = pytest.mark.browser
ROWS = 10
MAKE = """async (count) => {
    const { VirtualRows } = await import("millrace/virtual");
    const { h } = await import("millrace/dom");
    const list = h("ul", { class: "rows" });
    const scroller = h("div", {}, list);
    Object.assign(scroller.style, { height: "400px", overflow: "auto" });
    document.body.prepend(scroller);
    globalThis.written = [];
    globalThis.frames = 0;
    const count_frames = () => { frames += 1; requestAnimationFrame(count_frames); };
    requestAnimationFrame(count_frames);
    globalThis.rows = new VirtualRows(list, {
        scroller,
        create: () => h("li", { class: "row" }, h("a", { href: "#" })),
        patch: (row, item) => { row.firstElementChild.textContent = item; written.push(frames); },
        keyOf: (item) => item,
        versionOf: () => 0,
        height: () => 40,
    });
    rows.set(Array.from({ length: count }, (_, at) => `file ${at}`));
    globalThis.moves = 0;
    new MutationObserver((all) => (moves += all.length)).observe(list, { childList: true });
}"""
SHOWN = """() => [...rows.list.children].map((row) => row.textContent)"""
STANDS = """(count) => {
    const wanted = rows.items.slice(0, count).join();
    return [...rows.list.children].slice(0, count).map((row) => row.textContent).join() === wanted;
}"""


async def a_list(visit: Visit, count: int = ROWS) -> Page:
    """A page with a list in it that has come to rest."""
    page = await (await visit()).live("/")
    await page.evaluate(MAKE, count)
    await until(page, STANDS, ROWS)
    await page.evaluate("written.length = moves = 0")
    return page


async def sort_anew(page: Page) -> None:
    """The last comes first."""
    await page.evaluate("rows.set([...rows.items].reverse())")
    await until(page, STANDS, ROWS)


async def test_what_is_sorted_anew_is_written_into_the_rows_that_are_there(visit: Visit):
    page = await a_list(visit)
    await sort_anew(page)
    assert await page.evaluate("moves") == 0


async def test_many_changes_are_written_a_few_in_each_frame(visit: Visit):
    page = await a_list(visit)
    await sort_anew(page)
    frames: list[int] = await page.evaluate("written")
    assert len(frames) == ROWS
    assert max(frames.count(frame) for frame in frames) <= 4


async def test_the_focus_stays_with_its_item_when_a_list_is_sorted_anew(visit: Visit):
    page = await a_list(visit)
    await page.evaluate("rows.focus(2)")
    await sort_anew(page)
    assert await page.evaluate("document.activeElement.textContent") == "file 2"
    assert await page.evaluate("rows.focused") == ROWS - 3


async def test_whoever_goes_to_a_row_by_keyboard_finds_its_item_there_at_once(visit: Visit):
    page = await a_list(visit)
    program = """() => {
        rows.set([...rows.items].reverse());
        rows.focus(9);
        return document.activeElement.textContent;
    }"""
    assert await page.evaluate(program) == "file 0"


async def test_scrolling_by_a_row_moves_that_row_alone(visit: Visit):
    page = await a_list(visit, count=1000)
    shown: list[Any] = await page.evaluate(SHOWN)
    scroll = """(top) => new Promise((done) => {
        rows.scroller.scrollTop = top;
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done)));
    })"""
    await page.evaluate(scroll, 20 * 40)
    await page.evaluate("written.length = moves = 0")
    await page.evaluate(scroll, 21 * 40)
    await until(page, "() => written.length > 0")
    assert len(shown) < 40
    assert len(await page.evaluate("written")) == 1
    assert await page.evaluate("moves") <= 2  # it goes and it comes
