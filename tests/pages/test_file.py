"""The page of one file: its preview by kind, its steps, what can be done, and its staying true."""

import io
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.pages.conftest import SAMPLES, Visit, Visitor, until
from tests.support.server import Server

pytestmark = pytest.mark.browser


class Owner:
    """A user with a window and a token."""

    def __init__(self, visitor: Visitor) -> None:
        self.server = visitor.server
        self.visitor = visitor
        self.client = visitor.client

    def put(self, name: str, content: bytes) -> str:
        """The id of a new file."""
        headers = {"Accept": "application/json"}
        answer = self.client.put(f"/upload/{name}", content=content, headers=headers)
        assert answer.status_code == 201, answer.text
        file_id: str = answer.json()["files"][0]["id"]
        return file_id

    def ended(self, name: str, content: bytes) -> str:
        """The id of a file, once it has ended."""
        file_id = self.put(name, content)
        self.server.wait_for(self.client, file_id)
        return file_id

    async def open(self, file_id: str) -> Page:
        return await self.visitor.live(f"/files/{file_id}/")


async def owner(visit: Visit) -> Owner:
    return Owner(await visit())


async def test_each_kind_has_its_preview_first(visit: Visit):
    ada = await owner(visit)
    shown = {
        "waterwheel.jpg": ".view-image img",
        "rivers.csv": ".grid td >> text=Amazon",
        "handbook.pdf": ".page-large img",
        "letter.txt": ".lines-of-text >> text=the wheel turns again",
        "unknown.bin": ".hex >> text=MILLRACE",
    }
    ids = {name: ada.put(name, (SAMPLES / name).read_bytes()) for name in shown}
    for name, selector in shown.items():
        ada.server.wait_for(ada.client, ids[name])
        page = await ada.open(ids[name])
        await expect(page.get_by_role("heading", name=name)).to_be_visible()
        await expect(page.locator(f"#preview {selector}").first).to_be_visible()
        await expect(page.locator(".step", has_text="checksum")).to_be_visible()
        lines = await page.locator(".step").count()
        await expect(page.locator(".step-span i")).to_have_count(lines)
        await expect(page.locator(".step-name").nth(0)).to_contain_text("Received")
        await expect(page.locator(".step-name").nth(1)).to_have_text("Waited")
        await page.close()


ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w") as packed:
    packed.writestr("src/wheel.py", "turn()\n" * 50)
MAIL = (
    b"From: Ada <ada@example.org>\r\nTo: Miller <miller@example.org>\r\n"
    b"Subject: The new wheel\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n\r\nThe oak has come.\r\n"
)
TONE = io.BytesIO()
with wave.open(TONE, "wb") as sound:
    sound.setnchannels(1)
    sound.setsampwidth(2)
    sound.setframerate(8000)
    sound.writeframes(bytes(range(256)) * 60)
OTHER_KINDS = {
    "mill.zip": (ARCHIVE.getvalue(), ".entries >> text=wheel.py"),
    "mill.json": (b'{"wheel": {"spokes": 12}}', ".tree >> text=spokes"),
    "mill.py": (b"def turn():\n    return 'round'\n", ".t-keyword >> text=def"),
    "mill.eml": (MAIL, ".view-mail >> text=The new wheel"),
    "mill.wav": (TONE.getvalue(), ".view-sound audio"),
    "nothing": (b"", "h2 >> text=An empty file"),
}


OTHER_KINDS |= {
    "mill.md": (b"# The mill\n\nIt *turns*.\n\n<script>x</script>\n", ".rich h1 >> text=The mill"),
    "fine.eml": (
        MAIL.replace(b"MIME-Version", b"Content-Type: text/html\r\nMIME-Version").replace(
            b"The oak", b"<b>The oak</b><form><input></form>"
        ),
        ".rich b >> text=The oak",
    ),
}


async def test_a_long_name_leaves_the_way_back_its_room(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.put("n" * 200, b"hello\n"))
    back = page.locator(".crumbs").get_by_role("link", name="Files")
    lines = "(link) => link.offsetHeight / parseFloat(getComputedStyle(link).lineHeight)"
    assert round(await back.evaluate(lines)) == 1


@pytest.mark.parametrize("name", OTHER_KINDS)
async def test_other_kinds_have_views_of_their_own(visit: Visit, name: str):
    content, selector = OTHER_KINDS[name]
    ada = await owner(visit)
    page = await ada.open(ada.ended(name, content))
    await expect(page.locator(f"#preview {selector}").first).to_be_visible()


async def test_a_picture_is_looked_at_closer_by_keyboard(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("wheel.jpg", (SAMPLES / "waterwheel.jpg").read_bytes()))
    await page.locator(".view-image").focus()
    await page.keyboard.press("+")
    await expect(page.locator(".view-image.zoomed")).to_be_visible()
    await page.keyboard.press("0")
    await expect(page.locator(".view-image.zoomed")).to_have_count(0)


async def test_any_page_of_a_pdf_can_be_read_when_looked_at_closer(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("handbook.pdf", (SAMPLES / "handbook.pdf").read_bytes()))
    await page.locator(".page-strip button").nth(1).click()
    large = page.locator(".page-large img")
    await expect(large).to_have_attribute("alt", "Page 2")
    await until(page, "document.querySelector('.page-large img').naturalHeight === 1600")
    await large.click(position={"x": 40, "y": 60})
    await expect(page.locator(".page-large.zoomed")).to_be_visible()
    wide = await large.evaluate("(picture) => picture.clientWidth / picture.naturalWidth")
    assert wide == pytest.approx(1, abs=0.01)
    await page.locator(".page-large").press("+")
    await expect(page.locator(".view-tools")).to_contain_text("200 %")
    await page.locator(".page-strip button").nth(2).click()
    await expect(page.locator(".page-large.zoomed")).to_have_count(0)


async def test_columns_are_profiled_with_histograms_and_frequent_values(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("rivers.csv", (SAMPLES / "rivers.csv").read_bytes()))
    length = page.locator(".column", has_text="length_km")
    await expect(length.locator(".bars i")).to_have_count(20)
    await expect(page.locator(".column", has_text="continent").locator(".tops")).to_contain_text(
        "Asia"
    )


async def test_a_file_is_watched_to_its_end_without_a_reload(visit: Visit):
    ada = await owner(visit)
    lines = b"".join(b"%d,%d,word\n" % (number, number * 7) for number in range(400_000))
    page = await ada.open(ada.put("long.csv", b"a,b,c\n" + lines))
    await page.evaluate("globalThis.neverReloaded = true")
    await expect(page.locator("#head .mark-word")).to_have_text("Processed")
    await expect(page.locator("#preview .grid")).to_be_visible()
    await expect(page.locator("#running")).to_be_hidden()
    assert await page.evaluate("globalThis.neverReloaded")


async def test_a_failure_says_what_happened_what_to_do_and_can_be_retried(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("broken.png", b"\x89PNG\r\n\x1a\nno more"))
    await expect(page.locator("#trouble")).to_contain_text("image")
    await expect(page.locator("#trouble-advice")).to_contain_text("Send it again")
    await expect(page.locator("#preview")).to_be_hidden()
    async with page.expect_response("**/retry/"):
        await page.get_by_role("button", name="Retry").click()
    await expect(page.locator("#facts")).to_contain_text("Attempt")
    await expect(page.locator("#trouble")).to_be_visible()


async def test_a_deleted_file_says_so_in_every_tab(visit: Visit):
    ada = await owner(visit)
    file_id = ada.ended("a.txt", b"a")
    other = await ada.open(file_id)
    page = await ada.open(file_id)
    await page.get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await page.wait_for_url("**/files/")
    await expect(other.get_by_role("heading", name="This file was deleted")).to_be_visible()


async def test_a_strangers_file_is_not_there(visit: Visit):
    ada = await owner(visit)
    file_id = ada.put("mine.txt", b"mine")
    stranger = await visit()
    stranger.expected = ["404"]
    page = await stranger.open(f"/files/{file_id}/")
    await expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()


async def test_odd_names_are_text_and_nothing_else(visit: Visit):
    ada = await owner(visit)
    name = '<img src=x onerror=alert(1)>"&\u202egpj.txt'
    files = {"file": (name, b"hello", "text/plain")}
    answer = ada.client.post("/upload/", files=files, headers={"Accept": "application/json"})
    file = answer.json()["files"][0]
    ada.server.wait_for(ada.client, file["id"])
    for path in ("/", "/files/", f"/files/{file['id']}/"):
        page = await ada.visitor.live(path)
        await expect(page.get_by_text(file["name"]).first).to_be_visible()
        assert await page.locator("img[src=x]").count() == 0


async def test_what_is_inside_of_an_archive_is_listed_and_watched(visit: Visit):
    ada = await owner(visit)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("rivers.csv", (SAMPLES / "rivers.csv").read_bytes())
        archive.writestr("../<b>letter.txt", "words")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    page = await ada.open(ada.ended("mill.zip", packed.getvalue()))
    await expect(page.locator("#inside")).to_be_hidden()
    await page.get_by_role("button", name="Unpack").click()
    rows = page.locator("#inside-list li")
    await expect(rows).to_have_count(2)
    for name in ("rivers.csv", "letter"):
        await expect(rows.filter(has_text=name).locator(".mark-word")).to_have_text("Processed")
    await page.get_by_text("1 file inside was left out").click()
    await expect(page.locator("#inside-notes")).to_contain_text("link · no regular file")
    await expect(page.locator(".step-sent")).to_have_text("2 files sent on · 1 left out")
    await rows.filter(has_text="rivers.csv").get_by_role("link").click()
    await expect(page.get_by_role("heading", name="rivers.csv")).to_be_visible()
    await page.locator("#parent").click()
    await expect(page.get_by_role("heading", name="mill.zip")).to_be_visible()
    await expect(page.locator("#inside-list li")).to_have_count(2)


TEMPLATED = """
from uploads.processors import Context, processor

@processor(name="echo", accepts=["text/*"])
def echo(ctx: Context) -> dict:
    return {"text": ctx.path.read_text()}

@processor(name="halves", accepts=["text/*"])
def halves(ctx: Context) -> dict:
    return {"half": 1 / 0}
"""


async def test_a_template_of_ones_own_shows_a_result_and_a_failure_its_lines(
    browser: Browser, make_server: Callable[..., Server], tmp_path: Path
):
    (tmp_path / "echo.py").write_text(TEMPLATED)
    (tmp_path / "echo.html").write_text('<p class="mine">It says <b>{{ result.text }}</b></p>')
    server = make_server(PROCESSORS_DIR=str(tmp_path)).start()
    with server.client(server.token("ada")) as client:
        headers = {"Accept": "application/json"}
        answer = client.put("/upload/a.txt", content=b"<i>words</i>", headers=headers)
        file_id = answer.json()["files"][0]["id"]
        server.wait_for(client, file_id)
    context = await browser.new_context(base_url=server.url)
    page = await context.new_page()
    await page.goto(server.manage("link", "ada").strip())
    await page.goto(f"/files/{file_id}/")
    await expect(page.locator(".own-view .mine b")).to_have_text("<i>words</i>")
    await page.get_by_text("For its author").click()
    await expect(page.locator(".step-detail pre")).to_contain_text("line 10, in halves")
    await context.close()
