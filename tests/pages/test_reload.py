"""What was not sent when a page closed goes on with the next one, for whom it belongs to only."""

import re

import pytest
from playwright.async_api import FilePayload, Locator, Page, Request, expect

from tests.pages.conftest import Visit, Visitor, lose_answers, send, text_file, until
from tests.pages.test_dashboard import full_speed, large_file, row, slow_down, word

pytestmark = pytest.mark.browser
QUOTA = """
from uploads.models import Space
Space.objects.filter(slug={slug!r}).update(quota_bytes={quota})
"""
KEPT = """() => new Promise((resolve) => {
    const request = indexedDB.open("millrace", 1);
    request.onsuccess = () => {
        const { result: database } = request;
        if (!database.objectStoreNames.contains("files")) return resolve(0);
        const files = database.transaction("files").objectStore("files");
        files.count().onsuccess = ({ target }) => resolve(target.result);
    };
})"""


def many(count: int) -> list[FilePayload]:
    """Small, but each too large to go with others."""
    return [text_file(f"{number:03}.txt", f"{number:03}\n" * 9000) for number in range(count)]


async def kept(page: Page, count: int) -> None:
    """Wait until the browser keeps so many files."""
    await until(page, f"({KEPT})().then((count) => count === {count})")


async def kept_at_least(page: Page, least: int) -> None:
    """Wait until it keeps no fewer."""
    await until(page, f"({KEPT})().then((count) => count >= {least})")


async def test_a_large_file_goes_on_by_itself_after_a_reload_where_it_stopped(visit: Visit):
    page = await (await visit()).live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, large_file("resumed.bin"))
    await expect(row(page, "resumed.bin").locator(".measure")).to_contain_text(
        re.compile(r"[1-9]\d\d kB|1\.\d MB")
    )
    await kept(page, 1)
    offsets: list[int] = []

    def note_offset(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note_offset)
    await page.reload()
    await expect(page.get_by_text("Going on with 1 file from before.")).to_be_visible()
    await full_speed(page)
    await expect(word(page, "resumed.bin")).to_have_text("Processed")
    await expect(row(page, "resumed.bin")).to_have_count(1)
    assert offsets[0] > 0
    await kept(page, 0)


async def test_a_drop_that_was_half_sent_is_sent_whole_and_nothing_twice(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, *many(60))
    await expect(page.locator("#sending-about")).to_contain_text(re.compile(r"[3-9] received"))
    await kept_at_least(page, 30)
    await page.close(run_before_unload=False)
    page = await visitor.open()  # what it says goes by itself after some seconds
    await expect(page.get_by_text(re.compile(r"Going on with \d+ files"))).to_be_visible()
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await expect(page.locator("[data-count=processed]")).to_have_text("60")
    items = visitor.client.get("/api/files/?limit=1000").json()["items"]
    assert sorted(item["name"] for item in items) == [f"{number:03}.txt" for number in range(60)]
    await kept(page, 0)


async def test_another_page_leaves_alone_what_a_living_page_sends(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    await slow_down(page)
    await send(page, *many(20))
    await kept_at_least(page, 8)
    other = await visitor.live()
    await other.wait_for_timeout(4000)  # longer than it waits for a page that closes
    await expect(other.get_by_text("Going on with")).to_have_count(0)
    await full_speed(page)
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await expect(page.locator("[data-count=processed]")).to_have_text("20")


def stopped(page: Page) -> Locator:
    """What a page shows that may send no more: it says so, or had something to ask meanwhile and
    was led to the sign-in.
    """
    says_so = page.locator("#sending-title", has_text="Paused")
    return says_so.or_(page.get_by_role("heading", name="Sign in"))


async def become(visitor: Visitor, other: Visitor) -> None:
    """Another signs in where somebody was."""
    await visitor.context.clear_cookies()
    for cookie in await other.context.cookies():
        await visitor.context.add_cookies(
            [{"name": cookie["name"], "value": cookie["value"], "url": visitor.server.url}]
        )


async def test_somebody_else_at_the_same_browser_neither_sends_nor_keeps_it(visit: Visit):
    visitor, other = await visit(), await visit()
    page = await visitor.live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, large_file("secret.bin"), *many(20))
    await kept_at_least(page, 8)
    await page.close(run_before_unload=False)
    await become(visitor, other)
    page = await visitor.live()
    await kept(page, 0)
    await expect(page.locator(".row")).to_have_count(0)
    assert "secret.bin" not in await page.evaluate("JSON.stringify(localStorage)")
    assert other.client.get("/api/files/").json()["items"] == []


async def test_an_open_page_sends_nothing_in_the_name_of_whoever_signs_in_later(visit: Visit):
    visitor, other = await visit(), await visit()
    visitor.expected = ["401"]
    page = await visitor.live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, large_file("secret.bin"), *many(20))
    await kept_at_least(page, 8)
    await become(visitor, other)
    await expect(stopped(page)).to_be_visible()
    assert other.client.get("/api/files/").json()["items"] == []


async def test_a_session_that_ends_stops_sending_and_the_next_one_goes_on(visit: Visit):
    visitor = await visit()
    visitor.expected = ["401"]
    page = await visitor.live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, *many(30))
    await kept_at_least(page, 20)
    cookies = await visitor.context.cookies()
    await visitor.context.clear_cookies()
    await expect(stopped(page)).to_be_visible()
    await expect(page.locator(".mark-word", has_text="Not sent")).to_have_count(0)
    await page.close(run_before_unload=False)
    for cookie in cookies:
        await visitor.context.add_cookies(
            [{"name": cookie["name"], "value": cookie["value"], "url": visitor.server.url}]
        )
    page = await visitor.live()
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await expect(page.locator("[data-count=processed]")).to_have_text("30")


async def test_a_file_that_is_here_already_is_offered_before_a_byte_is_sent(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    content = large_file("first.bin")
    await send(page, content)
    await expect(word(page, "first.bin")).to_have_text("Processed")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url))
    await send(page, large_file("second.bin"), large_file("third.bin"))
    await expect(word(page, "second.bin")).to_have_text("Already here")
    await expect(word(page, "third.bin")).to_have_text("Already here")
    await expect(row(page, "second.bin").locator(".measure")).to_have_text("as first.bin")
    await expect(page.locator("#sending-title")).to_have_text("2 files are in this space already")
    assert not [url for url in posts if "/upload" in url]
    first = visitor.client.get("/api/files/").json()["items"][0]["id"]
    link = row(page, "second.bin").locator(".row-name")
    await expect(link).to_have_attribute("href", re.compile(first))
    await row(page, "second.bin").get_by_role("button", name="Leave it out").click()
    await expect(row(page, "second.bin")).to_have_count(0)
    await row(page, "third.bin").get_by_role("button", name="Keep both").click()
    await expect(word(page, "third.bin")).to_have_text("Processed")
    names = {item["name"] for item in visitor.client.get("/api/files/").json()["items"]}
    assert names == {"first.bin", "third.bin"}


async def test_a_lost_answer_does_not_double_a_file(visit: Visit):
    visitor = await visit()
    visitor.expected = ["ERR_FAILED"]
    page = await visitor.live()
    asked = await lose_answers(page, "**/uploads/**", most=1)
    await send(page, text_file("once.txt"))
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    assert len(asked) == 1
    items = visitor.client.get("/api/files/").json()["items"]
    assert [item["name"] for item in items] == ["once.txt"]


async def test_what_the_space_has_no_room_for_is_refused_before_it_is_sent(visit: Visit):
    visitor = await visit()
    name = visitor.client.get("/api/spaces/").json()["items"][0]["slug"]
    visitor.server.manage("shell", "-v0", "-c", QUOTA.format(slug=name, quota=1_000_000))
    page = await visitor.live()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url))
    await send(page, large_file("too-much.bin"))
    await expect(word(page, "too-much.bin")).to_have_text("Not sent")
    measure = row(page, "too-much.bin").locator(".measure")
    await expect(measure).to_have_text("The space has room for 1.0 MB only.")
    assert not [url for url in posts if "/upload" in url]
