"""One real Chromium for all tests of the pages; every page that a test opens must end without a
complaint: no error in the console, no report of the Content-Security-Policy.
"""

from __future__ import annotations

import inspect
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from project.settings import BASE_DIR
from tests.support.server import Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SAMPLES = BASE_DIR / "frontend" / "static" / "samples"
numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All async tests here share the loop that the browser lives on."""
    for item in items:
        if "tests/pages/" not in item.nodeid or not isinstance(item, pytest.Function):
            continue
        if inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = shutil.which("chromium")
    assert path, "Chromium is missing: sudo apt-get install chromium fonts-dejavu-core"
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        await running.close()


class Visitor:
    """Somebody with a browser window of their own, signed in (or not) at a server."""

    def __init__(self, server: Server, context: BrowserContext, complaints: list[str]) -> None:
        self.server = server
        self.context = context
        self.complaints = complaints
        self.expected: list[str] = []

    async def open(self, path: str = "/") -> Page:
        """A new tab with that page in it, once its script has run and the line is live."""
        page = await self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        await page.goto(path)
        return page

    async def live(self, path: str = "/") -> Page:
        """As `open`, and returns when the page hears the stream."""
        page = await self.open(path)
        await page.locator("#live[data-state=live]").wait_for()
        return page

    def _console(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def unexpected(self) -> list[str]:
        """Complaints but those that the test said would come."""
        return [
            complaint
            for complaint in self.complaints
            if not any(expected in complaint for expected in self.expected)
        ]


Visit = Callable[..., Awaitable[Visitor]]


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, server: Server) -> AsyncIterator[Visit]:
    """Makes visitors: `await visit()` is a new user, signed in by a link."""
    made: list[Visitor] = []

    async def make(
        name: str | None = "", at: Server | None = None, width: int = 1280, **options: Any
    ) -> Visitor:
        place = at or server
        context = await browser.new_context(
            base_url=place.url, viewport={"width": width, "height": 860}, **options
        )
        context.set_default_timeout(15_000)
        visitor = Visitor(place, context, [])
        made.append(visitor)
        if name is not None:
            link = place.manage("link", name or f"visitor{next(numbers)}").strip()
            page = await visitor.open(link)
            await page.close()
        return visitor

    yield make
    for visitor in made:
        await visitor.context.close()
    for visitor in made:
        assert visitor.unexpected() == []


async def send(page: Page, *files: Any) -> None:
    """Choose files by the page's own button."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files(list(files))


def text_file(name: str, text: str = "hello\n") -> dict[str, Any]:
    """A file for `send` that is on no disk."""
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
