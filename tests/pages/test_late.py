"""Answers and events come late and overtake each other; what the page shows and does is true."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Page, Route, WebSocketRoute, expect

from tests.pages.conftest import Visit, Visitor, send, text_file
from tests.pages.test_dashboard import row, word

pytestmark = pytest.mark.browser
BROKEN = b"\x89PNG\r\n\x1a\nno more"
SEND = "**/uploads/**"


class Line:
    """A page's line to the stream; what the server says waits while the test holds it."""

    def __init__(self) -> None:
        self._held: list[str | bytes] | None = None
        self._route: WebSocketRoute
        self._news = asyncio.Event()
        self._all = ""

    async def listen(self, page: Page) -> None:
        """Before the page is opened."""
        await page.route_web_socket("**/ws/events/*", self._connect)

    def _connect(self, route: WebSocketRoute) -> None:
        self._route = route
        route.connect_to_server().on_message(self._hear)

    def _hear(self, message: str | bytes) -> None:
        if self._held is None:
            self._tell(message)
        else:
            self._held.append(message)

    def _tell(self, message: str | bytes) -> None:
        self._route.send(message)
        self._all += str(message)
        self._news.set()

    async def tells(self, pattern: str) -> None:
        """Wait until the page has been told of it."""
        async with asyncio.timeout(100):
            while not re.search(pattern, self._all):
                self._news.clear()
                await self._news.wait()

    def hold(self) -> None:
        self._held = []

    def let_go(self) -> None:
        held, self._held = self._held or [], None
        for message in held:
            self._tell(message)


async def held_line(visitor: Visitor, path: str = "/") -> tuple[Page, Line]:
    """A page that is live, and its line."""
    page, line = await visitor.context.new_page(), Line()
    page.on("pageerror", lambda error: visitor.complaints.append(f"error: {error}"))
    page.on("filechooser", lambda _chooser: None)
    await line.listen(page)
    await page.goto(path)
    await page.locator("#live[data-state=live]").wait_for()
    return page, line


class Answer:
    """An answer that the server has given, and that the page does not have yet."""

    def __init__(self) -> None:
        self.given = asyncio.Event()
        self.go = asyncio.Event()
        self.come = asyncio.Event()


@asynccontextmanager
async def late(page: Page, pattern: str | re.Pattern[str]) -> AsyncIterator[Answer]:
    """The next answer to such a request comes when the test lets it go, or at the end."""
    answer = Answer()

    async def hold(route: Route) -> None:
        given: Any = await route.fetch()
        answer.given.set()
        await answer.go.wait()
        await route.fulfill(response=given)
        await route.request.response()
        answer.come.set()

    await page.route(pattern, hold, times=1)
    async with asyncio.timeout(200):
        try:
            yield answer
        finally:
            answer.go.set()
        if answer.given.is_set():
            await answer.come.wait()


def put(visitor: Visitor, name: str, content: bytes = b"words\n") -> str:
    """The id of a new file."""
    headers = {"Accept": "application/json"}
    answer = visitor.client.put(f"/upload/{name}", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    file: str = answer.json()["files"][0]["id"]
    return file


def ended(visitor: Visitor, name: str, content: bytes = b"words\n") -> str:
    """The id of a new file, once it has ended."""
    file = put(visitor, name, content)
    visitor.server.wait_for(visitor.client, file)
    return file


async def test_the_keyboard_stays_with_a_file_whose_event_comes_after_its_answer(visit: Visit):
    page, line = await held_line(await visit())
    line.hold()
    await send(page, text_file("early.txt"))
    await expect(word(page, "early.txt")).to_have_text("Queued")
    await page.keyboard.press("j")
    name = page.locator(".row-name", has_text="early.txt")
    await expect(name).to_be_focused()
    line.let_go()
    await expect(word(page, "early.txt")).to_have_text("Processed")
    await expect(name).to_be_focused()


async def test_a_file_is_cancelled_between_its_answer_and_its_event(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    page, line = await held_line(visitor)
    line.hold()
    await send(page, text_file("unwanted.txt"))
    await expect(word(page, "unwanted.txt")).to_have_text("Queued")
    async with page.expect_response("**/cancel/") as answer:
        await row(page, "unwanted.txt").get_by_role("button", name="Cancel").click()
    assert (await answer.value).ok
    line.let_go()
    await expect(word(page, "unwanted.txt")).to_have_text("Cancelled")


async def test_a_file_that_ended_before_the_answer_to_its_sending_is_retried(visit: Visit):
    page = await (await visit()).live()
    async with late(page, SEND):
        await send(page, {"name": "b.png", "mimeType": "image/png", "buffer": BROKEN})
        await expect(word(page, "b.png")).to_have_text("Failed")
        async with page.expect_response("**/retry/") as answer:
            await row(page, "b.png").get_by_role("button", name="Retry").click()
        assert (await answer.value).ok
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await expect(word(page, "b.png")).to_have_text("Failed")


async def test_a_file_that_is_deleted_before_the_answer_to_its_sending_does_not_come_back(
    visit: Visit,
):
    page = await (await visit()).live()
    async with late(page, SEND):
        await send(page, text_file("short.txt"))
        await expect(word(page, "short.txt")).to_have_text("Processed")
        await row(page, "short.txt").get_by_role("button", name="Delete").click()
        async with page.expect_response("**/api/files/*/"):
            await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await expect(word(page, "short.txt")).to_have_text("Sending")  # its answer is not there yet
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await expect(page.locator(".row")).to_have_count(0)


async def test_a_sample_is_sent_once_however_often_one_clicks_while_it_comes(visit: Visit):
    page = await (await visit()).live()
    async with late(page, re.compile(r"/samples/letter\.")) as sample:
        link = page.get_by_role("link", name="letter.txt")
        await link.click()
        await sample.given.wait()
        await link.dispatch_event("click")
    await expect(word(page, "letter.txt")).to_have_text("Processed")
    await expect(page.locator("#sending-title")).to_contain_text("1 file received")
    await expect(page.locator(".row")).to_have_count(1)


async def test_reasons_that_are_told_late_do_not_bring_back_failures_that_are_gone(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    async with late(page, "**/api/failures/**") as reasons:
        broken = ended(visitor, "broken.png", BROKEN)
        await reasons.given.wait()
        visitor.client.delete(f"/api/files/{broken}/").raise_for_status()
        await expect(page.locator("[data-count=failed]")).to_have_text("0")
        ended(visitor, "other.png", BROKEN)
        ended(visitor, "third.pdf", b"%PDF-1.4 nothing follows")
        await expect(page.locator("#reasons li")).to_have_count(2)
    await page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # a later one
    await expect(page.locator("#reasons li")).to_have_count(2)


async def test_a_list_tells_of_what_came_and_went_while_it_was_fetched(visit: Visit):
    visitor = await visit()
    gone = ended(visitor, "gone.txt")
    page, line = await visitor.context.new_page(), Line()
    await line.listen(page)
    async with late(page, re.compile(r"/api/files/\?")) as answer:
        await page.goto("/files/")
        await page.locator("#live[data-state=live]").wait_for()
        await answer.given.wait()
        new = ended(visitor, "new.txt")
        visitor.client.delete(f"/api/files/{gone}/").raise_for_status()
        await line.tells(rf"file\.deleted.*{gone}")
        await line.tells(rf'{new}[^{{]*"status":"processed"')
    await expect(page.locator(".lines .line-name")).to_have_text(["new.txt"])
    await expect(page.locator(".line .mark-word")).to_have_text(["Processed"])


async def test_a_range_is_selected_from_its_file_though_others_come_above(visit: Visit):
    visitor = await visit()
    for name in ("a.txt", "b.txt", "c.txt"):
        ended(visitor, name)
    page = await visitor.live("/files/")
    await page.get_by_label("Select c.txt").check()
    ended(visitor, "d.txt")
    await expect(page.locator(".lines .line-name")).to_have_text(
        ["d.txt", "c.txt", "b.txt", "a.txt"]
    )
    await page.get_by_label("Select b.txt").click(modifiers=["Shift"])
    await expect(page.locator("#selected-words")).to_have_text("2 selected")
    await expect(page.get_by_label("Select d.txt")).not_to_be_checked()


async def test_what_is_selected_while_others_are_deleted_stays_selected(visit: Visit):
    visitor = await visit()
    for name in ("a.txt", "b.txt"):
        ended(visitor, name)
    page = await visitor.live("/files/")
    await page.get_by_label("Select a.txt").check()
    async with late(page, "**/api/files/delete/**") as answer:
        tools = page.get_by_role("region", name="Selected files")
        await tools.get_by_role("button", name="Delete").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        await answer.given.wait()
        await page.get_by_label("Select b.txt").check()
    await expect(page.locator("#toasts")).to_contain_text("1 file was deleted")
    await expect(page.locator("#selected-words")).to_have_text("1 selected")
    await expect(page.get_by_label("Select b.txt")).to_be_checked()


async def test_a_list_that_was_away_too_long_to_be_told_is_fetched_anew(visit: Visit):
    visitor = await visit()
    gone = ended(visitor, "gone.txt")
    ended(visitor, "kept.txt")
    page, lines = await visitor.context.new_page(), list[WebSocketRoute]()
    back = asyncio.Event()

    async def connect(route: WebSocketRoute) -> None:
        first = not lines
        lines.append(route)
        if not first:
            await back.wait()
        server = route.connect_to_server()
        if not first:
            hello = '{"type": "hello", "after": "0:1"}'  # of a stream that is no more
            route.on_message(lambda _hello: server.send(hello))

    await page.route_web_socket("**/ws/events/*", connect)
    await page.goto("/files/")
    await expect(page.locator(".lines .line-name")).to_have_text(["kept.txt", "gone.txt"])
    await page.locator("#live[data-state=live]").wait_for()
    await page.get_by_label("Select gone.txt").check()
    await lines[0].close(code=1012)
    visitor.client.delete(f"/api/files/{gone}/").raise_for_status()
    back.set()
    await expect(page.locator(".lines .line-name")).to_have_text(["kept.txt"])
    await expect(page.locator("#selected")).to_be_hidden()


async def test_a_late_answer_takes_no_file_back_to_what_it_was(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    file = put(visitor, "twice.txt")
    page = await visitor.live(f"/files/{file}/")
    mark = page.locator("#head .mark-word")
    async with late(page, re.compile(rf"/api/files/{file}/$")) as answer:
        visitor.client.post(f"/api/files/{file}/cancel/").raise_for_status()
        await answer.given.wait()
        visitor.client.post(f"/api/files/{file}/retry/").raise_for_status()
        visitor.client.post("/api/queue/resume/").raise_for_status()
        await expect(page.locator("#facts")).to_contain_text("Plain text")
        await expect(mark).to_have_text("Processed")
    await page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # a later one
    await expect(mark).to_have_text("Processed")
    await expect(page.locator("#facts")).to_contain_text("Plain text")


async def test_a_file_that_is_deleted_while_its_page_asks_for_it_is_gone(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    file = put(visitor, "short.txt")
    page = await visitor.live(f"/files/{file}/")
    async with late(page, re.compile(rf"/api/files/{file}/$")) as answer:
        visitor.client.post(f"/api/files/{file}/cancel/").raise_for_status()
        await answer.given.wait()
        visitor.client.delete(f"/api/files/{file}/").raise_for_status()
        await expect(page.get_by_role("heading", name="This file was deleted")).to_be_visible()
    await page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # a later one
    await expect(page.get_by_role("heading", name="This file was deleted")).to_be_visible()


async def test_a_file_that_was_deleted_before_its_page_listened_is_gone(visit: Visit):
    visitor = await visit()
    visitor.expected = ["404"]
    file = ended(visitor, "short.txt")
    page, deleted = await visitor.context.new_page(), asyncio.Event()

    async def connect(route: WebSocketRoute) -> None:
        await deleted.wait()
        route.connect_to_server()

    await page.route_web_socket("**/ws/events/*", connect)
    await page.goto(f"/files/{file}/")
    visitor.client.delete(f"/api/files/{file}/").raise_for_status()
    deleted.set()
    await expect(page.get_by_role("heading", name="This file was deleted")).to_be_visible()


MANY = 220  # more than a page is told of


async def processed(visitor: Visitor) -> None:
    """Wait until as many have been processed."""
    async with asyncio.timeout(200):
        while visitor.client.get("/api/counts/").json()["processed"] < MANY:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def a_large_drop(visitor: Visitor) -> list[str]:
    """Ids of files of one byte, in the order in which they ended."""
    files = [("file", (f"{number:03}.bin", b"\0", "")) for number in range(MANY)]
    headers = {"Accept": "application/json"}
    sent = visitor.client.post("/upload/", data={"batch": "many"}, files=files, headers=headers)
    sent.raise_for_status()
    await processed(visitor)
    items = visitor.client.get("/api/files/", params={"limit": 1000}).json()["items"]
    return [item["id"] for item in sorted(items, key=lambda item: item["finished_at"])]


async def test_the_number_of_a_large_drop_is_asked_for_again_where_it_has_changed(visit: Visit):
    visitor = await visit()
    ids = await a_large_drop(visitor)
    page = await visitor.context.new_page()
    async with late(page, "**/api/batches/**") as answer:
        await page.goto("/")
        await answer.given.wait()
        await expect(page.locator("[data-count=processed]")).to_have_text(str(MANY))
        for file in ids[-3:]:
            visitor.client.delete(f"/api/files/{file}/").raise_for_status()
        await expect(page.locator("[data-count=processed]")).to_have_text(str(MANY - 3))
    await expect(page.locator(".batch-title")).to_have_text(f"{MANY - 3} files")


async def test_a_file_that_the_page_no_longer_holds_is_not_counted_twice(visit: Visit):
    visitor = await visit()
    oldest, *_ = await a_large_drop(visitor)
    page = await visitor.live()
    used = page.locator("#storage-words")
    before = await used.inner_text()
    assert str(MANY) in before
    visitor.client.post(f"/api/files/{oldest}/retry/").raise_for_status()
    visitor.server.wait_for(visitor.client, oldest)
    visitor.client.put("/upload/new.bin", content=b"two", headers={"Accept": "application/json"})
    await expect(used).to_have_text(before.replace(str(MANY), str(MANY + 3)))


async def test_what_was_sent_before_the_page_heard_anything_does_not_wait_for_ever(visit: Visit):
    visitor = await visit()
    page, connected = await visitor.context.new_page(), asyncio.Event()
    page.on("filechooser", lambda _chooser: None)

    async def connect(route: WebSocketRoute) -> None:
        await connected.wait()
        route.connect_to_server()

    await page.route_web_socket("**/ws/events/*", connect)
    await page.goto("/")
    await send(page, *[text_file(f"{number:03}.txt", f"{number}\n") for number in range(MANY)])
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await processed(visitor)
    connected.set()
    await expect(page.locator("#ended .batch-title")).to_have_text(f"{MANY} files")
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    await expect(page.locator(".mark-word", has_text="Queued")).to_have_count(0)
