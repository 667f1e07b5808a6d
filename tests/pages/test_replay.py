"""A newer version of a processor: offered on the file's page and for all files, its results beside
the old ones.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.support.server import Server

pytestmark = pytest.mark.browser
OWN = """
from uploads.processors import Context, processor

@processor(name="count", accepts=["text/*"], version={version})
def count(ctx: Context) -> dict:
    return {{"words": {words}, "same": 1}}
"""


async def test_results_of_two_versions_stand_side_by_side(
    browser: Browser, make_server: Callable[..., Server], tmp_path: Path
):
    own = tmp_path / "count.py"
    own.write_text(OWN.format(version=1, words=11))
    server = make_server(PROCESSORS_DIR=str(tmp_path)).start()
    ids = []
    with server.client(server.token("ada")) as client:
        for name in ("a.txt", "b.txt"):
            headers = {"Accept": "application/json"}
            answer = client.put(f"/upload/{name}", content=b"words", headers=headers)
            ids.append(answer.json()["files"][0]["id"])
            server.wait_for(client, ids[-1])
    server.stop()
    own.write_text(OWN.format(version=2, words=22))
    server.start().works()
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    await page.goto(server.manage("link", "ada").strip())
    await page.goto(f"/files/{ids[0]}/")
    await expect(page.locator("#outdated-words")).to_contain_text("count v1 → v2")
    await page.get_by_role("button", name="Process with it").click()
    words = page.locator(".generic .facts > div", has_text="words")
    await expect(words.locator("dd")).to_have_text("22")
    await expect(page.locator("#outdated")).to_be_hidden()
    await page.get_by_role("button", name="Attempt 1").click()
    await expect(words.locator("dd")).to_have_text("11")
    await page.get_by_role("button", name="Attempt 2").click()
    await expect(words.locator("dd")).to_have_text("22")
    await page.get_by_role("button", name="Compare the last two").click()
    await expect(page.locator("#compared tbody tr")).to_have_count(1)
    await expect(page.locator("#compared tbody tr td")).to_have_text(["count.words", "11", "22"])
    await page.goto("/settings/")
    await page.get_by_role("button", name="Process again (1)").click()
    await expect(page.locator("#toasts")).to_contain_text("1 file is processed again.")
    await page.goto(f"/files/{ids[1]}/")
    await expect(words.locator("dd")).to_have_text("22")
    await context.close()
