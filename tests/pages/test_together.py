"""Many small files go in few requests, and each of them keeps what one that goes alone has."""

import asyncio
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.pages.conftest import Visit, Visitor, lose_answers, send, text_file, until
from tests.pages.test_dashboard import row, word

pytestmark = pytest.mark.browser
FILES = 100
TOGETHER = "**/upload/**"  # the door that takes several
ALL_SENT = "safe to close"
DROP = """(names) => {
    const transfer = new DataTransfer();
    for (const name of names) transfer.items.add(new File(["hello"], name));
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    document.body.dispatchEvent(new DragEvent("drop", options));
}"""


def small(count: int = FILES) -> list[Any]:
    return [text_file(f"{number:03}.txt", f"{number}\n") for number in range(count)]


def names(visitor: Visitor) -> list[str]:
    items = visitor.client.get("/api/files/?limit=1000").json()["items"]
    return sorted(item["name"] for item in items)


class Held:
    """Requests that are not let through, nor broken off, until the test says so."""

    def __init__(self) -> None:
        self.come = asyncio.Event()
        self.go = asyncio.Event()

    async def hold(self, route: Route) -> None:
        self.come.set()
        await self.go.wait()
        await route.continue_()


async def held(page: Page) -> Held:
    requests = Held()
    await page.route(TOGETHER, requests.hold)
    return requests


async def test_a_folder_of_small_files_takes_few_requests(visit: Visit, tmp_path: Path):
    folder = tmp_path / "survey"
    for number in range(FILES):
        path = folder / f"part {number % 3}" / f"{number:03}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 10)
    visitor = await visit()
    page = await visitor.live()
    sent: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST" and "/upload" in request.url:
            sent.append(request.url)

    page.on("request", note)
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose a folder").click()
    await (await chooser.value).set_files(folder)
    await expect(page.locator("#sending-title")).to_contain_text(ALL_SENT)
    assert 4 <= len(sent) <= 12
    items = visitor.client.get("/api/files/?limit=1000").json()["items"]
    paths = {f"survey/part {number % 3}/{number:03}.txt" for number in range(FILES)}
    assert {item["path"] for item in items} == paths
    assert {item["path"].rsplit("/")[-1] for item in items} == {item["name"] for item in items}
    (batch,) = {item["batch"] for item in items}
    assert visitor.client.get(f"/api/batches/{batch}/").json()["total"] == FILES


async def test_one_that_is_refused_among_others_says_why_and_the_others_arrive(visit: Visit):
    visitor = await visit()
    visitor.expected = ["400"]
    page = await visitor.live()
    await page.evaluate(DROP, ["first.txt", "..", "last.txt"])
    await expect(page.locator("#sending-title")).to_have_text("1 file could not be sent")
    refused = page.locator(".row[data-status=refused]")
    await expect(refused.locator(".row-name")).to_have_text("..")
    await expect(refused.locator(".measure")).not_to_be_empty()
    assert names(visitor) == ["first.txt", "last.txt"]
    (batch,) = {item["batch"] for item in visitor.client.get("/api/files/").json()["items"]}
    async with asyncio.timeout(60):
        drop = {"ended": False}
        while not drop["ended"]:
            drop = visitor.client.get(f"/api/batches/{batch}/").json()
            await asyncio.sleep(0.1)
    assert drop["total"] == 2  # the server had been told of three


async def test_the_keyboard_reaches_a_file_that_was_never_taken(visit: Visit):
    visitor = await visit()
    visitor.expected = ["400"]
    page = await visitor.live()
    await page.evaluate(DROP, [".."])
    await expect(page.locator(".row[data-status=refused]")).to_have_count(1)
    await page.keyboard.press("j")
    await expect(page.locator(".row-name", has_text="..")).to_be_focused()
    await page.keyboard.press("Delete")
    await expect(page.locator(".row")).to_have_count(0)


async def test_a_file_that_is_gone_from_the_disk_holds_up_no_other(visit: Visit, tmp_path: Path):
    paths = [tmp_path / f"{number}.txt" for number in range(4)]
    for path in paths:
        path.write_text(path.name)
    visitor = await visit()
    visitor.expected = ["ERR_FILE_NOT_FOUND"]
    page = await visitor.live()
    await page.keyboard.press("p")  # nothing goes yet
    await send(page, *paths)
    await expect(page.locator("#sending-title")).to_contain_text("Paused")
    paths[1].unlink()
    await page.keyboard.press("p")
    await expect(word(page, "1.txt")).to_have_text("Not sent")
    await expect(row(page, "1.txt").locator(".measure")).to_contain_text("moved or changed")
    await expect(page.locator("[data-count=processed]")).to_have_text("3")
    assert names(visitor) == ["0.txt", "2.txt", "3.txt"]


async def test_answers_that_are_lost_double_nothing(visit: Visit):
    visitor = await visit()
    visitor.expected = ["ERR_FAILED"]
    page = await visitor.live()
    asked = await lose_answers(page, TOGETHER, most=2)
    await send(page, *small())
    await expect(page.locator("#sending-title")).to_contain_text(ALL_SENT)
    assert len(asked) > 2
    assert names(visitor) == [f"{number:03}.txt" for number in range(FILES)]
    await expect(page.locator("[data-count=processed]")).to_have_text(str(FILES))
    await expect(page.locator(".batch-title")).to_have_text(f"{FILES} files")


async def test_what_is_paused_on_its_way_goes_on_and_nothing_goes_twice(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    requests = await held(page)
    await send(page, *small())
    await requests.come.wait()
    await page.keyboard.press("p")
    await expect(page.locator("#sending-title")).to_contain_text("Paused")
    await expect(page.locator(".mark-word", has_text="Sending")).to_have_count(0)
    requests.go.set()
    await page.keyboard.press("p")
    await expect(page.locator("#sending-title")).to_contain_text(ALL_SENT)
    assert names(visitor) == [f"{number:03}.txt" for number in range(FILES)]


async def test_what_the_server_takes_though_it_was_broken_off_does_not_go_twice(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    page = await visitor.live()
    come, go, taken = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def take_late(route: Route) -> None:
        come.set()
        await go.wait()
        answer = await page.context.request.fetch(route.request)
        assert answer.status == 201
        taken.set()

    await page.route("**/uploads/**", take_late, times=1)
    await page.clock.install()
    await send(page, text_file("once.txt"))
    await come.wait()
    await page.clock.pause_at(await page.evaluate("Date.now() + 20_000"))
    await page.keyboard.press("p")
    await page.keyboard.press("p")
    go.set()
    await taken.wait()
    await page.clock.resume()
    await expect(page.locator("#sending-title")).to_contain_text(ALL_SENT)
    assert names(visitor) == ["once.txt"]


async def test_one_that_is_cancelled_on_its_way_leaves_the_others_alone(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    requests = await held(page)
    await send(page, *small(6))
    await requests.come.wait()
    await row(page, "002.txt").get_by_role("button", name="Cancel").click()
    await expect(row(page, "002.txt")).to_have_count(0)
    requests.go.set()
    await expect(page.locator("#sending-title")).to_contain_text(ALL_SENT)
    await expect(page.locator("[data-count=processed]")).to_have_text("5")
    assert "002.txt" not in names(visitor)


async def test_all_that_is_cancelled_on_its_way_is_gone(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    requests = await held(page)
    await send(page, *small())
    await requests.come.wait()
    await page.locator("[data-command=cancel-sending]").click()
    await expect(page.locator(".row")).to_have_count(0)
    requests.go.set()
    await expect(page.locator("#sending")).to_be_hidden()
    assert names(visitor) == []


WATCH = """() => {
    const strip = document.getElementById("sending");
    globalThis.states = [];
    new MutationObserver(() => states.push(strip.dataset.state))
        .observe(strip, { attributes: true, attributeFilter: ["data-state"] });
}"""
MANY = """async (count) => {
    const later = globalThis.setTimeout; // the page is slow to put files in, the server is not
    const slice = (run) => () => run(globalThis.lastSlice = performance.now());
    globalThis.setTimeout = (run, ms) =>
        ms === undefined ? later(slice(run), 1500) : later(run, ms);
    const transfer = new DataTransfer();
    for (let at = 0; at < count; at += 1) transfer.items.add(new File([`${at}`], `${at}.txt`));
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    document.body.dispatchEvent(new DragEvent("drop", options));
}"""


async def test_nothing_is_safe_to_close_before_the_last_file_of_a_drop_is_put_in(visit: Visit):
    page = await (await visit()).live()
    await page.evaluate(WATCH)
    await page.evaluate(MANY, 200)
    await expect(page.locator("#sending-title")).to_contain_text("200 files received")
    assert await turns(page) == ["sending", "safe"]


async def turns(page: Page) -> list[str]:
    """What the page said of the sending, one after the other."""
    return [state for state, _ in groupby(await page.evaluate("states"))]


PUT_IN = "performance.now() - (globalThis.lastSlice ?? Infinity) > 4000"  # they are 1.5 s apart


async def test_what_is_not_yet_put_in_when_a_drop_is_cancelled_is_not_sent(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    requests = await held(page)
    await page.evaluate(MANY, 200)
    await requests.come.wait()
    await page.locator("[data-command=cancel-sending]").click()
    requests.go.set()
    await expect(page.locator("#sending")).to_be_hidden()
    await until(page, PUT_IN)
    await expect(page.locator("#sending")).to_be_hidden()
    assert names(visitor) == []
    await page.reload()
    await send(page, text_file("after.txt", "after\n"))
    await expect(page.locator("#sending-title")).to_contain_text("1 file received")
    assert names(visitor) == ["after.txt"]  # nor was any kept for later


FOLDER = """() => {
    const inside = new File(["in it"], "inside.txt");
    const isFile = { file: (done) => done(inside), fullPath: "/f/inside.txt" };
    const found = [[isFile], []];
    const readEntries = (done) => (found.length === 2
        ? globalThis.disk = () => done(found.shift())
        : done(found.shift()));
    const folder = { isDirectory: true, createReader: () => ({ readEntries }) };
    DataTransferItem.prototype.webkitGetAsEntry = function () {
        return this.getAsFile().name === "f" ? folder : null;
    };
    const transfer = new DataTransfer();
    for (const name of ["loose.txt", "f"]) transfer.items.add(new File(["x"], name));
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    document.body.dispatchEvent(new DragEvent("drop", options));
}"""


async def test_nothing_is_safe_to_close_before_a_dropped_folder_has_been_read(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    await page.evaluate(WATCH)
    await page.evaluate(FOLDER)
    await expect(row(page, "loose.txt").locator(".mark-word")).to_have_text("Processed")
    assert "safe" not in await page.evaluate("states")
    await page.evaluate("disk()")
    await expect(page.locator("#sending-title")).to_contain_text("2 files received")
    assert await turns(page) == ["sending", "safe"]
    assert names(visitor) == ["inside.txt", "loose.txt"]
