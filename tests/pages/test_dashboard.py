"""The dashboard: how files go in, what can be done to them on their way, what is shown."""

import random
import re
from weakref import WeakKeyDictionary

import pytest
from playwright.async_api import CDPSession, FilePayload, Page, Request, expect

from tests.pages.conftest import Visit, send, text_file, until

pytestmark = pytest.mark.browser
LARGE = 2_500_000  # bytes; more than goes in one request
KEPT = 32 * 1024 * 1024  # bytes; larger files are not kept by the browser


def large_file(name: str = "large.bin") -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": b"\x07" * LARGE}


_throttles: WeakKeyDictionary[Page, CDPSession] = WeakKeyDictionary()


async def throttle(page: Page, upload: int) -> None:
    """Bytes a second that go up, -1 for all; only who has slowed a page down can undo it."""
    if page not in _throttles:
        _throttles[page] = await page.context.new_cdp_session(page)
    conditions = {"offline": False, "latency": 1 if upload > 0 else 0, "downloadThroughput": -1}
    await _throttles[page].send(
        "Network.emulateNetworkConditions", conditions | {"uploadThroughput": upload}
    )


async def slow_down(page: Page) -> None:
    """Let the network carry 80 kB a second, so that something can be done meanwhile."""
    await throttle(page, 80_000)


async def full_speed(page: Page) -> None:
    await throttle(page, -1)


def row(page: Page, name: str):
    return page.locator(".row", has_text=name)


def word(page: Page, name: str):
    return row(page, name).locator(".mark-word")


async def test_the_first_run_explains_itself_and_offers_samples(visit: Visit):
    page = await (await visit()).live()
    await expect(page.get_by_text("Each file is opened in its own sandbox")).to_be_visible()
    await page.get_by_role("link", name="letter.txt").click()
    await expect(word(page, "letter.txt")).to_have_text("Processed")
    await expect(page.get_by_text("Each file is opened in its own sandbox")).to_have_count(0)
    samples = page.locator("#samples")
    await expect(samples.get_by_role("link")).to_have_count(4)
    await page.reload()
    await expect(samples.get_by_role("link")).to_have_count(4)
    await samples.get_by_role("link", name="rivers.csv").click()
    await expect(word(page, "rivers.csv")).to_have_text("Processed")
    await expect(samples.get_by_role("link")).to_have_count(3)
    await send(page, text_file("own.txt"))
    await expect(samples).to_have_count(0)
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")
    await page.reload()
    await expect(word(page, "own.txt")).to_have_text("Processed")
    await expect(samples).to_have_count(0)


async def test_a_folder_comes_with_its_paths_as_one_thing(visit: Visit, tmp_path):
    for name in ("a.txt", "deep/er/b.txt", "deep/c.txt"):
        path = tmp_path / "letters" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    page = await (await visit()).live()
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Choose a folder").click()
    await (await chooser.value).set_files(tmp_path / "letters")
    await expect(page.locator(".batch-title")).to_have_text("letters · 3 files")
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    await expect(row(page, "b.txt").locator(".row-about")).to_contain_text("letters/deep/er")


async def test_folders_are_dropped_with_all_that_is_in_them(visit: Visit, tmp_path):
    for name in ("survey/a.txt", "survey/deep/er/b.txt", "loose.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    page = await (await visit()).live()
    devtools = await page.context.new_cdp_session(page)
    paths = [str(tmp_path / "survey"), str(tmp_path / "loose.txt")]
    data = {"items": [], "files": paths, "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": 300, "y": 300, "data": data}
        await devtools.send("Input.dispatchDragEvent", event)
    await expect(page.locator(".batch-title")).to_have_text("3 files")
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    await expect(row(page, "b.txt").locator(".row-about")).to_contain_text("survey/deep/er")


async def test_what_is_dropped_or_pasted_is_sent(visit: Visit):
    page = await (await visit()).live()
    for kind, name in (("drop", "dropped.txt"), ("paste", "pasted.txt")):
        await page.evaluate(
            """([kind, name]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File(["hello"], name, { type: "text/plain" }));
                const options = { bubbles: true, cancelable: true };
                document.body.dispatchEvent(kind === "drop"
                    ? new DragEvent("drop", { ...options, dataTransfer: transfer })
                    : new ClipboardEvent("paste", { ...options, clipboardData: transfer }));
            }""",
            [kind, name],
        )
        await expect(word(page, name)).to_have_text("Processed")


async def test_a_drag_over_the_page_says_where_it_would_go(visit: Visit):
    page = await (await visit()).live()
    drag = """(type) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(["x"], "x.txt"));
        document.body.dispatchEvent(
            new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
    }"""
    await page.evaluate(drag, "dragenter")
    await expect(page.locator("#veil")).to_be_visible()
    await page.evaluate(drag, "dragleave")
    await expect(page.locator("#veil")).to_be_hidden()


async def test_a_large_file_is_paused_resumed_and_ends(visit: Visit):
    page = await (await visit()).live()
    await slow_down(page)
    await send(page, large_file())
    await expect(word(page, "large.bin")).to_have_text("Sending")
    await expect(row(page, "large.bin").locator(".measure")).to_contain_text(re.compile(r"[1-9]"))
    await row(page, "large.bin").get_by_role("button", name="Pause").click()
    await expect(word(page, "large.bin")).to_have_text("Paused")
    await expect(page.locator("#sending-title")).to_contain_text("Paused")
    await full_speed(page)
    await row(page, "large.bin").get_by_role("button", name="Resume").click()
    await expect(word(page, "large.bin")).to_have_text("Processed")
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")


async def test_a_file_cancelled_on_its_way_leaves_nothing(visit: Visit):
    page = await (await visit()).live()
    await slow_down(page)
    await send(page, large_file())
    await expect(page.locator("[data-count=receiving]")).to_have_text("1")
    await row(page, "large.bin").get_by_role("button", name="Cancel").click()
    await expect(row(page, "large.bin")).to_have_count(0)
    await expect(page.locator("[data-count=receiving]")).to_have_text("0")


async def test_leaving_while_sending_is_warned_of_and_later_is_safe(visit: Visit):
    page = await (await visit()).live()
    await slow_down(page)
    await send(page, large_file())
    await expect(page.locator("#sending-title")).to_contain_text("keep this tab open")
    async with page.expect_event("dialog") as warning:
        await page.close(run_before_unload=True)
    dialog = await warning.value
    assert dialog.type == "beforeunload"
    await dialog.dismiss()
    await expect(word(page, "large.bin")).to_have_text("Sending")
    await full_speed(page)
    await expect(page.locator("#sending-title")).to_contain_text("safe to close")


async def test_a_file_too_large_to_be_kept_goes_on_when_it_is_handed_again(visit: Visit, tmp_path):
    path = tmp_path / "resumed.bin"
    path.write_bytes(random.Random(5).randbytes(KEPT + LARGE))
    visitor = await visit()
    page = await visitor.live()
    page.on("dialog", lambda dialog: dialog.accept())
    await slow_down(page)
    await send(page, path)
    await expect(page.locator("[data-count=receiving]")).to_have_text("1")
    await expect(row(page, "resumed.bin").locator(".measure")).to_contain_text(
        re.compile(r"[1-9]\d\d kB|1\.\d MB")
    )
    await page.reload()
    await page.locator("#live[data-state=live]").wait_for()
    await expect(word(page, "resumed.bin")).to_have_text("Receiving")
    offsets: list[int] = []

    def note_offset(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note_offset)
    await full_speed(page)
    await send(page, path)
    await expect(page.locator("[data-count=processed]")).to_have_text("1")
    await expect(word(page, "resumed.bin")).to_have_text("Processed")
    await expect(row(page, "resumed.bin")).to_have_count(1)
    assert offsets[0] > 0


async def test_sending_goes_on_by_itself_when_the_network_returns(visit: Visit):
    visitor = await visit()
    visitor.expected = ["ERR_INTERNET_DISCONNECTED"]
    page = await visitor.live()
    await visitor.context.set_offline(True)
    await send(page, text_file("patient.txt"))
    await expect(row(page, "patient.txt").locator(".measure")).to_contain_text("goes on by itself")
    about = page.locator("#sending-about")
    await expect(about).to_contain_text("No connection, goes on by itself")
    await visitor.context.set_offline(False)
    await expect(word(page, "patient.txt")).to_have_text("Processed")
    await expect(about).not_to_contain_text("No connection")


async def test_a_row_that_ended_can_be_retried_and_deleted(visit: Visit):
    page = await (await visit()).live()
    await send(page, text_file("gone.txt"))
    await expect(word(page, "gone.txt")).to_have_text("Processed")
    await row(page, "gone.txt").get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(row(page, "gone.txt")).to_have_count(0)
    await expect(page.locator("[data-count=processed]")).to_have_text("0")


async def test_a_broken_file_says_why_and_is_retried_by_keyboard_alone(visit: Visit):
    page = await (await visit()).live()
    broken: FilePayload = {
        "name": "broken.png",
        "mimeType": "image/png",
        "buffer": b"\x89PNG\r\n\x1a\nno more",
    }
    async with page.expect_file_chooser() as chooser:
        await page.keyboard.press("u")
    await (await chooser.value).set_files([broken])
    await expect(word(page, "broken.png")).to_have_text("Failed")
    await expect(row(page, "broken.png").locator(".measure")).not_to_be_empty()
    await page.keyboard.press("j")
    await expect(page.locator(".row-name", has_text="broken.png")).to_be_focused()
    async with page.expect_response("**/retry/") as answer:
        await page.keyboard.press("r")
    assert (await answer.value).status == 200
    await expect(word(page, "broken.png")).to_have_text("Failed")


async def test_the_keyboard_stays_with_a_file_that_ends(visit: Visit):
    visitor = await visit()
    page = await visitor.live()
    visitor.client.post("/api/queue/pause/", json={})
    await send(page, text_file("waits.txt"))
    await expect(page.locator("#flight-groups .row[data-status=queued]")).to_have_count(1)
    await page.keyboard.press("j")
    name = page.locator(".row-name", has_text="waits.txt")
    await expect(name).to_be_focused()
    visitor.client.post("/api/queue/resume/")
    await expect(page.locator("#ended-groups .row[data-status=processed]")).to_have_count(1)
    await expect(name).to_be_focused()


async def test_shortcuts_are_listed_and_the_theme_is_kept(visit: Visit):
    page = await (await visit(color_scheme="light")).live()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_contain_text("Choose files to send")
    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await page.keyboard.press("t")
    await page.reload()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


async def test_a_drop_of_many_stays_a_few_rows(visit: Visit):
    page = await (await visit()).live()
    await send(page, *[text_file(f"{number:04}.txt", f"{number}\n") for number in range(120)])
    await expect(page.locator(".batch-title")).to_have_text("120 files")
    await page.locator(".batch-fold").click()
    assert await page.locator(".row").count() < 40
    await expect(page.locator(".batch-about")).to_contain_text("all processed")
    assert await page.locator(".row").count() < 40
    await page.locator(".batch-body").evaluate("(body) => { body.scrollTop = body.scrollHeight; }")
    assert await page.locator(".row").count() < 40


PLOT = "document.querySelector('#plot-ended')"
INK = """(box) => {
    const canvas = box.querySelector("canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let ink = "";
    for (let at = 0; at < data.length && !ink; at += 4) {
        if (data[at + 3] > 200) ink = data.slice(at, at + 3).join(",");
    }
    return ink;
}"""


async def test_the_pace_is_drawn_from_the_stream_and_said_in_words(visit: Visit):
    visitor = await visit(color_scheme="light")
    visitor.expected = ["willReadFrequently"]  # the test's own looking
    page = await visitor.live()
    await expect(page.locator("#plot-ended canvas")).to_have_count(0)  # nothing to draw yet
    await send(page, *[text_file(f"{number}.txt", f"{number}") for number in range(30)])
    await expect(page.locator("[data-count=processed]")).to_have_text("30")
    plot = page.locator("#plot-ended")
    await expect(plot.locator("canvas")).to_be_visible()
    await expect(plot).to_have_attribute("aria-label", re.compile("at most|failed in all"))
    await until(page, f"() => ({INK})({PLOT})")
    light = await plot.evaluate(INK)
    await page.emulate_media(color_scheme="dark")
    await until(page, f"(light) => ![light, ''].includes(({INK})({PLOT}))", light)
    await plot.hover()
    await expect(page.locator("#pace-ended")).to_contain_text("s ago")
    await page.set_viewport_size({"width": 700, "height": 800})
    await until(
        page,
        "() => { const box = document.querySelector('#plot-ended');"
        "return box.querySelector('.uplot').clientWidth === box.clientWidth; }",
    )


async def test_what_came_out_of_one_file_stands_together(visit: Visit):
    visitor = await visit()
    mail = (
        b"From: a@example.org\r\nSubject: two\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Disposition: attachment; filename=one.txt\r\n\r\none\r\n"
        b"--b\r\nContent-Disposition: attachment; filename=two.txt\r\n\r\ntwo\r\n--b--\r\n"
    )
    page = await visitor.live("/")
    headers = {"Accept": "application/json"}
    visitor.client.put("/upload/two.eml", content=mail, headers=headers).raise_for_status()
    group = page.locator("#ended-groups .batch", has_text="two.eml · 2 files")
    await expect(group.locator(".row")).to_have_count(2)
    await page.reload()
    await expect(group.locator(".row")).to_have_count(2)


async def test_a_long_list_is_worked_through_in_slices_that_are_short(visit: Visit):
    page = await (await visit()).live("/")
    sizes = await page.evaluate(
        """async () => {
            const { sliced } = await import("millrace/dom");
            const sizes = [];
            const seen = [];
            await sliced(Array.from({ length: 600 }, (_, at) => at), (some) => {
                const end = performance.now() + some.length / 2; // half a millisecond each
                while (performance.now() < end);
                sizes.push(some.length);
                seen.push(...some);
            });
            if (seen.some((each, at) => each !== at)) throw new Error("out of order");
            return sizes;
        }"""
    )
    assert sum(sizes) == 600
    assert max(sizes[1:]) <= 16  # 8 ms


PACES = """async ([idle, busy, each]) => {
    const { Pace } = await import("millrace/pace");
    const pace = new Pace();
    const usual = setInterval;
    let second;
    globalThis.setInterval = (work) => (second = work);
    let counts = {};
    pace.start(() => counts);
    globalThis.setInterval = usual;
    const before = { status: "processing", size: 1 };
    for (let at = 0; at < idle; at += 1) second();
    counts = { processing: 1 };
    const paces = [];
    for (let at = 0; at < busy; at += 1) {
        for (let one = 0; one < each; one += 1)
            pace.see({ type: "put", live: true, before, file: { status: "processed", size: 1 } });
        second();
        paces.push(pace.filesPerSecond);
    }
    return paces;
}"""


async def test_the_time_that_is_left_counts_on_seconds_with_work_alone(visit: Visit):
    page = await (await visit()).live("/")
    assert await page.evaluate(PACES, [20, 4, 8]) == [0, 8, 8, 8]
