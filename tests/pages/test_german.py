"""The pages speak German throughout: every text of templates, code and scripts has its words."""

import gettext
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from project.settings import BASE_DIR
from tests.pages.conftest import Visit, text_file
from tests.pages.test_file import Owner

CATALOGUES = BASE_DIR / "frontend" / "locale" / "de" / "LC_MESSAGES"
TEXT = r"\"((?:[^\"\\]|\\.)*)\""


def words_of(domain: str) -> gettext.GNUTranslations:
    with (CATALOGUES / f"{domain}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def texts(folder: Path, pattern: str, expression: str) -> set[str]:
    """Every text that a kind of file asks a translation for."""
    found: set[str] = set()
    for path in folder.rglob(pattern):
        found |= {match[-1] for match in re.findall(expression, path.read_text(), re.DOTALL)}
    return {text.replace('\\"', '"') for text in found}


def untranslated(domain: str, wanted: set[str]) -> set[str]:
    catalogue = words_of(domain)
    known = set()
    for key in catalogue._catalog:  # type: ignore[attr-defined]
        plain = key[0] if isinstance(key, tuple) else key
        known.add(plain.split("\x04")[-1])
    return wanted - known


def test_every_text_of_the_scripts_has_its_german_words():
    folder = BASE_DIR / "frontend" / "static" / "js"
    wanted = texts(folder, "*.js", rf"\b(?:n?gettext)\((){TEXT}")
    wanted |= texts(folder, "*.js", rf"\bpgettext\({TEXT}, {TEXT}")
    assert len(wanted) > 150
    assert untranslated("djangojs", wanted) == set()


def test_every_text_of_the_templates_has_its_german_words():
    folder = BASE_DIR / "frontend" / "templates"
    wanted = texts(folder, "*.html", rf"{{% translate (){TEXT}")
    assert len(wanted) > 80
    assert untranslated("django", wanted) == set()


def test_every_text_of_the_pages_code_has_its_german_words():
    folder = BASE_DIR / "uploads" / "reading"
    wanted = texts(folder, "*.py", rf"\b(?:_|gettext_lazy)\(\s*(){TEXT}")
    wanted |= texts(folder, "*.py", rf"\bpgettext_lazy\({TEXT}, {TEXT}")
    assert len(wanted) > 40
    assert untranslated("django", wanted) == set()


@pytest.mark.parametrize("domain", ["django", "djangojs"])
def test_the_catalogue_is_what_was_made_of_its_source(domain: str):
    source = (CATALOGUES / f"{domain}.po").read_text()
    catalogue = words_of(domain)
    entries = re.findall(rf"^(msgctxt {TEXT}\n)?msgid {TEXT}\nmsgstr {TEXT}$", source, re.MULTILINE)
    assert "fuzzy" not in source
    assert len(entries) > 100
    for _, context, text, words in entries:
        if text:
            found = catalogue.pgettext(context, text) if context else catalogue.gettext(text)
            assert found == words


@pytest.mark.browser
@pytest.mark.parametrize("path", ["/", "/files/", "/settings/"])
async def test_a_page_brings_the_words_of_all_scripts_that_it_runs(visit: Visit, path: str):
    visitor = await visit(locale="de-DE")
    page = await visitor.open(path)
    await page.wait_for_load_state("networkidle")
    catalogue = await page.evaluate(
        "() => JSON.parse(document.getElementById('boot').textContent).words.catalog"
    )
    run = await page.evaluate(
        """() => performance.getEntriesByType("resource").map(({ name }) =>
            /\\/js\\/([\\w/]+)(?:\\.\\w+)?\\.js$/.exec(name)?.[1]).filter(Boolean)"""
    )
    folder = BASE_DIR / "frontend" / "static" / "js"
    wanted: set[str] = set()
    for name in run:
        wanted |= texts(folder, f"{name}.js", rf"\b(?:n?gettext)\((){TEXT}")
    assert len(wanted) > 50
    assert wanted <= set(catalogue)
    assert path != "/" or "Megapixels" not in catalogue, "no picture is shown there"


@pytest.mark.browser
async def test_a_german_reader_meets_german_in_page_and_script(visit: Visit):
    visitor = await visit(locale="de-DE")
    page = await visitor.live()
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    async with page.expect_file_chooser() as chooser:
        await page.get_by_role("button", name="Dateien wählen").click()
    await (await chooser.value).set_files([text_file("a.txt"), text_file("b.txt")])
    await expect(page.locator("#sending-title")).to_contain_text("2 Dateien empfangen")
    await expect(page.locator(".batch-about")).to_contain_text("alle fertig")
    await expect(page.locator(".mark-word").first).to_have_text("Fertig")


@pytest.mark.browser
async def test_a_german_reader_is_told_in_german_what_a_file_is_and_why_it_failed(visit: Visit):
    ada = Owner(await visit(locale="de-DE"))
    page = await ada.open(ada.ended("broken.pdf", b"%PDF-1.4\nnonsense"))
    await expect(page.locator("#head-about")).to_contain_text("PDF-Dokument")
    await expect(page.locator("#trouble-words")).to_contain_text("Die PDF lässt sich nicht öffnen")
    page = await ada.visitor.live("/")
    await expect(page.locator(".row .measure")).to_contain_text("Die PDF lässt sich nicht öffnen")
