"""The page stays with the stream through cuts, restarts, sleep and silence, and says how."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from millrace_client import AsyncClient, World
from playwright.async_api import Browser, BrowserContext, Page, expect
from websockets.asyncio.client import connect

from tests.clients.gate import Gate
from tests.pages.conftest import Visit, Visitor, send, text_file
from tests.production.stack import Stack
from tests.support import shared
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# what a browser says by itself of a line that is cut
CUT = ["ERR_", "WebSocket connection to", "Failed to load resource", "Failed to fetch"]
PROCESSOR = """
import time
from uploads.processors import Context, processor

@processor(name="dawdle", accepts=["text/*"])
def dawdle(ctx: Context) -> dict:
    # goes on when the file is as old as the test says
    age = lambda: ctx.path.stat().st_mtime
    if "dawdle" in ctx.name:
        time.sleep(0.2)
        ctx.progress(1, 3, "rounds")
        while age() > 2:
            time.sleep(0.02)
        while age() > 1:
            ctx.progress(2, 3, "rounds")
            time.sleep(0.1)
    return {}
"""


class Away:
    """A server behind a gate, with people who reach it through that alone."""

    def __init__(self, server: Server, gate: Gate, visitor: Visitor) -> None:
        self.server = server
        self.gate = gate
        self.visitor = visitor


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Gate]]:
    """A server of this module's own, so that it may be killed."""
    processors = tmp_path_factory.mktemp("processors")
    (processors / "dawdle.py").write_text(PROCESSOR)
    server = Server(
        tmp_path_factory.mktemp("gated"), PROCESSORS_DIR=str(processors), STALL_SECONDS="1"
    )
    with Gate(server.port) as gate:
        server.environment["ORIGINS"] = f"{gate.url} {server.url}"
        yield server.start(), gate
        server.stop()


Come = Callable[[str], Awaitable[Away]]


async def sign_in(context: BrowserContext, link: str) -> None:
    await context.request.get(link[link.index("/sign-in/") :].strip())


@pytest_asyncio.fixture(loop_scope="session")
async def come(browser: Browser, gated: tuple[Server, Gate]) -> AsyncIterator[Come]:
    """Makes visitors who come through the gate: `await come(name)`."""
    server, gate = gated
    made: list[Visitor] = []

    async def make(name: str) -> Away:
        token = await asyncio.to_thread(server.token, name)
        link = await asyncio.to_thread(server.manage, "link", name)
        context = await browser.new_context(base_url=gate.url)
        context.set_default_timeout(60_000)
        await sign_in(context, link)
        visitor = Visitor(server, context, token)
        visitor.expected = list(CUT)
        made.append(visitor)
        return Away(server, gate, visitor)

    yield make
    gate.shut = False
    gate.thaw()
    for visitor in made:
        await visitor.context.close()
        visitor.client.close()
        assert visitor.unexpected() == []


def put(client: httpx.Client, name: str, content: bytes = b"words\n", **query: str) -> str:
    accept = {"Accept": "application/json"}
    answer = client.put(f"/upload/{name}", content=content, params=query, headers=accept)
    assert answer.status_code == 201, answer.text
    file: str = answer.json()["files"][0]["id"]
    return file


def light(page: Page, state: str) -> Any:
    return page.locator(f"#live[data-state={state}]")


def word(page: Page, name: str) -> Any:
    return page.locator(".row", has_text=name).locator(".mark-word")


async def test_a_running_step_without_a_sign_of_life_is_shown_as_stalled(come: Come) -> None:
    here = await come("waiting")
    page = await here.visitor.live()
    file_id = await asyncio.to_thread(put, here.visitor.client, "dawdle.txt")
    content = here.server.data_dir / "content" / file_id[:2] / file_id.replace("-", "")
    told = page.locator(".row", has_text="dawdle.txt").locator(".measure")
    await expect(told).to_contain_text("stalled since")
    await expect(told).to_contain_text("1 of 3 rounds")
    later = await here.visitor.live()  # also who comes now is told
    await expect(later.locator(".row .measure")).to_contain_text("stalled since")
    os.utime(content, (2, 2))
    await expect(told).to_contain_text("2 of 3 rounds")
    await expect(told).not_to_contain_text("stalled")
    os.utime(content, (1, 1))
    await expect(word(page, "dawdle.txt")).to_have_text("Processed")


async def test_after_a_restart_the_page_catches_up_by_itself(come: Come) -> None:
    here = await come("restarted")
    page = await here.visitor.live()
    await page.evaluate("globalThis.neverReloaded = true")
    await asyncio.to_thread(put, here.visitor.client, "before.txt")
    await expect(word(page, "before.txt")).to_have_text("Processed")
    await asyncio.to_thread(here.server.kill9)
    await light(page, "offline").wait_for()
    await expect(page.locator("#live")).to_contain_text("Offline")
    here.gate.shut = True  # so that the page comes back later than others
    await asyncio.to_thread(here.server.start)
    await asyncio.to_thread(put, here.visitor.client, "meanwhile.txt")
    here.gate.shut = False
    await light(page, "live").wait_for()
    await expect(word(page, "meanwhile.txt")).to_have_text("Processed")
    await expect(page.locator("[data-count=processed]")).to_have_text("2")
    assert await page.evaluate("globalThis.neverReloaded")


async def test_in_flight_mode_the_page_says_so_at_once_and_catches_up_after_landing(
    come: Come,
) -> None:
    here = await come("flying")
    page = await here.visitor.live()
    await here.visitor.context.set_offline(True)
    await light(page, "offline").wait_for(timeout=30_000)  # no silence is that short
    await asyncio.to_thread(put, here.visitor.client, "aloft.txt")
    await expect(page.locator(".row")).to_have_count(0)
    await here.visitor.context.set_offline(False)
    await light(page, "live").wait_for()
    await expect(word(page, "aloft.txt")).to_have_text("Processed")


async def test_after_sleep_a_line_that_died_silently_is_given_up_and_taken_up_anew(
    come: Come,
) -> None:
    here = await come("sleeper")
    page = await here.visitor.context.new_page()
    page.on("console", here.visitor._console)
    await page.clock.install()
    await page.goto("/")
    await light(page, "live").wait_for()
    here.gate.freeze()  # the line is dead, and nobody has said so
    await asyncio.to_thread(put, here.visitor.client, "overnight.txt")
    await page.clock.fast_forward("08:00:00")
    await expect(page.locator("#live")).not_to_have_attribute("data-state", "live")
    here.gate.thaw()
    await page.clock.fast_forward("01:00")
    await light(page, "live").wait_for()
    await expect(word(page, "overnight.txt")).to_have_text("Processed")


LOOK_AWAY = """
    let hidden = false;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    globalThis.look = (away) => {
        hidden = away;
        document.dispatchEvent(new Event("visibilitychange"));
    };
    globalThis.told = [];
    globalThis.Notification = class {
        static permission = "granted";
        static requestPermission = async () => "granted";
        constructor(title, { body }) { told.push(body); }
    };
"""


async def test_who_looks_elsewhere_is_told_in_the_title_and_by_the_system_that_a_drop_has_ended(
    visit: Visit,
) -> None:
    visitor = await visit()
    await visitor.context.add_init_script(LOOK_AWAY)
    page = await visitor.live()
    title = await page.title()
    drop = [text_file(f"{number}.txt") for number in range(3)]
    await page.evaluate("look(true)")
    await send(page, *drop)
    await expect(page).to_have_title(f"3 files processed. · {title}")
    assert await page.evaluate("told") == []  # only those who asked for it
    await page.evaluate("look(false)")
    await expect(page).to_have_title(title)
    await send(page, *drop)
    await expect(page.locator("[data-count=processed]")).to_have_text("6")
    await expect(page).to_have_title(title)  # who looks at it needs no more
    await page.evaluate("localStorage.setItem('millrace.notify', 'yes'); look(true)")
    await send(page, *drop)
    await expect(page).to_have_title(f"3 files processed. · {title}")
    assert await page.evaluate("told") == ["3 files processed."]


async def test_two_tabs_show_the_same(visit: Visit) -> None:
    visitor = await visit()
    one, two = await visitor.live(), await visitor.live()
    await send(one, text_file("a.txt"), text_file("b.txt"), text_file("c.txt"))
    await expect(two.locator("[data-count=processed]")).to_have_text("3")
    await expect(one.locator("[data-count=processed]")).to_have_text("3")
    await asyncio.to_thread(put, visitor.client, "d.txt")
    for page in (one, two):
        await expect(page.locator("#ended-groups .row")).to_have_count(4)
        await expect(word(page, "d.txt")).to_have_text("Processed")
        await expect(page.locator("#ended-groups .mark-word")).to_have_text(["Processed"] * 4)
        await expect(page.locator("[data-count=processed]")).to_have_text("4")
    # a drop's own page has its files in the order in which they were dropped
    seen = [await page.locator("#ended-groups .row-name").all_inner_texts() for page in (one, two)]
    assert sorted(seen[0]) == sorted(seen[1]) == ["a.txt", "b.txt", "c.txt", "d.txt"]
    sides = [await page.locator("[data-count]").all_inner_texts() for page in (one, two)]
    assert sides[0] == sides[1]


# -- trouble while many files come -----------------------------------------------------------------

SCALES = [
    pytest.param(30, 3.0, id="30 files, 3 s"),
    pytest.param(200, 10.0, marks=[pytest.mark.soak], id="200 files, 10 s"),
]


@asynccontextmanager
async def stranger(ws_url: str, token: str) -> AsyncIterator[list[dict[str, Any]]]:
    """What somebody of another space is sent, but of their own space's standing."""
    heard: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {token}"}

    async def listen(socket: Any) -> None:
        async for raw in socket:
            frame = json.loads(raw)
            if frame["type"] not in {"position", "delivery"}:
                heard.append(frame)

    async with connect(f"{ws_url}/ws/events/", additional_headers=headers) as socket:
        await socket.send(json.dumps({"type": "hello", "after": None}))
        while json.loads(await socket.recv())["type"] != "ready":
            pass
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(listen(socket))
            yield heard
            listening.cancel()


@asynccontextmanager
async def program(url: str, token: str, number: int) -> AsyncIterator[tuple[World, asyncio.Event]]:
    """What a program holds that follows the stream, and when so many files are processed there."""
    world, whole = World(), asyncio.Event()

    async def follow() -> None:
        async with AsyncClient(url, token) as client:
            async for frame in client.follow():
                world.apply(frame)
                if world.counts.get("processed") == number:
                    whole.set()

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        yield world, whole
        following.cancel()


def drop(client: httpx.Client, number: int, seconds: float) -> None:
    """Files of one batch, one after the other, in about that time."""
    for each in range(number):
        put(client, f"{each:03}.txt", f"words {each}\n".encode(), batch="drop")
        asyncio.run(asyncio.sleep(seconds / number))


def stored(client: httpx.Client) -> dict[str, dict[str, Any]]:
    items: list[dict[str, Any]] = []
    query = {"limit": "200"}
    while True:
        page = client.get("/api/files/", params=query).raise_for_status().json()
        items += page["items"]
        if not page["next"]:
            return {item["id"]: item for item in items}
        query["cursor"] = page["next"]


GATHER = """async () => {
    const found = {};
    let doubled = 0;
    for (let top = 0; ; top += innerHeight / 2) {
        scrollTo(0, top);
        await new Promise((resolve) => setTimeout(resolve, 60));
        const names = new Set();
        for (const line of document.querySelectorAll(".lines .line")) {
            const name = line.querySelector(".line-name").textContent;
            doubled += names.has(name);
            names.add(name);
            found[name] = line.querySelector(".mark-word").textContent;
        }
        if (scrollY + innerHeight >= document.documentElement.scrollHeight - 2) break;
    }
    return { found, doubled };
}"""


async def shows_what_is_stored(dashboard: Page, listing: Page, told: dict[str, Any]) -> None:
    """Both pages are as the database is, without having been loaded anew."""
    number = len(told)
    await expect(dashboard.locator("[data-count=processed]")).to_have_text(str(number))
    await expect(dashboard.locator(".batch-title")).to_have_text(f"{number} files")
    await expect(dashboard.locator(".batch-about")).to_contain_text("all processed")
    await expect(dashboard.locator(".batch")).to_have_count(1)
    await light(listing, "live").wait_for()
    shown = {"found": {file["name"]: "Processed" for file in told.values()}, "doubled": 0}
    deadline = asyncio.get_running_loop().time() + 60
    while (gathered := await listing.evaluate(GATHER)) != shown:  # rows are written frame by frame
        assert asyncio.get_running_loop().time() < deadline, gathered
    for page in (dashboard, listing):
        assert await page.evaluate("globalThis.neverReloaded")


async def pages_of(visitor: Visitor) -> tuple[Page, Page]:
    pages = await visitor.live("/"), await visitor.live("/files/?sort=name")
    for page in pages:
        await page.evaluate("globalThis.neverReloaded = true")
    return pages


@pytest.mark.parametrize(("number", "seconds"), SCALES)
async def test_a_page_whose_every_socket_is_cut_while_files_come_is_as_the_database(
    come: Come, number: int, seconds: float
) -> None:
    here = await come(f"cut-{number}")
    dashboard, listing = await pages_of(here.visitor)
    other = await asyncio.to_thread(here.server.token, f"stranger-{number}")
    async with (
        stranger(here.server.ws_url, other) as overheard,
        program(here.gate.url, here.visitor.token, number) as (world, whole),
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(asyncio.to_thread(drop, here.visitor.client, number, 1.5 * seconds))
        await expect(dashboard.locator(".batch-title")).to_be_visible()
        here.gate.shut = True
        here.gate.cut()
        await light(dashboard, "offline").wait_for()
        await asyncio.sleep(seconds)
        here.gate.shut = False
        await asyncio.wait_for(whole.wait(), 200)
        told = await asyncio.to_thread(stored, here.visitor.client)
        assert world.files == told
        await shows_what_is_stored(dashboard, listing, told)
        assert overheard == []


@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.nginx
@pytest.mark.parametrize(("number", "seconds"), SCALES)
async def test_a_page_is_as_the_database_though_redis_was_away_and_said_so(
    browser: Browser, tmp_path: Path, number: int, seconds: float
) -> None:
    # what the worker does comes to the page through Redis, or the log
    stack = Stack(tmp_path, web=1, workers=1)
    (stack.data_dir / "static").symlink_to(await asyncio.to_thread(shared.static_files))
    await asyncio.to_thread(stack.__enter__)
    context = await browser.new_context(base_url=stack.url)
    try:
        token, other = [await asyncio.to_thread(stack.token, name) for name in ("me", "not-me")]
        await sign_in(context, await asyncio.to_thread(stack.manage, "link", "me"))
        visitor = Visitor(stack, context, token)  # type: ignore[arg-type]
        dashboard, listing = await pages_of(visitor)
        async with (
            stranger(stack.ws_url, other) as overheard,
            program(stack.url, token, number) as (world, whole),
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(asyncio.to_thread(drop, visitor.client, number, 1.5 * seconds))
            await expect(dashboard.locator(".batch-title")).to_be_visible()
            await asyncio.to_thread(stack.redis.kill9)
            await light(dashboard, "degraded").wait_for()
            await expect(dashboard.locator("#live")).to_contain_text("some seconds late")
            await asyncio.sleep(seconds)
            await asyncio.to_thread(stack.redis.start)
            await asyncio.wait_for(whole.wait(), 200)
            told = await asyncio.to_thread(stored, visitor.client)
            assert world.files == told
            await shows_what_is_stored(dashboard, listing, told)
            await light(dashboard, "live").wait_for()
            assert overheard == []
        visitor.client.close()
        assert visitor.unexpected() == []
    finally:
        await context.close()
        await asyncio.to_thread(stack.__exit__, None)
