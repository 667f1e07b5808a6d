"""The whole path as a person sees it: five files of five kinds, dropped and watched to their end; a
second tab and a program see the same.
"""

import asyncio
import json

import pytest
from playwright.async_api import expect
from websockets.asyncio.client import connect

from tests.pages.conftest import SAMPLES, Visit, send
from tests.support.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
NAMES = ["waterwheel.jpg", "rivers.csv", "handbook.pdf", "letter.txt", "unknown.bin"]


async def listen(server: Server, token: str, ready: asyncio.Event) -> dict[str, str]:
    """What a program with a token is told: the last status of each file, once all five ended. It is
    told of all from `ready` on.
    """
    statuses: dict[str, str] = {}
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(f"{server.ws_url}/ws/events/", additional_headers=headers) as socket:
        await socket.send(json.dumps({"type": "hello", "after": None}))
        while sum(status == "processed" for status in statuses.values()) < len(NAMES):
            frame = json.loads(await socket.recv())
            if frame["type"] == "ready":
                ready.set()
            for event in frame.get("events", []):
                if "file" in event:
                    statuses[event["file"]["name"]] = event["file"]["status"]
    return statuses


async def test_five_files_are_seen_going_to_processed_by_everybody(server: Server, visit: Visit):
    visitor = await visit()
    page = await visitor.live("/")
    other = await visitor.live("/files/")
    await expect(page.get_by_role("heading", name="Drop your first files here")).to_be_visible()
    ready = asyncio.Event()
    program = asyncio.create_task(listen(server, visitor.token, ready))
    await asyncio.wait_for(ready.wait(), 100)
    await page.evaluate("globalThis.neverReloaded = true")
    await other.evaluate("globalThis.neverReloaded = true")

    await send(page, *[SAMPLES / name for name in NAMES])
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    for name in NAMES:
        row = page.locator(".row", has_text=name)
        await expect(row.locator(".mark-word")).to_have_text("Processed")
        line = other.locator(".line", has_text=name)
        await expect(line.locator(".mark-word")).to_have_text("Processed")
    await expect(page.locator("[data-count=processed]")).to_have_text("5")
    assert await page.evaluate("globalThis.neverReloaded")
    assert await other.evaluate("globalThis.neverReloaded")
    statuses = await asyncio.wait_for(program, 100)
    assert statuses == dict.fromkeys(NAMES, "processed")
