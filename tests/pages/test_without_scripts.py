"""Without scripts the pages still do their work: send by the plain form, read, retry, delete."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import SAMPLES, Visit
from tests.support.server import Server

pytestmark = pytest.mark.browser


async def test_files_are_sent_read_and_deleted_without_scripts(server: Server, visit: Visit):
    visitor = await visit(java_script_enabled=False)
    page = await visitor.open("/")
    await page.locator("input[type=file]").set_input_files(
        [SAMPLES / "letter.txt", SAMPLES / "rivers.csv"]
    )
    await page.get_by_role("button", name="Send", exact=True).click()
    client = visitor.client
    for file in client.get("/api/files/").json()["items"]:
        server.wait_for(client, file["id"])
    await page.goto("/files/")
    await expect(page.locator(".line-name")).to_have_count(2)
    await page.get_by_label("Kind").select_option(label="Text")
    await page.get_by_role("button", name="Show").click()
    await expect(page.locator(".line-name")).to_have_text(["letter.txt"])
    await page.get_by_role("link", name="letter.txt").click()
    await expect(page.locator("#facts")).to_contain_text("Plain text")
    await expect(page.locator(".step", has_text="checksum")).to_be_visible()
    await page.get_by_role("button", name="Process again").click()
    file = server.wait_for(client, page.url.rstrip("/").rsplit("/", 1)[-1])
    assert file["attempt"] == 2
    await page.reload()
    await page.get_by_role("button", name="Delete").click()
    await expect(page.locator(".line-name")).to_have_text(["rivers.csv"])


async def test_a_refused_file_of_the_plain_form_is_named(visit: Visit):
    visitor = await visit(java_script_enabled=False)
    visitor.expected = ["400"]
    page = await visitor.open("/")
    await page.locator("input[type=file]").set_input_files(
        {"name": "n" * 300, "mimeType": "text/plain", "buffer": b"x"}
    )
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.get_by_role("heading", name="A file was not taken")).to_be_visible()
    await expect(page.locator(".refused")).to_contain_text("at most 255")


async def test_a_large_drop_is_told_whole_and_hides_nothing_that_ended_before_it(
    server: Server, visit: Visit
):
    visitor = await visit(java_script_enabled=False)
    client = visitor.client
    first = {"file": ("first.txt", b"before all others")}
    headers = {"Accept": "application/json"}
    made = client.post("/upload/", files=first, headers=headers).json()["files"]
    drop: list[tuple[str, tuple[str | None, bytes]]] = [("batch", (None, b"drop"))]
    drop += [("file", (f"{number}.txt", b"x" * number)) for number in range(1, 61)]
    made += client.post("/upload/", files=drop, headers=headers).json()["files"]
    for file in made:
        server.wait_for(client, file["id"])
    page = await visitor.open("/")
    await expect(page.locator(".batch-title")).to_have_text(["60 files"])
    await expect(page.locator(".batch-about")).to_have_text(["60 of 60 processed"])
    await expect(page.get_by_role("link", name="first.txt")).to_be_visible()
    await page.goto(f"/files/{made[0]['id']}/")
    name = page.locator(".step-name", has_text="checksum")
    assert await name.evaluate("(one) => one.scrollWidth <= one.clientWidth")
