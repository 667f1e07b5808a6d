"""One real Chromium for all tests of the pages; every page that a test opens must end without a
complaint: no error in the console, no report of the Content-Security-Policy.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    FilePayload,
    Page,
    Route,
    async_playwright,
    expect,
)

from project.settings import BASE_DIR
from tests.support.server import Server

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-site-isolation-trials",  # no process is begun for a next page that never comes
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=60_000)
SAMPLES = BASE_DIR / "frontend" / "static" / "samples"
VISITORS = 25  # made in one go, since each command takes its time
MAKE_VISITORS = """
from uploads import people
for number in range({first}, {first} + {count}):
    user = people.person(f"visitor{{number}}")
    print(user.username, people.make_sign_in_link(user), people.make_token(user)[1])
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All async tests here share the loop that the browser lives on."""
    for item in items:
        if "tests/pages/" not in item.nodeid or not isinstance(item, pytest.Function):
            continue
        if inspect.iscoroutinefunction(item.function):
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(300))
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def chromium() -> str:
    """The browser's path: where there is one, that without windows, which takes half the work."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    assert path, "Chromium is missing: sudo apt-get install chromium fonts-dejavu-core"
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield running
        await running.close()


class Visitor:
    """Somebody with a browser window of their own, signed in (or not) at a server."""

    def __init__(self, server: Server, context: BrowserContext, token: str) -> None:
        self.server = server
        self.context = context
        self.token = token
        self.client = server.client(token)
        self.complaints: list[str] = []
        self.expected: list[str] = []

    async def open(self, path: str = "/") -> Page:
        """A new tab with that page in it, once its script has run and the line is live."""
        page = await self.context.new_page()
        page.on("console", self._console)
        page.on("filechooser", lambda _chooser: None)  # choosers are caught from the start
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


@pytest.fixture(scope="session")
def newcomers(server: Server) -> Iterator[list[str]]:
    """(name, path of a sign-in link, token) of a new user, taken one by one."""
    return new_people(server)


def new_people(server: Server) -> Iterator[list[str]]:
    """Without end."""
    for first in itertools.count(0, VISITORS):
        program = MAKE_VISITORS.format(first=first, count=VISITORS)
        for line in server.manage("shell", "-v0", "-c", program).splitlines():
            yield line.split()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(
    browser: Browser, server: Server, newcomers: Iterator[list[str]]
) -> AsyncIterator[Visit]:
    """Makes visitors: `await visit()` is a new user, signed in; `signed_in=False` is nobody yet."""
    made: list[Visitor] = []

    async def make(*, signed_in: bool = True, width: int = 1280, **options: Any) -> Visitor:
        context = await browser.new_context(
            base_url=server.url, viewport={"width": width, "height": 860}, **options
        )
        context.set_default_timeout(60_000)
        _, link, token = next(newcomers) if signed_in else ("", "", "")
        visitor = Visitor(server, context, token)
        made.append(visitor)
        if signed_in:
            await context.request.get(link)
        return visitor

    yield make
    for visitor in made:
        await visitor.context.close()
        visitor.client.close()
    for visitor in made:
        assert visitor.unexpected() == []


async def until(page: Page, expression: str, arg: Any = None, *, seconds: float = 60) -> None:
    """Wait until it is true in the page. Playwright's own way of waiting needs `eval` there, which
    the pages' policy forbids.
    """
    async with asyncio.timeout(seconds):
        while not await page.evaluate(expression, arg):  # noqa: ASYNC110 - it is there, not here
            await asyncio.sleep(0.05)


async def lose_answers(page: Page, pattern: str, *, most: int) -> list[str]:
    """The first `most` requests reach the server, and their answers nobody. The addresses of all
    such requests, as they come.
    """
    asked: list[str] = []

    async def lose(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > most:
            await route.continue_()
            return
        await route.fetch()
        await route.abort()

    await page.route(pattern, lose)
    return asked


async def send(page: Page, *files: Any) -> None:
    """Choose files by the page's own button."""
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose files").click()
    await (await chooser.value).set_files(list(files))


def text_file(name: str, text: str = "hello\n") -> FilePayload:
    """A file for `send` that is on no disk."""
    return {"name": name, "mimeType": "text/plain", "buffer": text.encode()}
