"""How heavy and how steady the first page is."""

import gzip

import pytest
from playwright.async_api import Response

from tests.pages.conftest import Visit
from tests.support.server import Server

pytestmark = pytest.mark.browser
MOST = 150_000  # bytes, compressed


@pytest.mark.parametrize("language", ["en-GB", "de-DE"])
async def test_the_first_page_is_light(server: Server, visit: Visit, language: str):
    visitor = await visit(locale=language)
    responses: list[Response] = []
    page = await visitor.context.new_page()
    page.on("response", lambda response: responses.append(response))
    await page.goto("/")
    await page.locator("#live[data-state=live]").wait_for()
    weights = {}
    for response in responses:
        body = await response.body()
        packed = body if response.url.endswith(".woff2") else gzip.compress(body)
        weights[response.url.removeprefix(server.url)] = len(packed)
    assert sum(weights.values()) <= MOST, weights


async def test_scripts_and_styles_are_kept_for_ever_and_sent_compressed(
    server: Server, visit: Visit
):
    visitor = await visit()
    responses: list[Response] = []
    page = await visitor.context.new_page()
    page.on("response", lambda response: responses.append(response))
    await page.goto("/")
    await page.locator("#live[data-state=live]").wait_for()
    static = [response for response in responses if "/static/" in response.url]
    assert len(static) > 10
    for response in static:
        headers = await response.all_headers()
        assert "immutable" in headers["cache-control"], response.url
        if response.url.endswith(".js"):
            assert headers.get("content-encoding") in {"gzip", "br", "zstd"}, response.url


@pytest.mark.parametrize("width", [390, 1440])
async def test_nothing_shifts_while_the_page_comes_alive(visit: Visit, width: int):
    visitor = await visit(width=width)
    await visitor.context.add_init_script(
        """globalThis.shifted = 0;
        new PerformanceObserver((list) => {
            for (const entry of list.getEntries()) shifted += entry.value;
        }).observe({ type: "layout-shift", buffered: true });"""
    )
    for path in ("/", "/files/"):
        page = await visitor.live(path)
        await page.wait_for_timeout(300)
        assert await page.evaluate("shifted") < 0.02, path


@pytest.mark.parametrize("width", [320, 390, 768, 1920])
async def test_no_page_is_wider_than_its_window(visit: Visit, width: int):
    visitor = await visit(width=width)
    for path in ("/", "/files/"):
        page = await visitor.live(path)
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
