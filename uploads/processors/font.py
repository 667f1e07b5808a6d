"""The font step: names, style, coverage and licence of a font, and a specimen of it."""

from __future__ import annotations

import io
import logging
import struct
import unicodedata
from typing import TYPE_CHECKING, Any

from uploads.processors import pixels, webfonts
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont
    from PIL import ImageDraw, ImageFont

MAX_BYTES = 64 * 1024 * 1024
NAMES = 16 * 1024 * 1024  # bytes of all names of a face
SPECIMEN = (1200, 520)  # pixels
THUMBNAIL = 320
INK = "#1a1a1a"
FACES = 64  # of a collection
NAME = 300  # characters

_NAMES = {
    0: "copyright",
    1: "family",
    2: "style",
    4: "full_name",
    5: "version",
    6: "postscript_name",
    8: "manufacturer",
    9: "designer",
    13: "licence",
    14: "licence_url",
    16: "typographic_family",
    17: "typographic_style",
}
_WEIGHTS = {100: "Thin", 200: "Extra light", 300: "Light", 400: "Regular", 500: "Medium",
            600: "Semibold", 700: "Bold", 800: "Extra bold", 900: "Black"}  # fmt: skip
_SCRIPTS = (
    ("Latin", 0x41, 0x24F),
    ("Greek", 0x370, 0x3FF),
    ("Cyrillic", 0x400, 0x52F),
    ("Hebrew", 0x590, 0x5FF),
    ("Arabic", 0x600, 0x6FF),
    ("Devanagari", 0x900, 0x97F),
    ("Thai", 0xE00, 0xE7F),
    ("Kana", 0x3040, 0x30FF),
    ("Han", 0x4E00, 0x9FFF),
    ("Hangul", 0xAC00, 0xD7AF),
    ("Symbols", 0x2190, 0x27BF),
    ("Emoji", 0x1F300, 0x1FAFF),
)
_LINES = (("Aa Bb Cc Dd Ee Ff Gg", 96), ("The quick brown fox jumps over the lazy dog", 48),
          ("0123456789 &@?!%€£$ “quotes” (brackets)", 40), ("ÄÖÜ ßéèñ çøå", 40))  # fmt: skip
_LETTERS = frozenset(map(ord, "ABCDEFGabcdefg"))  # with fewer than half of them no words are shown
_COLUMNS, _ROWS, _CELL = 12, 5, 93  # of the grid in place of words; pixels
_GLYPH = 56  # pixels


@processor(
    name="font",
    accepts=["font/ttf", "font/otf", "font/woff", "font/woff2", "font/collection"],
    version=2,
    after=["identify", "checksum"],
)
def font(ctx: Context) -> dict[str, Any]:
    """{faces, family, style, full_name, version, designer, licence, …, weight, italic, fixed_width,
    variable [{axis, min, default, max}], glyphs, characters, units_per_em, scripts [{name, count}],
    tables [names], specimen: bool} and specimen.webp, thumbnail.webp

    Raises BadFile for a font that can't be read.
    """
    if ctx.size == 0:
        return {"empty": True, "faces": 0}
    if ctx.size > MAX_BYTES:
        raise BadFile(f"The font is larger than {MAX_BYTES // 1024**2} MiB.")
    ctx.progress(0, ctx.size, "bytes")
    try:
        found, plain, characters = _read(ctx)
    except (BadFile, MemoryError):
        raise
    except Exception as error:  # fontTools raises whatever broken tables lead to
        raise BadFile(f"The font can't be read: {_said(error)}.") from error
    found["specimen"] = _specimen(ctx, plain, characters)
    ctx.progress(ctx.size, ctx.size, "bytes")
    return found


def _read(ctx: Context) -> tuple[dict[str, Any], bytes, set[int]]:
    """What the tables say, the font without web compression, as the drawing library wants it, and
    the characters that it has.
    """
    from fontTools.ttLib import TTCollection, TTFont

    # it warns of every record that it passes over: of a broken table, tens of thousands
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    content = ctx.path.read_bytes()
    webfonts.check(content)
    faces = 1
    if ctx.media_type == "font/collection":
        collection = TTCollection(io.BytesIO(content), lazy=True)
        faces = min(len(collection.fonts), FACES)
        opened = collection.fonts[0]
    else:
        opened = TTFont(io.BytesIO(content), lazy=True)
    characters = set(opened.getBestCmap() or {})
    found = {"faces": faces, **_described(opened, characters)}
    if opened.flavor is None:
        return found, content, characters
    opened.flavor = None
    buffer = io.BytesIO()
    opened.save(buffer, reorderTables=False)
    return found, buffer.getvalue(), characters


def _described(opened: TTFont, characters: set[int]) -> dict[str, Any]:
    os2: Any = opened.get("OS/2")
    post: Any = opened.get("post")
    head: Any = opened.get("head")
    weight = getattr(os2, "usWeightClass", None)
    names = _names(opened)
    style = names.get("typographic_style") or names.get("style") or ""
    return {
        **names,
        "family": names.get("typographic_family") or names.get("family"),
        "style": style or None,
        "weight": weight,
        "weight_name": _WEIGHTS.get(weight) if weight else None,
        "italic": "italic" in style.lower() or "oblique" in style.lower(),
        "fixed_width": bool(getattr(post, "isFixedPitch", 0)),
        "variable": _axes(opened),
        "glyphs": len(opened.getGlyphOrder()),
        "characters": len(characters),
        "units_per_em": getattr(head, "unitsPerEm", None),
        "scripts": [
            {"name": name, "count": count}
            for name, first, last in _SCRIPTS
            if (count := sum(first <= character <= last for character in characters))
        ],
        "tables": [str(tag) for tag in opened.keys()][:100],  # noqa: SIM118 - no mapping
    }


def _names(opened: TTFont) -> dict[str, str]:
    if "name" not in opened:
        return {}
    _check_names(opened.reader["name"])
    table: Any = opened["name"]
    found = {}
    for number, field in _NAMES.items():
        words = table.getDebugName(number)
        if words:
            found[field] = clip(words, NAME)
    return found


def _check_names(table: bytes) -> None:
    """Records may all point to the same words, which are read for each of them."""
    count = min(int.from_bytes(table[2:4], "big"), (len(table) - 6) // 12)
    room = len(table) - int.from_bytes(table[4:6], "big")
    places = struct.iter_unpack(">8xHH", table[6 : 6 + 12 * max(0, count)])
    lengths = (length for length, start in places if start + length <= room)
    if sum(lengths) > NAMES:
        raise BadFile(f"The font's names have more than {NAMES // 1024**2} MiB.")


def _axes(opened: TTFont) -> list[dict[str, Any]]:
    if "fvar" not in opened:
        return []
    table: Any = opened["fvar"]
    return [
        {
            "axis": axis.axisTag,
            "min": axis.minValue,
            "default": axis.defaultValue,
            "max": axis.maxValue,
        }
        for axis in table.axes[:16]
    ]


def _specimen(ctx: Context, plain: bytes, characters: set[int]) -> bool:
    """A picture of some words in the font, or of its first characters where it has no letters;
    False where the drawing library can't use it.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", SPECIMEN, "white")
    draw = ImageDraw.Draw(picture)
    seen = [char for code in sorted(characters) if _is_seen(char := chr(code))]
    try:
        if 2 * len(_LETTERS & characters) >= len(_LETTERS) or not seen:
            _draw_words(draw, plain)
        else:
            _draw_grid(draw, plain, seen[: _COLUMNS * _ROWS])
    except (OSError, ValueError, MemoryError):
        return False
    specimen = pixels.encode(picture)
    ctx.save("specimen.webp", "image/webp").write_bytes(specimen.webp)
    thumbnail = pixels.smaller(specimen.webp, THUMBNAIL)
    ctx.save("thumbnail.webp", "image/webp").write_bytes(thumbnail.webp)
    return True


def _is_seen(char: str) -> bool:
    """Neither a space nor a mark of control; those for private use are what icons are."""
    category = unicodedata.category(char)
    return category[0] not in "ZC" or category == "Co"


def _draw_words(draw: ImageDraw.ImageDraw, plain: bytes) -> None:
    from PIL import ImageFont

    top = 32
    for words, size in _LINES:
        draw.text((40, top), words, fill=INK, font=_sized(ImageFont, plain, size))
        top += int(size * 1.35)


def _draw_grid(draw: ImageDraw.ImageDraw, plain: bytes, chars: list[str]) -> None:
    """Each in the middle of a cell of its own."""
    from PIL import ImageFont

    font = _sized(ImageFont, plain, _GLYPH)
    left = (SPECIMEN[0] - (_COLUMNS - 1) * _CELL) // 2
    above = (SPECIMEN[1] - (_ROWS - 1) * _CELL) // 2
    for place, char in enumerate(chars):
        row, column = divmod(place, _COLUMNS)
        middle = (left + column * _CELL, above + row * _CELL)
        draw.text(middle, char, fill=INK, font=font, anchor="mm")


def _sized(module: Any, plain: bytes, size: int) -> ImageFont.FreeTypeFont:
    loaded: ImageFont.FreeTypeFont = module.truetype(io.BytesIO(plain), size)
    return loaded


def _said(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return (words[0] if words else type(error).__name__).rstrip(". ")[:200]
