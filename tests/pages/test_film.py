"""A film on its page: it plays, and frames through it lead to their moments."""

import json

import pytest
from playwright.async_api import expect

from tests.pages.conftest import Visit, until
from tests.pages.test_accessible import check
from tests.pages.test_file import owner
from tests.processors.films import film, subtitled

pytestmark = pytest.mark.browser


async def test_frames_through_a_film_lead_to_their_moments(visit: Visit):
    ada = await owner(visit)
    file_id = ada.ended("wheel.webm", film("webm", "libvpx", seconds=6))
    page = await ada.open(file_id)
    frames = page.locator(".frames .frame")
    await expect(frames.first).to_be_visible()
    result = ada.client.get(f"/api/files/{file_id}/").json()["results"]["video"]
    times = result["strip"]["times_s"]
    assert await frames.count() == len(times) > 3
    places = await frames.evaluate_all(
        "(all) => all.map((frame) => getComputedStyle(frame).backgroundPosition)"
    )
    assert len(set(places)) == len(times), places
    await frames.last.click()
    await until(
        page,
        "(time) => document.querySelector('.view-film video').currentTime >= time - 0.1",
        times[-1],
    )
    assert await page.locator(".view-film video").evaluate("(film) => film.error") is None
    await page.locator(".view-film video").evaluate("(film) => film.pause()")
    await check(page)


async def test_what_is_said_in_a_film_can_be_switched_on(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("said.mkv", subtitled()))
    track = page.locator(".view-film track")
    await expect(track).to_have_count(1)
    said = await track.evaluate(
        """async (element) => {
            element.track.mode = "showing";
            if (element.readyState < 2) {
                await new Promise((loaded) => element.addEventListener("load", loaded));
            }
            return JSON.stringify([...element.track.cues].map(({ text }) => text));
        }"""
    )
    assert json.loads(said) == ["Hello there", "Bye"]
