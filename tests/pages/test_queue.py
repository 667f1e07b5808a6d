"""The queue in command on the dashboard: pause, resume, places; failures by reason."""

import asyncio
import re

import pytest
from playwright.async_api import FilePayload, Request, Route, WebSocketRoute, expect

from tests.pages.conftest import Visit, send, text_file, until
from tests.pages.test_accessible import check

pytestmark = pytest.mark.browser


def asks_for_the_queue(request: Request) -> bool:
    """Whether it is the page's own question for places."""
    return "/api/queue/" in request.url and request.method == "GET"


async def test_a_manager_pauses_with_a_reason_sees_places_and_resumes(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    await page.get_by_role("button", name="Pause", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Why").fill("the scanner is being repaired")
    await dialog.get_by_label("How long").select_option(label="for an hour")
    await dialog.get_by_role("button", name="Pause").click()
    note = page.locator("#standstill")
    await expect(note).to_contain_text("Processing is paused")
    await expect(note).to_contain_text("the scanner is being repaired")
    await expect(note).to_contain_text(re.compile("by visitor.* until"))
    await send(page, text_file("a.txt"), text_file("b.txt"))
    rows = page.locator(".row[data-status=queued]")
    await expect(rows).to_have_count(2)
    await expect(rows.locator(".measure", has_text="next")).to_have_count(1)
    await expect(rows.locator(".measure", has_text="place 2")).to_have_count(1)
    await expect(page.locator("#queue-words")).to_contain_text("2 waiting")
    other = await visitor.open("/")  # rendered by the server, too
    await expect(other.locator("#standstill")).to_contain_text("Processing is paused")
    await check(page)
    await other.close()
    await page.keyboard.press("q")
    await expect(note).to_be_hidden()
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    await expect(page.locator("#queue-words")).to_have_text("Nothing waits.")


async def test_an_answer_that_comes_late_does_not_bring_back_a_pause_that_has_ended(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    visitor.client.put("/upload/waits.txt", content=b"waits")
    resumed = asyncio.Event()

    async def hold(route: Route) -> None:
        answer = await route.fetch()
        await resumed.wait()
        await route.fulfill(response=answer)

    await visitor.context.route("**/api/queue/*", hold, times=1)
    async with asyncio.timeout(200), asyncio.TaskGroup() as held:
        page = await visitor.live()
        async with page.expect_request(asks_for_the_queue):
            late = held.create_task(page.wait_for_event("requestfinished", asks_for_the_queue))
        await expect(page.locator("#standstill")).to_be_visible()
        visitor.client.post("/api/queue/resume/")
        await expect(page.locator("#standstill")).to_be_hidden()
        resumed.set()
    assert await late.result().response()
    await page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # a later one
    assert await page.locator("#standstill").is_hidden()


async def test_a_pause_by_somebody_else_is_seen_and_its_end_too(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    visitor.client.post("/api/queue/pause/", json={"reason": "from a program", "minutes": 5})
    await expect(page.locator("#standstill")).to_contain_text("from a program")
    again = await visitor.live()
    await expect(again.locator("#standstill")).to_contain_text("from a program")
    visitor.client.post("/api/queue/resume/")
    await expect(page.locator("#standstill")).to_be_hidden()
    await expect(again.locator("#standstill")).to_be_hidden()


async def test_a_page_that_comes_back_forgets_a_pause_that_has_ended_meanwhile(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={"reason": "over soon"})
    page = await visitor.context.new_page()
    lines: list[WebSocketRoute] = []

    def open_line(route: WebSocketRoute) -> None:
        lines.append(route)
        route.connect_to_server()

    await page.route_web_socket("**/ws/events/*", open_line)
    await page.goto("/")
    await expect(page.locator("#live[data-state=live]")).to_be_visible()
    await expect(page.locator("#standstill")).to_contain_text("over soon")
    await lines[0].close(code=1012)
    visitor.client.post("/api/queue/resume/")
    await expect(page.locator("#standstill")).to_be_hidden()


async def test_a_pause_ends_on_the_page_when_its_time_is_over(visit: Visit):
    visitor = await visit()
    hour = {"minutes": 60}
    assert visitor.client.post("/api/queue/pause/", json=hour).status_code == 200
    page = await visitor.context.new_page()
    await page.clock.install()
    await page.goto("/")
    await expect(page.locator("#live[data-state=live]")).to_be_visible()
    await expect(page.locator("#standstill")).to_be_visible()
    await page.route_web_socket("**/ws/events/*", lambda _route: None)  # nobody tells it
    await page.clock.fast_forward("01:01:00")
    await expect(page.locator("#standstill")).to_be_hidden()


async def test_a_queue_that_stands_still_is_not_asked_about(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    for name in ("a.txt", "b.txt"):
        visitor.client.put(f"/upload/{name}", content=name.encode())
    page = await visitor.context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.clock.install()
    await page.goto("/")
    await expect(page.locator(".row .measure", has_text="place 2")).to_be_visible()
    quiet = 0
    async with asyncio.timeout(200):
        while quiet < 4:  # what the page is told at first may come late
            asked.clear()
            await page.clock.run_for(6_000)
            quiet = 0 if any("/queue/" in url for url in asked) else quiet + 1
    visitor.client.post("/api/queue/resume/")
    await expect(page.locator("[data-count=processed]")).to_have_text("2")


async def test_one_queued_file_tells_its_place(visit: Visit):
    visitor = await visit()
    visitor.client.post("/api/queue/pause/", json={})
    headers = {"Accept": "application/json"}
    sent = visitor.client.put("/upload/one.txt", content=b"one", headers=headers).json()
    page = await visitor.live(f"/files/{sent['files'][0]['id']}/")
    await expect(page.locator("#running-measure")).to_contain_text("next")
    visitor.client.post("/api/queue/resume/")
    await expect(page.locator("#head .mark-word")).to_have_text("Processed")


async def test_failures_are_told_by_reason_and_all_of_one_tried_again(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    broken: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        for name, content in (
            ("a.png", b"\x89PNG\r\n\x1a\nno more"),
            ("b.png", b"\x89PNG\r\n\x1a\nno more at all"),
            ("c.pdf", b"%PDF-1.4 nothing follows"),
        )
    ]
    await send(page, *broken)
    reason = page.locator("#reasons li", has_text="Broken file · image")
    await expect(reason.locator("b")).to_have_text("2")
    await check(page)
    async with page.expect_response("**/api/files/retry/") as answer:
        await reason.get_by_role("button", name="Retry all").click()
    assert (await (await answer.value).json())["changed"] == 2
    await expect(page.locator(".toast", has_text="2 files are tried again")).to_be_visible()
    await expect(reason.locator("b")).to_have_text("2")  # they are as broken as before
    await until(
        page, "async () => (await (await fetch('/api/counts/')).json()).failed === 3", seconds=60
    )
    again = await visitor.context.new_page()
    await again.route("**/api/failures/**", lambda route: route.abort())
    visitor.expected = ["ERR_FAILED"]
    await again.goto("/")  # the server says it first, so that nothing jumps
    told = again.locator("#reasons li", has_text="Broken file · image")
    await expect(told.get_by_role("link")).to_have_attribute("href", re.compile("error=bad_file"))
    async with again.expect_response("**/api/files/retry/") as answer:
        await told.get_by_role("button", name="Retry all").click()
    assert (await answer.value).ok
    await again.close()
    await reason.get_by_role("link").click()
    await expect(page.locator(".lines .line-name")).to_have_count(2)
    await expect(page.locator("#filters .chip")).to_contain_text("Broken file · image")
    await page.get_by_role("link", name="Drop this filter").click()
    await expect(page.locator(".lines .line-name")).to_have_count(3)
