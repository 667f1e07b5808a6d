"""Every page, in both themes, before axe-core; and what screen readers are told."""

from pathlib import Path
from typing import Any, Literal

import axe_playwright_python
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import SAMPLES, Visit, Visitor, send, text_file, until
from tests.pages.test_dashboard import large_file
from tests.pages.test_file import OTHER_KINDS, Owner, owner
from tests.support.server import Server

pytestmark = pytest.mark.browser
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
# what passes is not described: that would take longer than the looking
ONLY_VIOLATIONS = {"resultTypes": ["violations"], "preload": False}
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ALL_RULES = ONLY_VIOLATIONS | {"runOnly": LEVELS}
COLOURS = ONLY_VIOLATIONS | {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
}
THEMES: dict[Literal["light", "dark"], dict[str, Any]] = {"light": ALL_RULES, "dark": COLOURS}
SETTLED = """() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))
    .then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))"""
BROKEN = b"\x89PNG\r\n\x1a\nno more"
UNTELLABLE = """
from uploads.models import UploadedFile
UploadedFile.objects.filter(pk="{}").update(error={{"step": "image"}})
"""


async def check(page: Page) -> None:
    """No violation, in light and in dark, in which nothing but colours is different."""
    await page.evaluate(AXE)
    for theme, rules in THEMES.items():
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.evaluate(SETTLED)
        found: dict[str, Any] = await page.evaluate("(rules) => axe.run(document, rules)", rules)
        said = [
            f"{theme} {page.url} {violation['id']}: {node['html'][:160]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"][:3]
        ]
        assert not said, "\n".join(said)


async def filled(server: Server, visit: Visit) -> tuple[Visitor, dict[str, str]]:
    """A visitor with a file of each kind, one of them failed."""
    visitor = await visit()
    ids: dict[str, str] = {}
    client = visitor.client
    contents = {path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir())}
    for name, content in (contents | {"broken.png": BROKEN}).items():
        headers = {"Accept": "application/json"}
        answer = client.put(f"/upload/{name}", content=content, headers=headers)
        ids[name] = answer.json()["files"][0]["id"]
    for file_id in ids.values():
        server.wait_for(client, file_id)
    return visitor, ids


async def test_pages_before_anybody_signed_in_or_sent_anything(visit: Visit):
    visitor = await visit(signed_in=False)
    await check(await visitor.open("/sign-in/"))
    newcomer = await visit()
    newcomer.expected = ["404"]
    await check(await newcomer.live("/"))
    await check(await newcomer.live("/files/"))
    await check(await newcomer.open("/nothing/here/"))


async def test_pages_that_refuse_or_could_not_be_built(server: Server, visit: Visit):
    visitor = await visit()
    visitor.expected = ["400", "410", "500"]
    broken = Owner(visitor).ended("broken.png", BROKEN)
    server.manage("shell", "-v0", "-c", UNTELLABLE.format(broken))
    refused = await visitor.open("/")
    await refused.locator("#drop-form input[type=file]").set_input_files(
        {"name": "n" * 300, "mimeType": "text/plain", "buffer": b"x"}
    )
    await refused.evaluate("document.getElementById('drop-form').submit()")
    await says(refused, "A file was not taken")
    await says(await visitor.open("/join/used-or-expired/"), "This invitation is over")
    await says(await visitor.open(f"/files/{broken}/"), "Something broke on our side")
    made = visitor.client.post("/api/tokens/", json={"name": "blind", "scopes": ["upload"]})
    headers = {"Authorization": f"Bearer {made.json()['secret']}"}
    stranger = await visit(signed_in=False, extra_http_headers=headers)
    stranger.expected = ["403"]
    await says(await stranger.open("/files/"), "That is not for you")


async def says(page: Page, title: str) -> None:
    """A page with that title, of which axe has nothing to say."""
    await expect(page.get_by_role("heading", name=title)).to_be_visible()
    await check(page)


@pytest.mark.timeout(300)
async def test_pages_with_files_of_every_kind(server: Server, visit: Visit):
    visitor, ids = await filled(server, visit)
    dashboard = await visitor.live("/")
    await expect(dashboard.locator(".row").first).to_be_visible()
    await check(dashboard)
    for path in ("/files/", "/files/?view=gallery"):
        page = await visitor.live(path)
        await expect(page.locator(".line-name")).to_have_count(len(ids))
        await check(page)
    for file_id in ids.values():
        page = await visitor.live(f"/files/{file_id}/")
        await page.wait_for_load_state("networkidle")
        await check(page)
        await page.close()


async def test_pages_in_a_narrow_window(visit: Visit):
    visitor = await visit(width=390)
    ada = Owner(visitor)
    pdf = ada.ended("handbook.pdf", (SAMPLES / "handbook.pdf").read_bytes())
    for path in ("/", "/files/", "/files/?view=gallery", f"/files/{pdf}/", "/settings/"):
        page = await visitor.open(path)
        await page.wait_for_load_state("networkidle")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390, path
        await check(page)
        await page.close()


@pytest.mark.parametrize("name", OTHER_KINDS)
async def test_the_views_of_other_kinds(visit: Visit, name: str):
    ada = await owner(visit)
    page = await ada.open(ada.ended(name, OTHER_KINDS[name][0]))
    await page.wait_for_load_state("networkidle")
    await check(page)


async def test_the_pace_and_a_question_in_the_queue(visit: Visit):
    page = await (await visit()).live("/")
    await send(page, large_file("first.bin"))
    await expect(page.locator(".mark-word")).to_have_text("Processed")
    await expect(page.locator("#plot-bytes canvas")).to_be_visible()
    await send(page, large_file("second.bin"))
    await expect(page.get_by_role("button", name="Keep both").first).to_be_visible()
    await check(page)


async def test_dialogs_and_messages(visit: Visit):
    page = await (await visit()).live("/")
    await send(page, text_file("a.txt"))
    await expect(page.locator(".mark-word")).to_have_text("Processed")
    await page.keyboard.press("?")
    await check(page)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Delete").click()
    await check(page)


# All that screen readers are told from now on, in `told`.
LISTEN = """() => {
    globalThis.told = [];
    new MutationObserver(() => told.push(document.getElementById("said").textContent))
        .observe(document.getElementById("said"), { childList: true });
}"""


async def test_progress_is_told_politely_and_seldom(visit: Visit):
    page = await (await visit()).live("/")
    await page.evaluate(LISTEN)
    await send(page, *[text_file(f"{number}.txt") for number in range(20)])
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    await until(page, "told.some((text) => text.includes('20 files processed'))")
    told = await page.evaluate("told")
    assert len(told) <= 4, told


async def test_what_is_said_of_a_large_drop_is_said_of_all_of_it(visit: Visit):
    page = await (await visit()).live("/")
    await page.evaluate(LISTEN)
    await send(page, *[text_file(f"{number}.txt") for number in range(150)])
    await until(page, "told.some((text) => text.includes('150 files received'))")
    told = await page.evaluate("told")
    assert all("150 files" in text for text in told), told


async def test_two_things_said_at_once_are_both_heard(visit: Visit):
    page = await (await visit()).live("/")
    said = await page.evaluate(
        """async () => {
            const { say } = await import("millrace/frame");
            const heard = [];
            const said = document.getElementById("said");
            const watch = () => heard.push(said.textContent);
            new MutationObserver(watch).observe(said, { childList: true });
            say("3 files processed.");
            say("All received.");
            await new Promise((done) => setTimeout(done));
            return heard;
        }"""
    )
    assert said == ["3 files processed. All received."]


async def test_nothing_moves_for_those_who_asked_for_rest(visit: Visit):
    visitor = await visit(reduced_motion="reduce")
    page = await visitor.live("/")
    longest = await page.evaluate(
        """() => Math.max(...[...document.querySelectorAll("*")].map((element) => {
            const { animationDuration, transitionDuration } = getComputedStyle(element);
            return Math.max(parseFloat(animationDuration), parseFloat(transitionDuration));
        }))"""
    )
    assert longest <= 0.001


async def test_the_contents_of_the_specification_stand_open_only_where_there_is_room(visit: Visit):
    visitor = await visit()
    page = await visitor.open("/api/docs/")
    contents = page.get_by_role("navigation", name="Contents")
    await expect(contents.get_by_role("link", name="Errors")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(contents).to_be_hidden()
    await expect(page.get_by_role("heading", name="API", exact=True)).to_be_in_viewport()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.get_by_text("Contents", exact=True).click()
    await check(page)
    await contents.get_by_role("link", name="Errors").click()
    await expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_in_viewport()
