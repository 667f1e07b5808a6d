"""A tab that is left open stays as small as it was, however much happens in the space."""

import asyncio
import json
import uuid
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, WebSocketRoute

from tests.pages.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
FRAMES = 40  # in each half
FILES = 200  # in each frame
GROWTH = 1_000_000  # bytes; a tenth of what is told in each half
COUNTS = dict.fromkeys(("receiving", "queued", "processing", "processed", "failed", "cancelled"), 0)


def file(number: int, batch: str | None, status: str) -> dict[str, Any]:
    """As the stream describes one."""
    moment = f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    return {
        "id": str(uuid.UUID(int=number)),
        "space": "own",
        "name": f"measurement {number}.txt",
        "path": f"survey/measurement {number}.txt",
        "size": 1000,
        "received": 1000,
        "media_type": "text/plain",
        "kind": "text",
        "sha256": f"{number:064x}",
        "status": status,
        "batch": batch,
        "parent": None,
        "attempt": 1,
        "created_at": moment,
        "finished_at": moment if status == "processed" else None,
        "step": None,
        "error": None,
        "thumbnail": None,
    }


AT_REST = """() => new Promise((resolve) => {
    let times = 0; // with pauses longer than what the page puts off
    const again = () => {
        times += 1;
        if (times > 20) resolve();
        else setTimeout(() => requestIdleCallback(again), 100);
    };
    again();
})"""


class Traffic:
    """Stands in for the socket's other end: more than any server could do in the time of a test."""

    def __init__(self) -> None:
        self.seq = 0
        self.route: WebSocketRoute | None = None

    def open(self, route: WebSocketRoute) -> None:
        self.route = route
        route.on_message(lambda _message: self.begin())

    def begin(self) -> None:
        snapshot = {"type": "snapshot", "cursor": "1:0", "files": [], "counts": COUNTS}
        self.send(snapshot | {"reason": "first", "last": True})
        self.send({"type": "ready"})

    def send(self, frame: dict[str, Any]) -> None:
        assert self.route is not None
        self.route.send(json.dumps(frame))

    async def pass_by(self, page: Page) -> None:
        """Files come and end: alone, and in drops."""
        for number in range(FRAMES):
            batch = None if number % 3 else str(uuid.uuid4())
            first = self.seq
            for status in ("queued", "processed"):
                events = []
                for each in range(FILES):
                    self.seq += 1
                    about = file(first + each, batch, status)
                    at = about["created_at"]
                    kind = "file.created" if status == "queued" else "file.updated"
                    events.append({"seq": self.seq, "type": kind, "at": at, "file": about})
                cursor = f"1:{self.seq}"
                counts = COUNTS | {"processed": self.seq}
                self.send({"type": "events", "cursor": cursor, "events": events, "counts": counts})
            if number % 4 == 0:
                await asyncio.sleep(0.1)
        await page.evaluate(AT_REST)


async def size(devtools: CDPSession) -> tuple[float, float]:
    """Bytes of the heap in use, and elements."""
    for _ in range(4):
        await devtools.send("HeapProfiler.collectGarbage")
    answer = await devtools.send("Performance.getMetrics")
    values = {each["name"]: each["value"] for each in answer["metrics"]}
    return values["JSHeapUsedSize"], values["Nodes"]


@pytest.mark.parametrize("path", ["/", "/files/"])
async def test_a_tab_stays_small_while_very_many_files_pass_by(visit: Visit, path: str):
    visitor = await visit()
    traffic = Traffic()
    page = await visitor.context.new_page()
    await page.route_web_socket("**/ws/events/*", traffic.open)
    await page.route("**/api/batches/**", lambda route: route.fulfill(json={}))
    await page.goto(path)
    await page.locator("#live[data-state=live]").wait_for()
    devtools = await visitor.context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    await traffic.pass_by(page)
    heap, nodes = await size(devtools)
    await traffic.pass_by(page)
    heap_after, nodes_after = await size(devtools)
    assert heap_after - heap < GROWTH, (heap, heap_after)
    assert nodes_after < nodes + 300
