"""Pictures of measured values, which no screen can show as they are: shown between two of their
percentiles.

Terrain, radiographs and what a microscope's camera counts fill a small part of what their numbers
could say, or lie far outside of black and white.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

Span = tuple[float, float]  # what is shown as black, and as white

LOW, HIGH = 0.005, 0.995  # shares of the values that are at or below black and white
SAMPLES = 250_000  # values, taken at equal distances
FULL = 65_535  # the brightest of 16 bits
DARK = FULL // 4  # 16 bits that stay below are fewer bits, and nearly black
ENDLESS = 1e30  # values beyond stand for none, as do those below where they are the lowest
NOTHING = (-99_999.0, -32_768.0, -32_767.0, -9_999.0)

WIDE = ("ushort", "short", "uint", "int", "float", "double")  # libvips' names for the numbers
LIT = ("b-w", "grey16", "rgb", "rgb16", "scrgb", "multiband", "histogram", "matrix")


def span_of(values: Iterable[float]) -> Span | None:
    """Their percentiles LOW and HIGH; None where there is no value."""
    found = sorted(value for value in values if abs(value) < ENDLESS)  # NaN is never less
    if found and found[0] in NOTHING:
        lowest = found[0]
        found = [value for value in found if value != lowest] or found
    if not found:
        return None
    last = len(found) - 1
    low, high = found[math.floor(LOW * last)], found[math.ceil(HIGH * last)]
    return (low, high) if low < high else (found[0], found[-1])


def needs_none(span: Span | None) -> bool:
    """Whether 16 bits say it as screens do."""
    return span is None or (span[0] >= 0 and DARK <= span[1] <= FULL)


def span_in(image: Any) -> Span | None:
    """The span that a picture of libvips needs, or None where it is shown as it is; reads it."""
    if image.format not in WIDE or image.interpretation not in LIT:
        return None
    step = max(1, math.ceil(math.sqrt(image.width * image.height / SAMPLES)))
    sampled = _lit(image).subsample(step, step).cast("float")
    span = span_of(array("f", bytes(sampled.write_to_memory())))
    return None if image.format == "ushort" and needs_none(span) else span


def stretched(image: Any, span: Span) -> Any:
    """The picture of libvips in 8 bits, `span` from black to white; its transparency is kept."""
    low, factor = span[0], _factor(span)
    lit = _lit(image)
    if image.format in ("float", "double"):
        lit = (lit == lit).ifthenelse(lit, low)  # NaN alone is not itself
    shown = lit.linear(factor, -low * factor, uchar=True)
    shown = shown.copy(interpretation="srgb" if shown.bands == 3 else "b-w")
    if image.format == "ushort" and image.hasalpha():
        shown = shown.bandjoin(image[image.bands - 1].linear(1 / 257, 0, uchar=True))
    return shown


def _lit(image: Any) -> Any:
    """Of many bands, as satellites have them, the first three; otherwise all but transparency."""
    return image.extract_band(0, n=3 if image.bands >= 3 else 1)


def in_pillow(image: Image.Image) -> bool:
    """Whether a picture of Pillow has other numbers than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def span_in_pillow(image: Image.Image) -> Span | None:
    """As `span_in`, of a picture for which `in_pillow` says yes."""
    share = min(1.0, math.sqrt(SAMPLES / (image.width * image.height)))
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    sampled = image.resize(size, resample=0) if share < 1 else image
    span = span_of(array("f", sampled.convert("F").tobytes()))
    return None if image.mode != "F" and needs_none(span) else span


def stretched_in_pillow(image: Image.Image, span: Span | None) -> Image.Image:
    """As `stretched`; without a span, 16 bits of brightness."""
    low, factor = (span[0], _factor(span)) if span else (0.0, 1 / 257)
    return image.convert("F").point(lambda value: value * factor - low * factor).convert("L")


def _factor(span: Span) -> float:
    low, high = span
    return 255 / (high - low) if high > low else 0.0
