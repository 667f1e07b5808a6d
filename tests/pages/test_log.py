"""A log's page shows each level over time."""

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit

pytestmark = pytest.mark.browser
LOG = "".join(
    f"2024-05-01T12:{minute:02}:00 {'ERROR' if minute > 27 else 'INFO'} turned\n"
    for minute in range(30)
)


async def test_each_level_has_its_bars_over_time(visit: Visit):
    ada = await visit()
    headers = {"Accept": "application/json"}
    answer = ada.client.put("/upload/mill.log", content=LOG.encode(), headers=headers).json()
    file_id = answer["files"][0]["id"]
    ada.server.wait_for(ada.client, file_id)
    page = await ada.live(f"/files/{file_id}/")
    errors = page.get_by_role("img", name="error", exact=True)
    await expect(errors.locator("i")).to_have_count(30)
    await expect(errors.locator("i").nth(28)).to_have_attribute("title", "2024-05-01T12:28:00: 1")
    await expect(errors.locator("i").first).to_have_attribute("title", "2024-05-01T12:00:00: 0")
