"""`make screenshots`: the pictures in docs/, taken of a real server in a real Chromium."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from project.settings import BASE_DIR
from tests.pages.conftest import FLAGS, SAMPLES, chromium
from tests.support.server import Server

DOCS = BASE_DIR / "docs"
WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
Theme = Literal["light", "dark"]


def folder_of_work(folder: Path) -> Path:
    """A folder with enough in it to be seen while it is worked on."""
    random.seed(3)
    top = folder / "Survey 2026"
    (top / "measurements").mkdir(parents=True)
    for number in range(1, 5):
        rows = (
            f"2026-{random.randint(1, 12):02}-{random.randint(1, 28):02},station {number},"
            f"{random.gauss(420, 60):.1f},{random.choice(['clear', 'muddy', 'frozen'])}"
            for _ in range(90_000)
        )
        table = top / "measurements" / f"station-{number}.csv"
        table.write_text("day,station,flow_l_s,water\n" + "\n".join(rows))
    (top / "Field notes.txt").write_text("The gauge at the weir reads too high.\n" * 4000)
    shutil.copy(SAMPLES / "waterwheel.jpg", top / "The old mill.jpg")
    shutil.copy(SAMPLES / "handbook.pdf", top / "Handbook.pdf")
    return top


class Camera:
    """Takes pictures of one server's pages."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self.browser = browser
        self.server = server
        self.session: Path | None = None

    async def window(self, size: dict[str, int], theme: Theme) -> BrowserContext:
        """A window of somebody signed in."""
        context = await self.browser.new_context(
            base_url=self.server.url,
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme=theme,
            device_scale_factor=2 if size is NARROW else 1.5,
            is_mobile=size is NARROW,
            has_touch=size is NARROW,
        )
        await context.request.get(self.server.manage("link", "ada").strip())
        return context

    async def take(
        self, name: str, path: str, size: dict[str, int] = WIDE, theme: Theme = "light"
    ) -> None:
        """A picture of a page at rest."""
        context = await self.window(size, theme)
        page = await context.new_page()
        await page.goto(path)
        await page.locator("#live[data-state=live]").wait_for()
        await page.wait_for_load_state("networkidle")
        await shoot(page, name)
        await context.close()

    async def take_work(self, folder: Path) -> None:
        """The dashboard while a folder is received and processed."""
        context = await self.window(WIDE, "light")
        page = await context.new_page()
        await page.goto("/")
        await page.locator("#live[data-state=live]").wait_for()
        async with page.expect_file_chooser() as chooser:
            await page.get_by_role("button", name="Choose a folder").click()
        await (await chooser.value).set_files(folder)
        ended = page.locator("#flight .row[data-status=processed]")
        await ended.nth(1).wait_for(timeout=100_000)
        await page.mouse.move(0, 0)
        await page.locator("#flight .row[data-status=processing]").first.wait_for()
        await shoot(page, "dashboard")
        await page.locator("#flight").wait_for(state="hidden", timeout=120_000)
        await context.close()


async def shoot(page: Page, name: str) -> None:
    path = DOCS / f"{name}.png"
    await page.screenshot(path=path, animations="disabled")
    print(path.relative_to(BASE_DIR))


def send_samples(server: Server) -> dict[str, str]:
    """The samples' ids, once each was processed."""
    ids = {}
    with server.client(server.token("ada")) as client:
        for sample in sorted(SAMPLES.iterdir()):
            headers = {"Accept": "application/json"}
            answer = client.put(
                f"/upload/{sample.name}", content=sample.read_bytes(), headers=headers
            )
            ids[sample.name] = answer.json()["files"][0]["id"]
            server.wait_for(client, ids[sample.name])
    return ids


async def main() -> None:
    """Make every picture anew."""
    with tempfile.TemporaryDirectory() as folder:
        work = folder_of_work(Path(folder))
        server = Server(Path(folder) / "data").start()
        try:
            await photograph(server, work)
        finally:
            server.stop()


async def photograph(server: Server, work: Path) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        camera = Camera(browser, server)
        await camera.take("first-run", "/")
        ids = send_samples(server)
        await camera.take_work(work)
        await camera.take("files", "/files/")
        await camera.take("gallery", "/files/?view=gallery", theme="dark")
        await camera.take("table", f"/files/{ids['rivers.csv']}/")
        await camera.take("picture", f"/files/{ids['waterwheel.jpg']}/", theme="dark")
        await camera.take("document", f"/files/{ids['handbook.pdf']}/")
        await camera.take("phone", "/", NARROW)
        await camera.take("phone-dark", f"/files/{ids['letter.txt']}/", NARROW, "dark")
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
