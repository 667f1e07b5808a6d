"""A folder of very many small files, dropped on the dashboard in a real Chromium.

`python -m benchmarks.browser NUMBER BYTES` drops as many of that size. What is told: the longest
task of the page's thread, by the clock and by the processor (which differ where others want it
too), when all were received and when all had ended, how many requests were under way at once, and
what the tab's heap held before and after.
"""

import asyncio
import json
import math
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page, Request, async_playwright

from benchmarks.table import machine
from tests.pages.conftest import FLAGS, chromium
from tests.support.server import Server

DROPS = ((1000, 10_000), (10_000, 100))  # files, bytes each
A_FOLDER = 500  # files in one folder below the one that is dropped
MOST_SECONDS = 900
LONG = 50  # ms; the browser tells of no shorter task
WATCH = """
globalThis.long = [];
new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries()) long.push([startTime, duration]);
}).observe({ type: "longtask", buffered: true });
"""
RECEIVED = """() => document.getElementById("sending").dataset.state === "safe" """
ENDED = """(count) => {
    const shown = document.querySelector("[data-count=processed]").textContent;
    return Number(shown.replace(/\\D/g, "")) >= count;
}"""


@dataclass(frozen=True)
class Measured:
    """Of one drop: seconds, milliseconds, bytes."""

    received: float
    ended: float
    tasks: list[float]
    busiest: float  # ms of the processor that one task took
    at_once: "AtOnce"
    heap_before: float
    heap_after: float


class AtOnce:
    """How many requests are under way with files in them; workers of the page make most."""

    def __init__(self, page: Page) -> None:
        self.requests = self.now = self.most = 0
        self.busy = self.time = 0.0  # seconds of requests, and in which there were any
        self.changed = 0.0
        page.on("request", lambda request: self._count(request, 1))
        page.on("requestfinished", lambda request: self._count(request, -1))
        page.on("requestfailed", lambda request: self._count(request, -1))

    @property
    def mean(self) -> float:
        """Of the time in which there were any."""
        return self.busy / self.time if self.time else 0

    def _count(self, request: Request, change: int) -> None:
        if request.method != "POST" or "/upload" not in request.url:
            return
        moment = time.monotonic()
        if self.now:
            self.busy += self.now * (moment - self.changed)
            self.time += moment - self.changed
        self.changed = moment
        self.now += change
        self.requests += change > 0
        self.most = max(self.most, self.now)


def folder(place: Path, files: int, size: int) -> Path:
    """Text files that differ, in folders."""
    top = place / f"drop-{files}"
    for number in range(files):
        path = top / f"part {number // A_FOLDER:03}" / f"note {number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        line = f"note {number}\n"
        path.write_text((line * math.ceil(size / len(line)))[:size])
    return top


async def drop(page: Page, devtools: CDPSession, path: Path) -> None:
    """As a hand drops it: with what the browser makes of a folder."""
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 300, "y": 300, "data": data}
        await devtools.send("Input.dispatchDragEvent", event)


async def heap(devtools: CDPSession) -> float:
    """Bytes in use once everything that nobody holds is gone."""
    await devtools.send("HeapProfiler.enable")
    for _ in range(3):
        await devtools.send("HeapProfiler.collectGarbage")
    metrics = await devtools.send("Performance.getMetrics")
    values = {each["name"]: each["value"] for each in metrics["metrics"]}
    return float(values["JSHeapUsedSize"])


async def measure(page: Page, path: Path, files: int) -> Measured:
    """Drop it and wait until every file has ended."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    heap_before = await heap(devtools)
    at_once = AtOnce(page)
    await page.evaluate("long.length = 0")
    trace = path.parent / "trace.json"
    browser = page.context.browser
    assert browser is not None
    await browser.start_tracing(page=page, path=trace, categories=["toplevel"])
    began = time.monotonic()
    await drop(page, devtools, path)
    most = MOST_SECONDS * 1000
    await page.wait_for_function(RECEIVED, polling=200, timeout=most)
    received = time.monotonic() - began
    await page.wait_for_function(ENDED, arg=files, polling=200, timeout=most)
    ended = time.monotonic() - began
    await page.wait_for_timeout(2000)
    tasks: list[Any] = await page.evaluate("long")
    await browser.stop_tracing()
    return Measured(
        received=received,
        ended=ended,
        tasks=sorted((duration for _, duration in tasks), reverse=True),
        busiest=busiest(trace),
        at_once=at_once,
        heap_before=heap_before,
        heap_after=await heap(devtools),
    )


def tell(files: int, size: int, found: Measured) -> None:
    """In lines."""
    longest = f"{found.tasks[0]:.0f} ms" if found.tasks else f"none over {LONG} ms"
    at_once = found.at_once
    before, after = found.heap_before / 1e6, found.heap_after / 1e6
    print(f"{files:,} files of {size:,} B, one folder dropped in one tab")
    facts = {
        "longest task of the page's thread": f"{longest} ({len(found.tasks)} over {LONG} ms)",
        "most that one took of the processor": f"{found.busiest:.0f} ms",
        "all received after": f"{found.received:.1f} s, {files / found.received:.0f} files/s",
        "all ended after": f"{found.ended:.1f} s, {files / found.ended:.0f} files/s",
        "requests with files in them": f"{at_once.requests:,}",
        "of these at once": f"{at_once.most} at most, {at_once.mean:.1f} on average",
        "heap before and after": f"{before:.1f} MB, {after:.1f} MB",
    }
    for name, fact in facts.items():
        print(f"  {name:<38}{fact}", flush=True)


async def one(files: int, size: int) -> Measured:
    """A server, a browser and a folder of their own."""
    with tempfile.TemporaryDirectory() as place:
        path = folder(Path(place), files, size)
        server = Server(Path(place) / "data").start()
        try:
            return await browse(server, path, files)
        finally:
            server.stop()


async def browse(server: Server, path: Path, files: int) -> Measured:
    """Sign in, and drop the folder."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=shutil.which("chromium") or chromium(), args=FLAGS
        )
        context = await browser.new_context(base_url=server.url)
        await context.request.get(server.manage("link", "ada").strip())
        await context.add_init_script(WATCH)
        page = await context.new_page()
        await page.goto("/")
        await page.locator("#live[data-state=live]").wait_for()
        await page.wait_for_timeout(1000)
        found = await measure(page, path, files)
        await browser.close()
        return found


def busiest(trace: Path) -> float:
    """The most of the processor that one task of the page's thread took, in ms."""
    events = json.loads(trace.read_bytes())["traceEvents"]
    threads = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    tasks = [event for event in events if event["name"].endswith("RunTask") and "tdur" in event]
    by_thread = Counter((task["pid"], task["tid"]) for task in tasks)
    page = max(threads, key=lambda thread: by_thread[thread])
    mine = [float(task["tdur"]) for task in tasks if (task["pid"], task["tid"]) == page]
    return max(mine) / 1000


def main(drops: tuple[tuple[int, int], ...] = DROPS) -> None:
    """Print each drop's figures."""
    print(machine())
    for files, size in drops:
        tell(files, size, asyncio.run(one(files, size)))


if __name__ == "__main__":
    main(((int(sys.argv[1]), int(sys.argv[2])),))
