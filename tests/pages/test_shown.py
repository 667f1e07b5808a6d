"""What a file's page makes of results, where a figure is easily shown wrong."""

import io
from datetime import date
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from PIL import Image
from playwright.async_api import expect

from tests.pages.conftest import Visit
from tests.pages.test_file import owner
from tests.processors.books import xlsx
from tests.processors.certificates import certificate, open_key
from tests.processors.films import chaptered, film
from tests.processors.test_office import BODY, docx
from tests.processors.test_small_kinds import CALENDAR, notebook

pytestmark = pytest.mark.browser
SAMPLES = Path(__file__).parent.parent / "processors" / "samples"


def photograph() -> bytes:
    fields = Image.Exif()
    fields.get_ifd(0x8769)[0x829A] = 0.004  # the exposure, in seconds
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "JPEG", exif=fields)
    return file.getvalue()


def workbook() -> bytes:
    days = [[date(2023, 3, 18 + number), 2 * number, "Ada"] for number in range(6)]
    return xlsx({"Mill": [["Report of the mill"], [], ["day", "sacks", "miller"], *days]})


async def test_a_film_and_a_picture_show_their_times(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("wheel.mkv", chaptered(film("matroska"), "matroska")))
    marks = page.locator("section", has=page.get_by_role("heading", name="Chapters")).locator("li")
    await expect(marks).to_have_text(["Red0:00", "Blue0:01"])
    page = await ada.open(ada.ended("wheel.jpg", photograph()))
    await expect(page.get_by_text("1/250 s", exact=True)).to_be_visible()


async def test_a_sheet_begins_with_its_names_and_has_days_as_days(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("report.xlsx", workbook()))
    await expect(page.get_by_text("Report of the mill")).to_be_visible()
    table = page.get_by_role("table").first
    await expect(table.locator("thead")).to_contain_text("miller")
    await expect(table.get_by_role("row").nth(1)).to_contain_text("2023-03-18")
    await expect(page.get_by_text("00:00:00")).to_have_count(0)


async def test_an_archive_that_is_closed_is_not_called_empty(visit: Visit):
    ada = await owner(visit)
    content = (SAMPLES / "locked-names.7z").read_bytes()
    page = await ada.open(ada.ended("closed.7z", content))
    await expect(page.get_by_text("A closed archive")).to_be_visible()
    await expect(page.get_by_text("without the password")).to_be_visible()


async def test_a_log_of_no_year_says_that_it_is_a_guess(visit: Visit):
    ada = await owner(visit)
    lines = "".join(f"May  1 12:{minute:02}:00 mill wheel: turned\n" for minute in range(30))
    page = await ada.open(ada.ended("syslog", lines.encode()))
    await expect(page.get_by_text("The log says no year")).to_be_visible()


async def test_a_table_in_a_document_is_a_table(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("plan.docx", docx(BODY)))
    table = page.locator("#preview .text-table table")
    await expect(table.get_by_role("columnheader")).to_have_text(["a", "b | c"])
    await expect(table.get_by_role("cell")).to_have_text(["", "d"])
    await expect(page.locator("#preview")).not_to_contain_text("|---|")


async def test_measured_values_say_how_they_are_shown(visit: Visit):
    ada = await owner(visit)
    file = io.BytesIO()
    Image.linear_gradient("L").convert("F").point(lambda value: value / 510 + 0.25).save(
        file, "TIFF"
    )
    page = await ada.open(ada.ended("field.tif", file.getvalue()))
    await expect(page.locator("#preview")).to_contain_text("shown from 0.25")


async def test_a_column_of_money_has_its_unit(visit: Visit):
    ada = await owner(visit)
    rows = "".join(f'2026-05-0{day};"{day}.000,50 €"\n' for day in range(1, 6))
    page = await ada.open(ada.ended("sold.csv", f"day;sold\n{rows}".encode()))
    await expect(page.get_by_role("columnheader", name="sold")).to_contain_text("number · €")
    await expect(page.locator(".column", has_text="sold")).to_contain_text("5,000.5 €")


async def test_a_private_key_beside_a_certificate_is_warned_of(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(
        ada.ended("ada.pem", certificate().public_bytes(Encoding.PEM) + open_key())
    )
    await expect(page.locator("#preview")).to_contain_text("CN=Ada Lovelace")
    await expect(page.locator(".note.warn")).to_contain_text("A private key lies open in it")


async def test_a_notebook_and_a_calendar_have_views_of_their_own(visit: Visit):
    ada = await owner(visit)
    page = await ada.open(ada.ended("oak.ipynb", notebook().encode()))
    await expect(page.locator("#preview .rich h1")).to_have_text("Oak")
    await expect(page.locator(".note.warn")).to_contain_text("Cell 2: ValueError: no oak")
    page = await ada.open(ada.ended("mill.ics", CALENDAR.encode()))
    await expect(page.locator("#preview")).to_contain_text("Wheel, turned by hand")
