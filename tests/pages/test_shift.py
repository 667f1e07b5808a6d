"""Nothing jumps away from under the pointer while files come in, go through their steps and end."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from PIL import Image
from playwright.async_api import Browser, Page

from tests.pages.conftest import SAMPLES, Visit, Visitor, until
from tests.pages.test_file import Owner

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
LEAST = 0.001  # of the window's area times how far of its height it moved
MOST = 0.1  # in all, of 31 files: what Core Web Vitals call good for one loading of a page
FILES = 30
MANY = 10  # cards, enough to fill a window
JSON = {"Accept": "application/json"}
WATCH = """() => {
    globalThis.shifts = [];
    const name = (node) => !node ? "?" : node.id ? "#" + node.id
        : `${node.nodeName.toLowerCase()}.${node.className?.baseVal ?? node.className}`;
    new PerformanceObserver((list) => {
        for (const { value, hadRecentInput, sources } of list.getEntries()) {
            if (hadRecentInput) continue;
            const moved = sources.map(({ node, previousRect: from, currentRect: to }) =>
                `${name(node)} ${from.x},${from.y} ${from.width}x${from.height}`
                + ` -> ${to.x},${to.y} ${to.width}x${to.height}`);
            shifts.push([value, moved]);
        }
    }).observe({ type: "layout-shift", buffered: true });
}"""


async def shifts(page: Page) -> list[Any]:
    """What moved, and how much, once what was drawn last is measured."""
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))")
    found: list[Any] = await page.evaluate("shifts")
    return [each for each in found if each[0] >= LEAST]


def contents() -> list[tuple[str, bytes]]:
    """Files of several kinds, some with a thumbnail, one of them broken."""
    texts = [(f"note {number}.txt", f"Note {number}.\\n".encode()) for number in range(FILES - 6)]
    samples = [(path.name, path.read_bytes()) for path in sorted(SAMPLES.iterdir())]
    return [*texts, *samples, ("broken.png", b"\\x89PNG\\r\\n\\x1a\\nno more")]


async def one_after_the_other(
    visitor: Visitor, page: Page, files: list[tuple[str, bytes]], *, before: int
) -> None:
    """They come from a program, every second one of the same drop, each when the last has ended and
    what it moved is at rest.
    """
    for number, (name, content) in enumerate(files, 1):
        query = {"batch": "drop"} if number % 2 else {}
        answer = await asyncio.to_thread(
            visitor.client.put, f"/upload/{name}", content=content, params=query, headers=JSON
        )
        assert answer.status_code == 201, answer.text
        await until(page, SEEN_TO_END, before + number)


@pytest.mark.parametrize(
    ("width", "path"),
    [
        (1280, "/"),
        (390, "/files/"),
        *(
            pytest.param(width, path, marks=pytest.mark.soak)
            for width, path in (
                (390, "/"),
                (1280, "/files/"),
                (1280, "/files/?view=gallery"),
                (390, "/files/?view=gallery"),
            )
        ),
    ],
)
async def test_nothing_jumps_while_files_come_and_end(visit: Visit, path: str, width: int):
    visitor = await visit(width=width)
    visitor.client.put("/upload/first.txt", content=b"so that it is not the first run")
    page = await visitor.open(path)
    await page.locator("#live[data-state=live]").wait_for(state="attached")
    await until(page, SEEN_TO_END, 1)
    await page.evaluate(WATCH)
    await one_after_the_other(visitor, page, contents(), before=1)
    found = await shifts(page)
    assert sum(value for value, _ in found) < MOST, found


@asynccontextmanager
async def late_pictures(browser: Browser) -> AsyncIterator[None]:
    """What draws the browser's pictures stands still for most of the time, as on a busy machine."""
    devtools = await browser.new_browser_cdp_session()
    processes = (await devtools.send("SystemInfo.getProcessInfo"))["processInfo"]
    (drawing,) = [process["id"] for process in processes if process["type"] == "GPU"]

    async def hinder() -> None:
        while True:
            os.kill(drawing, signal.SIGSTOP)
            await asyncio.sleep(0.4)
            os.kill(drawing, signal.SIGCONT)
            await asyncio.sleep(0.1)

    hindering = asyncio.create_task(hinder())
    try:
        yield
    finally:
        hindering.cancel()
        os.kill(drawing, signal.SIGCONT)
        await devtools.detach()


async def test_nothing_jumps_where_pictures_come_late(visit: Visit, browser: Browser):
    visitor = await visit()
    page = await visitor.live("/")
    for number in range(MANY):
        visitor.client.put(f"/upload/{number}.txt", content=b"a" * number, headers=JSON)
    await until(page, SEEN_TO_END, MANY)
    await page.evaluate(WATCH)
    async with late_pictures(browser):
        await one_after_the_other(visitor, page, contents()[:12], before=MANY)
    found = await shifts(page)
    assert sum(value for value, _ in found) < 0.05, found


def large() -> bytes:
    """A picture of an odd shape."""
    file = io.BytesIO()
    Image.new("RGB", (900, 1200), "teal").save(file, "PNG")
    return file.getvalue()


KINDS = {
    "short.txt": (b"hello\n", 220),
    "two.csv": (b"a,b\n1,2\n3,4\n", 220),
    "large.png": (large(), 1000),
    "handbook.pdf": ((SAMPLES / "handbook.pdf").read_bytes(), 1000),
}


@pytest.mark.parametrize("name", KINDS)
async def test_a_files_page_is_whole_at_once_and_its_preview_as_tall_as_it_must(
    visit: Visit, name: str
):
    content, most = KINDS[name]
    ada = Owner(await visit(width=390))
    file_id = ada.ended(name, content)
    page = await ada.visitor.context.new_page()
    await page.add_init_script(f"({WATCH})()")
    await page.goto(f"/files/{file_id}/")
    await page.locator("#live[data-state=live]").wait_for(state="attached")
    await page.wait_for_load_state("networkidle")
    height = await page.evaluate("document.querySelector('#preview').offsetHeight")
    assert height <= most
    found = await shifts(page)
    assert sum(value for value, _ in found) < 0.03, found


STILL = """() => ![...document.querySelectorAll("#standstill, #drop, #sending, .side-card")]
    .some(({ style }) => style.transform)"""
DROP = """() => {
    const transfer = new DataTransfer();
    for (const name of ["one", "two", "three"]) transfer.items.add(new File([name], name));
    const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
    document.body.dispatchEvent(new DragEvent("drop", options));
}"""
CLOSE = "document.querySelector('[data-command=dismiss-sending]').click()"


async def test_what_comes_above_others_and_goes_makes_none_of_them_jump(visit: Visit):
    visitor = await visit()
    client = visitor.client
    for number in range(4):
        client.put(f"/upload/{number}.txt", content=b"a" * number, headers=JSON)
    page = await visitor.live("/")
    await until(page, SEEN_TO_END, 4)
    await page.evaluate(WATCH)
    for pausing in (True, False):
        way = "pause" if pausing else "resume"
        await asyncio.to_thread(client.post, f"/api/queue/{way}/", json={})
        await until(
            page, "(shown) => !document.querySelector('#standstill').hidden === shown", pausing
        )
        await until(page, STILL)
    await page.evaluate(DROP)
    await until(page, "() => document.querySelector('#sending').dataset.state === 'safe'")
    await until(page, SEEN_TO_END, 7)
    await page.evaluate(CLOSE)
    await until(page, "() => document.querySelector('#sending').hidden")
    await until(page, STILL)
    await asyncio.to_thread(
        client.put, "/upload/broken.png", content=b"\x89PNG\r\n\x1a\nno more", headers=JSON
    )
    await until(page, "() => !document.querySelector('#failures').hidden")
    await until(page, STILL)
    await until(page, SEEN_TO_END, 8)
    found = await shifts(page)
    assert sum(value for value, _ in found) < 0.05, found


SEEN_TO_END = """async (count) => {
    const counts = await (await fetch("/api/counts/")).json();
    const rows = [...document.querySelectorAll(".row, .line[data-id]")];
    const under = rows.some(({ dataset }) => ["queued", "processing"].includes(dataset.status));
    return counts.processed + counts.failed === count && rows.length > 0 && !under
        && ![...document.querySelectorAll("[style*=translateY]")].some((one) => !one.dataset.id);
}"""


async def test_the_settings_stand_still_while_their_lists_come(visit: Visit):
    visitor = await visit(width=1024)
    made = visitor.client.post("/api/tokens/", json={"name": "backup", "scopes": ["read"]})
    assert made.status_code == 201, made.text
    page = await visitor.context.new_page()
    await page.add_init_script(f"({WATCH})()")
    await page.goto("/settings/")
    await page.locator("#tokens li:not(.to-come)").first.wait_for()
    await page.locator("#spaces li:not(.to-come)").first.wait_for()
    await until(page, "() => !document.querySelector('.to-come')")
    found = await shifts(page)
    assert sum(value for value, _ in found) < 0.03, found
