"""The settings page: tokens that work, a password that signs in, what is said of isolation."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit
from tests.pages.test_accessible import check
from tests.support.server import Server

pytestmark = pytest.mark.browser
PASSWORD = "the river never sleeps"


async def test_a_token_is_made_works_and_is_removed(server: Server, visit: Visit):
    visitor = await visit()
    page = await visitor.open("/settings/")
    await page.get_by_label("Name", exact=True).fill("night run")
    await page.get_by_role("button", name="Make a token").click()
    secret = await page.locator("#secret code").inner_text()
    with server.client(secret) as client:
        assert client.get("/api/counts/").status_code == 200
        await expect(page.locator(".token-name", has_text="night run")).to_be_visible()
        await page.get_by_role("button", name="Remove night run").click()
        await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        await expect(page.locator(".token-name", has_text="night run")).to_have_count(0)
        assert client.get("/api/counts/").status_code == 401


async def test_a_password_is_set_and_signs_in(visit: Visit):
    visitor = await visit()
    page = await visitor.open("/settings/")
    name = await page.locator("input[name=username]").input_value()
    await page.get_by_label("New password").fill("1234567890")
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("too common")
    await page.get_by_label("New password").fill(PASSWORD)
    await page.get_by_role("button", name="Set the password").click()
    await expect(page.get_by_role("alert")).to_contain_text("The password is set")
    await expect(page.get_by_label("Present password")).to_be_visible()
    other = await (await visit(signed_in=False)).open("/sign-in/")
    await other.get_by_label("User name").fill(name)
    await other.get_by_label("Password").fill(PASSWORD)
    await other.keyboard.press("Enter")
    await expect(other.get_by_role("link", name="Files", exact=True)).to_be_visible()


async def test_the_page_tells_what_confines_processors_and_is_accessible(visit: Visit):
    page = await (await visit()).open("/settings/")
    await expect(page.locator(".walls li")).to_have_count(5)
    await check(page)


async def test_a_space_is_made_somebody_invited_changed_and_removed(visit: Visit):
    manager, guest = await visit(), await visit()
    page = await manager.open("/settings/")
    await page.get_by_label("Name of a new space").fill("The old mill")
    await page.get_by_role("button", name="Make a space").click()
    await page.wait_for_url("**/settings/?space=the-old-mill*")
    await page.get_by_label("Invite as").select_option("viewer")
    await page.get_by_role("button", name="Make an invitation").click()
    link = await page.locator("#invitation-link code").inner_text()
    await expect(page.locator("#invitations li")).to_have_count(1)
    await check(page)
    joined = await guest.open(link)
    await expect(joined.get_by_role("heading", name="Join The old mill")).to_be_visible()
    await check(joined)
    await joined.get_by_role("button", name="Join").click()
    await joined.wait_for_url("**/?space=the-old-mill")
    await expect(joined.locator(".topbar-space")).to_have_text("the-old-mill")
    await joined.set_viewport_size({"width": 390, "height": 844})
    await expect(joined.locator(".topbar-space")).to_be_hidden()
    await expect(joined.locator(".here")).to_have_text("the-old-mill")
    await joined.locator("#live[data-state=live]").wait_for()
    await expect(joined.get_by_role("button", name="Choose files")).to_have_count(0)  # a viewer
    await page.reload()
    role = page.locator("#members li").filter(has_not_text="you").locator("select")
    await expect(role).to_have_value("viewer")
    async with page.expect_response(lambda answer: answer.request.method == "POST"):
        await role.select_option("uploader")
    await expect(joined.locator("#live")).to_contain_text("Live")  # it was cut, and came again
    await joined.reload()
    await expect(joined.get_by_role("button", name="Choose files")).to_be_visible()
    await joined.locator("#live[data-state=live]").wait_for()
    await page.locator("#members").get_by_role("button", name="Remove").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.locator("#members li")).to_have_count(1)
    await expect(joined.locator("#live")).to_contain_text("Not allowed")
    await joined.get_by_role("button", name="To my own space").click()
    await expect(joined.get_by_role("button", name="Choose files")).to_be_visible()


async def test_a_newcomer_joins_by_making_an_account(visit: Visit):
    manager = await visit()
    made = manager.client.post("/api/invitations/", json={"role": "uploader"}).json()
    newcomer = await visit(signed_in=False)
    page = await newcomer.open(made["path"])
    await page.get_by_label("User name").fill("newcomer-by-link")
    await page.get_by_label("New password").fill(PASSWORD)
    await check(page)
    await page.get_by_role("button", name="Make an account and join").click()
    await page.locator("#live[data-state=live]").wait_for()
    await expect(page.get_by_role("button", name="Choose files")).to_be_visible()


async def test_other_browsers_are_listed_and_signed_out(server: Server, visit: Visit):
    here, there = await visit(), await visit(signed_in=False)
    page = await here.open("/settings/")
    name = await page.locator("input[name=username]").input_value()
    other = await there.open(server.manage("link", name).strip())
    await other.locator("#live[data-state=live]").wait_for()
    await page.reload()
    sessions = page.locator("#sessions li")
    await expect(sessions).to_have_count(2)
    await expect(sessions.first).to_contain_text("This browser")
    await expect(sessions.first).to_contain_text("Chrome, Linux")
    await page.get_by_role("button", name="Sign out everywhere else").click()
    await expect(sessions).to_have_count(1)
    await other.wait_for_url("**/sign-in/**")  # the line is cut at once
    await page.reload()
    await expect(page.get_by_role("heading", name="Settings")).to_be_visible()


LET_LOOK = """
from uploads.models import Membership, Space
space, user = Space.objects.get(slug={space!r}), Space.objects.get(slug={guest!r}).owner
Membership.objects.create(space=space, user=user, role="viewer")
"""


async def test_who_only_looks_is_offered_nothing_that_changes_files(server: Server, visit: Visit):
    owner, guest = await visit(), await visit()
    mine, theirs = (
        one.client.get("/api/spaces/").json()["items"][0]["slug"] for one in (owner, guest)
    )
    server.manage("shell", "-v0", "-c", LET_LOOK.format(space=mine, guest=theirs))
    for number in range(2):
        broken = b"\x89PNG\r\n\x1a\n" + bytes([number])
        owner.client.put(f"/upload/{number}.png", content=broken, params={"batch": "drop"})
    for visitor, offered in ((owner, 1), (guest, 0)):
        page = await visitor.live(f"/?space={mine}")
        await expect(page.locator("[data-count=failed]")).to_have_text("2")
        await expect(page.locator(".batch-about")).to_contain_text("2 failed")
        await expect(page.get_by_role("button", name="Retry failed")).to_have_count(offered)
    page = await guest.live(f"/files/?space={mine}")
    await page.locator(".lines .check").first.check()
    chosen = page.get_by_role("region", name="Selected files")
    await expect(chosen.get_by_role("button")).to_have_text(["Download", ""])
