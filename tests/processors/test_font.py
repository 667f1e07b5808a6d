"""What is shown of a font."""

from __future__ import annotations

import io
import logging
import struct

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from PIL import Image


def built(flavor: str | None = None) -> bytes:
    """A font with two letters, both of them boxes."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A", "B"])
    builder.setupCharacterMap({65: "A", 66: "B"})
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 700), (500, 700), (500, 0)):
        pen.lineTo(point)
    pen.closePath()
    box = pen.glyph()
    builder.setupGlyf({".notdef": box, "A": box, "B": box})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "A", "B"), (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Boxes", "styleName": "Bold Italic", "designer": "Ada"})
    builder.setupOS2(usWeightClass=700)
    builder.setupPost()
    buffer = io.BytesIO()
    builder.font.flavor = flavor
    builder.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("flavor", "media_type"), [(None, "font/ttf"), ("woff", "font/woff"), ("woff2", "font/woff2")]
)
def test_names_coverage_and_specimen(take, flavor, media_type):
    taken = take(built(flavor))
    found = taken["font"]
    assert taken.media_type == media_type
    assert (found["family"], found["style"], found["designer"]) == ("Boxes", "Bold Italic", "Ada")
    assert (found["weight"], found["weight_name"], found["italic"]) == (700, "Bold", True)
    assert (found["glyphs"], found["characters"], found["units_per_em"]) == (3, 2, 1000)
    assert found["scripts"] == [{"name": "Latin", "count": 2}]
    assert found["specimen"] is True
    picture = Image.open(io.BytesIO(taken.artifact("font", "specimen.webp"))).convert("L")
    assert min(picture.tobytes()) < 60
    assert taken.artifact("font", "thumbnail.webp")


def icons(count: int) -> bytes:
    """A font of pictures alone, all of them squares, where no letter is."""
    names = [f"icon{number}" for number in range(count)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({0xE000 + number: name for number, name in enumerate(names)})
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 800), (900, 800), (900, 0)):
        pen.lineTo(point)
    pen.closePath()
    square = pen.glyph()
    builder.setupGlyf(dict.fromkeys(names, square) | {".notdef": TTGlyphPen(None).glyph()})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", *names), (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Icons", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    buffer = io.BytesIO()
    builder.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("count", [1, 12, 90])
def test_a_font_of_icons_is_shown_by_its_icons(take, count):
    taken = take(icons(count))
    picture = Image.open(io.BytesIO(taken.artifact("font", "specimen.webp"))).convert("L")
    dark = sum(value < 60 for value in picture.tobytes())
    each = (56 * 0.8) ** 2
    assert dark == pytest.approx(min(count, 60) * each, rel=0.15)


def test_a_collection_counts_its_faces(take):
    from fontTools.ttLib import TTCollection

    collection = TTCollection()
    collection.fonts = [TTFont(io.BytesIO(built())), TTFont(io.BytesIO(built()))]
    buffer = io.BytesIO()
    collection.save(buffer)
    found = take(buffer.getvalue())["font"]
    assert (found["faces"], found["family"]) == (2, "Boxes")


@pytest.mark.parametrize("flavor", [None, "woff", "woff2"])
def test_broken_fonts_are_bad_files(take, flavor):
    data = built(flavor)
    assert take(data[:120]).broken["font"].startswith("The font can't be read")


def test_a_web_font_that_claims_tables_without_end_is_refused(take):
    data = bytearray(built("woff"))
    data[12:14] = b"\xff\xff"
    assert take(bytes(data)).broken["font"] == "The font claims 65,535 tables."


def test_a_font_of_which_much_is_passed_over_is_shown_without_a_word(take, caplog):
    """Each of its names is malformed; what a step may print is bounded."""
    font = TTFont(io.BytesIO(built()))
    names = b"".join(struct.pack(">6H", 3, 1, 1033, 1, 60_000, 60_000) for _ in range(5000))
    font.tables["name"] = DefaultTable("name")
    font.tables["name"].data = struct.pack(">3H", 0, 5000, 6) + names
    buffer = io.BytesIO()
    font.save(buffer)
    caplog.set_level(logging.NOTSET)
    logging.getLogger("fontTools").setLevel(logging.NOTSET)
    found = take(buffer.getvalue(), "a.ttf")["font"]
    assert (found["family"], found["glyphs"]) == (None, 3)
    assert [one for one in caplog.records if one.name.startswith("fontTools")] == []
