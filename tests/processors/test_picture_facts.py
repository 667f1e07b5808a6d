"""Pictures of measured values are shown so that something is seen; moving ones say how long they
last; texts inside are read.
"""

from __future__ import annotations

import io
import struct
import zlib
from array import array

import pytest
from PIL import Image, PngImagePlugin

from uploads.processors import measured

WIDE, HIGH = 400, 300


def ramp(low: float, high: float, mode: str = "F") -> Image.Image:
    """From `low` at the left to `high` at the right."""
    code = {"F": "f", "I": "i", "I;16": "H"}[mode]
    row = [low + (high - low) * x / (WIDE - 1) for x in range(WIDE)]
    values = array(code, row if code == "f" else map(round, row)) * HIGH
    return Image.frombytes(mode, (WIDE, HIGH), values.tobytes())


def saved(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def shades(found) -> list[int]:
    """Of the preview, at its left, middle and right."""
    preview = Image.open(io.BytesIO(found.artifact("image", "preview.webp"))).convert("L")
    grey = preview.tobytes()[150 * preview.width :]
    return [grey[preview.width * part // 100] for part in (2, 50, 98)]


@pytest.mark.parametrize(
    ("image", "form", "bits"),
    [
        (ramp(0.02, 0.87), "TIFF", 32),
        (ramp(-430, 2100, "I"), "TIFF", 32),
        (ramp(90, 3500, "I;16"), "TIFF", 16),
        (ramp(90, 3500, "I;16"), "PNG", 16),
        (ramp(90, 3500, "I;16"), "JPEG2000", 16),
    ],
    ids=["float", "whole", "12 bits in 16", "png", "read by Pillow"],
)
def test_measured_values_are_shown_between_their_percentiles(take, image, form, bits):
    low, high = image.getextrema()
    found = take(saved(image, form), f"measured.{form.lower()}")
    shown = found["image"]["shown"]
    assert shown["from"] == pytest.approx(low, abs=0.02 * (high - low))
    assert shown["to"] == pytest.approx(high, abs=0.02 * (high - low))
    left, middle, right = shades(found)
    assert left < 25
    assert 110 < middle < 150
    assert right > 230
    assert found["image"]["bits"] == bits


def test_sixteen_bits_that_are_all_used_are_shown_as_they_are(take):
    for form in ("TIFF", "PNG", "JPEG2000"):
        found = take(saved(ramp(2000, 60_000, "I;16"), form), "a")
        assert found["image"]["shown"] is None
        assert 110 < shades(found)[1] < 150


def test_ordinary_pictures_say_nothing_of_their_span(take):
    assert take(saved(Image.new("RGB", (9, 9), "red"), "PNG"))["image"]["shown"] is None


def test_values_that_stand_for_none_darken_nothing(take):
    """As terrain models have them, a fifth of the picture."""
    image = ramp(0.0, 100.0)
    image.paste(-9999.0, (0, 0, WIDE, HIGH // 5))
    image.paste(float("nan"), (0, HIGH - 9, WIDE, HIGH))
    found = take(saved(image, "TIFF"), "terrain.tif")
    assert found["image"]["shown"]["from"] == pytest.approx(0, abs=2)
    assert found["image"]["shown"]["to"] == pytest.approx(100, abs=2)
    assert 110 < shades(found)[1] < 150


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf")])
def test_a_picture_of_one_value_is_a_picture(take, value):
    found = take(saved(Image.new("F", (20, 20), value), "TIFF"), "flat.tif")
    assert found["image"]["preview"] == {"width": 20, "height": 20}


def test_a_few_bright_points_leave_a_dark_picture_to_be_seen():
    assert measured.span_of([*range(1000), 1e9]) == (5, 995)
    assert measured.span_of([0.0] * 9_990 + [7.0]) == (0.0, 7.0)
    assert measured.span_of([float("nan"), -1e38]) is None


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_moving_pictures_say_how_many_frames_last_how_long(take, form):
    first, *others = (Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue"))
    data = saved(first, form, save_all=True, append_images=others, duration=[100, 200, 300])
    found = take(data)["image"]
    assert (found["frames"], found["animated"], found["duration_s"]) == (3, True, 0.6)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_the_texts_inside_a_png_are_read(take):
    inside = PngImagePlugin.PngInfo()
    inside.add_text("Author", "Ada")
    inside.add_itxt("Description", "Das Mühlrad", zip=True)
    inside.add_text("parameters", "a mill\nSteps: 20, Seed: 7", zip=True)
    inside.add_text("Raw profile type exif", "00ff")
    inside.add_itxt("XML:com.adobe.xmp", "<x/>")
    found = take(saved(Image.new("RGB", (9, 9)), "PNG", pnginfo=inside))["image"]
    assert found["texts"] == [
        {"key": "Author", "value": "Ada"},
        {"key": "Description", "value": "Das Mühlrad"},
        {"key": "parameters", "value": "a mill\nSteps: 20, Seed: 7"},
    ]


def test_texts_without_end_are_cut_and_broken_ones_left_out(take):
    """One is a megabyte of the letter x, packed; a hundred are as long as they may be shown."""
    plain = saved(Image.new("RGB", (9, 9)), "PNG")
    packed = b"bomb\0\0" + zlib.compress(b"x" * 10_000_000)
    added = chunk(b"zTXt", packed) + chunk(b"zTXt", b"no\0\0stream") + chunk(b"tEXt", b"alone")
    added += b"".join(chunk(b"tEXt", b"k%d\0" % n + "ü".encode() * 5000) for n in range(100))
    found = take(plain[:33] + added + plain[33:])["image"]
    assert found["texts"][0]["key"] == "bomb"
    assert len(found["texts"][0]["value"]) == 4000
    assert {text["key"] for text in found["texts"]} & {"no", "alone"} == set()
    assert len(str(found["texts"])) < 64 * 1024


@pytest.mark.parametrize(
    "words", [b"UNICODE\0" + "Mühle".encode("utf-16-be"), b"ASCII\0\0\0M\xc3\xbchle"]
)
def test_what_was_asked_of_a_maker_of_pictures_is_read_from_its_comment(take, words):
    exif = Image.Exif()
    exif[0x8769] = {0x9286: words}
    found = take(saved(Image.new("RGB", (9, 9)), "JPEG", exif=exif))["image"]
    assert found["exif"]["comment"] == "Mühle"
