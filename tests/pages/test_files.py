"""The page of all files: the view in the address, live rows, choosing many."""

import asyncio
import re
import zipfile

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import SAMPLES, Visit, Visitor, send, text_file, until
from tests.support.server import Server

pytestmark = pytest.mark.browser


async def with_files(server: Server, visit: Visit, *files: str) -> Visitor:
    """A visitor whose space holds these files, processed; samples by their names."""
    visitor = await visit()
    client = visitor.client
    for file in files:
        sample = SAMPLES / file
        content = sample.read_bytes() if sample.exists() else f"This is {file}.\n".encode()
        answer = client.put(
            f"/upload/{file}", content=content, headers={"Accept": "application/json"}
        )
        assert answer.status_code == 201, answer.text
        server.wait_for(client, answer.json()["files"][0]["id"])
    return visitor


def names(page: Page):
    return page.locator(".lines .line-name")


async def test_filters_and_order_are_in_the_address_and_survive_it(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "b.txt", "a.txt", "rivers.csv")
    page = await visitor.live("/files/")
    await expect(names(page)).to_have_text(["rivers.csv", "a.txt", "b.txt"])
    await page.get_by_label("Order").select_option(label="Name, A to Z")
    await expect(names(page)).to_have_text(["a.txt", "b.txt", "rivers.csv"])
    await page.get_by_label("Kind").select_option(label="Text")
    await expect(names(page)).to_have_text(["a.txt", "b.txt"])
    assert re.search(r"kind=text&sort=name", page.url)
    await page.reload()
    await expect(names(page)).to_have_text(["a.txt", "b.txt"])
    await page.go_back()
    await expect(names(page)).to_have_text(["a.txt", "b.txt", "rivers.csv"])


async def test_search_finds_names_and_text_as_one_types(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "letter.txt", "rivers.csv")
    page = await visitor.live("/files/")
    await page.keyboard.press("/")
    await page.keyboard.type("heron")
    await expect(names(page)).to_have_text(["letter.txt"])
    await page.get_by_label("Search names and text").fill("nothing like it")
    await expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()


async def test_new_files_and_endings_appear_in_place(visit: Visit):
    visitor = await visit()
    page = await visitor.live("/files/")
    await expect(page.get_by_role("heading", name="No files yet")).to_be_visible()
    dashboard = await visitor.live("/")
    await send(dashboard, text_file("first.txt"), text_file("second.txt"))
    await expect(names(page)).to_have_count(2)
    await expect(page.locator(".line .mark-word", has_text="Processed")).to_have_count(2)
    await expect(page.locator("#total")).to_have_text("2")


async def test_many_are_chosen_and_deleted(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "a.txt", "b.txt", "c.txt")
    page = await visitor.live("/files/")
    await expect(names(page)).to_have_count(3)
    await page.get_by_label("Select c.txt").check()
    await page.get_by_label("Select b.txt").click(modifiers=["Shift"])
    await expect(page.get_by_text("2 selected")).to_be_visible()
    await (
        page.get_by_role("region", name="Selected files")
        .get_by_role("button", name="Delete")
        .click()
    )
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(names(page)).to_have_text(["a.txt"])
    every = page.get_by_label("Select all")
    await every.check()
    visitor.client.put("/upload/d.txt", content=b"d")
    await expect(names(page)).to_have_count(2)
    await expect(every).not_to_be_checked()  # one that has come since isn't among them


@pytest.mark.parametrize("view", ["table", "gallery"])
async def test_on_a_phone_files_are_chosen_by_a_thumb(server: Server, visit: Visit, view: str):
    visitor = await visit(width=390, has_touch=True, is_mobile=True)
    for name in ("a.txt", "b.txt"):
        visitor.client.put(f"/upload/{name}", content=name.encode())
    page = await visitor.live(f"/files/?view={view}")
    check = page.get_by_label("Select b.txt")
    await expect(check).to_be_visible()
    assert await check.evaluate("(box) => getComputedStyle(box.parentElement).opacity") == "1"
    box = await check.bounding_box()
    assert box
    await page.touchscreen.tap(box["x"] - 6, box["y"] + box["height"] + 6)  # a thumb is not exact
    await expect(page.get_by_text("1 selected")).to_be_visible()
    tools = page.get_by_role("region", name="Selected files")
    await tools.get_by_role("button", name="Delete").tap()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").tap()
    await expect(names(page)).to_have_text(["a.txt"])
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_everything_can_be_done_by_keyboard(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "a.txt", "b.txt")
    page = await visitor.live("/files/")
    await expect(names(page)).to_have_count(2)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(page.get_by_text("1 selected")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("1 selected")).to_be_hidden()
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="b.txt")).to_be_visible()


async def test_the_gallery_shows_the_same_files(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "waterwheel.jpg", "letter.txt")
    page = await visitor.live("/files/")
    await page.get_by_role("button", name="Gallery").click()
    await expect(names(page)).to_have_count(2)
    await expect(page.locator(".line", has_text="waterwheel.jpg").locator("img")).to_be_visible()
    assert "view=gallery" in page.url


HOLDS = """(rows) => {
    const [line] = document.querySelectorAll(".lines .line");
    return line && document.getElementById("lines").offsetHeight >= rows * line.offsetHeight;
}"""


async def with_many(visit: Visit) -> Visitor:
    """A visitor whose space holds 260 files, 000.txt to 259.txt."""
    visitor = await visit()
    for start in range(0, 260, 52):
        files = [
            ("file", (f"{number:03}.txt", b"x", "text/plain"))
            for number in range(start, start + 52)
        ]
        headers = {"Accept": "application/json"}
        answer = visitor.client.post("/upload/", files=files, headers=headers)
        assert answer.status_code == 201, answer.text
    return visitor


async def test_whoever_comes_back_to_a_long_list_stands_where_they_were(visit: Visit):
    page = await (await with_many(visit)).live("/files/?sort=name")
    for known, last in ((100, "099.txt"), (200, "199.txt"), (260, "259.txt")):
        await until(page, HOLDS, known)
        await page.evaluate("scrollTo({ top: 1e9, behavior: 'instant' })")
        await expect(page.locator(".line-name", has_text=last)).to_be_in_viewport()
    await until(page, "() => history.state?.top === scrollY")
    await page.locator(".line-name", has_text="258.txt").click()
    await expect(page.locator("h1")).to_contain_text("258.txt")
    await page.go_back()
    await expect(page.locator(".line-name", has_text="258.txt")).to_be_in_viewport()
    await page.get_by_label("Status").select_option("failed")
    await expect(page.locator("#empty-title")).to_be_visible()
    await page.go_back()
    await expect(page.locator(".line-name", has_text="258.txt")).to_be_in_viewport()


async def test_a_long_list_is_fetched_as_one_scrolls_and_holds_few_rows(visit: Visit):
    visitor = await with_many(visit)
    page = await visitor.live("/files/?sort=name")
    await expect(names(page).first).to_have_text("000.txt")
    assert await page.locator(".lines .line").count() < 60
    async with asyncio.timeout(100):
        while not await page.locator(".line-name", has_text="259.txt").count():
            await page.mouse.wheel(0, 600)
            await page.wait_for_timeout(30)
    await expect(page.locator(".line-name", has_text="259.txt")).to_be_visible()
    assert await page.locator(".lines .line").count() < 60
    page = await visitor.live("/files/?sort=name")
    for known, last in ((100, "099.txt"), (200, "199.txt"), (260, "259.txt")):
        await until(page, HOLDS, known)
        await page.evaluate("scrollTo({ top: 1e9, behavior: 'instant' })")  # one leap, then rest
        await expect(page.locator(".line-name", has_text=last)).to_be_in_viewport()


async def test_dates_and_sizes_filter_by_the_address_and_live(server: Server, visit: Visit):
    visitor = await with_files(server, visit, "small.txt", "waterwheel.jpg")
    page = await visitor.live("/files/")
    await page.locator("#more-filters summary").click()
    await page.get_by_label("From size (MB)").fill("0.01")
    await page.get_by_label("From size (MB)").press("Tab")
    await expect(names(page)).to_have_text(["waterwheel.jpg"])
    assert "min=0.01" in page.url
    await expect(page.locator("#filters-count")).to_have_text("1")
    visitor.client.put("/upload/tiny.txt", content=b"tiny")
    visitor.client.put("/upload/huge.bin", content=bytes(20_000))
    await expect(names(page)).to_have_text(["huge.bin", "waterwheel.jpg"])
    await page.reload()
    await expect(names(page)).to_have_text(["huge.bin", "waterwheel.jpg"])
    await page.locator("#more-filters summary").click()
    await page.get_by_label("Uploaded until").fill("2020-01-01")
    await expect(page.get_by_role("heading", name="Nothing fits")).to_be_visible()
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(names(page)).to_have_text(["huge.bin", "tiny.txt", "waterwheel.jpg", "small.txt"])


async def test_selected_files_and_all_that_is_listed_come_as_a_zip(
    server: Server, visit: Visit, tmp_path
):
    visitor = await with_files(server, visit, "a.txt", "b.txt", "c.txt")
    page = await visitor.live("/files/")
    for name in ("a.txt", "c.txt"):
        await page.get_by_role("checkbox", name=f"Select {name}").check()
    async with page.expect_download() as download:
        await (
            page.get_by_role("region", name="Selected")
            .get_by_role("button", name="Download")
            .click()
        )
    saved = tmp_path / "chosen.zip"
    await (await download.value).save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        assert sorted(archive.namelist()) == ["a.txt", "c.txt"]
        assert archive.read("a.txt") == b"This is a.txt.\n"
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download all of these").click()
    assert (await download.value).suggested_filename.endswith(".zip")
    await (await download.value).save_as(saved)
    with zipfile.ZipFile(saved) as archive:
        assert sorted(archive.namelist()) == ["a.txt", "b.txt", "c.txt"]
