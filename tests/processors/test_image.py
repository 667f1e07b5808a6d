"""What is shown of a picture, for each format, and of pictures that are broken or hostile."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from uploads.processors import pixels, raw

SAMPLES = Path(__file__).parent / "samples"


def drawn(width: int = 640, height: int = 480) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", (width, height), "red")
    ImageDraw.Draw(image).rectangle((width // 2, 0, width, height), fill="blue")
    return image


def saved(image: Image.Image, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def photographed() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110], exif[0x0112] = "Camera & Co", "One", 6
    exif[0x8769] = {
        0x9003: "2024:05:01 12:30:00",
        0x9011: "+02:00",
        0x8827: 200,
        0x829D: 2.8,
        0x829A: 0.004,
    }
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0), 3: "W", 4: (11.0, 34.0, 12.0), 6: 519.5}
    return exif


def pixel(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    value = image.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


FORMATS = [
    ("JPEG", "image/jpeg", {}),
    ("PNG", "image/png", {}),
    ("WEBP", "image/webp", {}),
    ("AVIF", "image/avif", {}),
    ("GIF", "image/gif", {}),
    ("TIFF", "image/tiff", {"compression": "tiff_lzw"}),
    ("BMP", "image/bmp", {}),
    ("JPEG2000", "image/jp2", {}),
    ("QOI", "image/qoi", {}),
    ("TGA", "image/x-tga", {}),
    ("DDS", "image/vnd-ms.dds", {}),
]


@pytest.mark.parametrize(
    ("name", "media_type", "options"), FORMATS, ids=[row[0] for row in FORMATS]
)
def test_each_format_gives_size_colours_and_pictures(take, name, media_type, options):
    found = take(saved(drawn(), name, **options))
    shown = found["image"]
    assert found.media_type == media_type
    assert (shown["width"], shown["height"], shown["megapixels"]) == (640, 480, 0.31)
    assert shown["damage"] is None
    assert [round(colour["share"], 1) for colour in shown["palette"]][:2] == [0.5, 0.5]
    thumbnail = opened(found.artifact("image", "thumbnail.webp"))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 240))
    assert len(base64.b64decode(shown["thumbhash"])) in range(10, 26)
    red, green, blue = pixel(thumbnail.convert("RGB"), 20, 20)
    assert red > 200
    assert max(green, blue) < 60
    assert opened(found.artifact("image", "preview.webp")).size == (640, 480)
    assert found.reports["image"][-1] == (640 * 480, 640 * 480, "pixels")


def test_a_large_picture_is_shrunk_twice(take):
    found = take(saved(drawn(4000, 2000), "JPEG"))
    assert opened(found.artifact("image", "preview.webp")).size == (1600, 800)
    assert opened(found.artifact("image", "thumbnail.webp")).size == (320, 160)


def test_icons_are_opened(take):
    found = take(saved(drawn(256, 256), "ICO"), "favicon.ico")
    assert (found.media_type, found["image"]["width"]) == ("image/x-icon", 256)


def test_heic_is_opened(take):
    """The sample was encoded for this test: nothing that is installed writes HEIC."""
    found = take(SAMPLES / "halves.heic", "photo.heic")
    assert found.media_type == "image/heic"
    assert (found["image"]["format"], found["image"]["width"], found["image"]["height"]) == (
        "HEIF",
        64,
        48,
    )
    assert found["image"]["palette"][0]["share"] > 0.4


def test_a_photograph_says_where_and_when_it_was_taken(take):
    found = take(saved(drawn(), "JPEG", exif=photographed(), dpi=(300, 300)))["image"]
    assert found["orientation"] == 6
    assert (found["width"], found["height"]) == (480, 640)
    assert found["contains_location"] is True
    assert found["location"] == {"latitude": 48.133333, "longitude": -11.57, "altitude_m": 519.5}
    assert found["exif"] == {
        "make": "Camera & Co",
        "model": "One",
        "taken_at": "2024-05-01T12:30:00+02:00",
        "exposure": "1/250 s",
        "aperture": 2.8,
        "iso": 200,
    }
    assert found["dpi"] == [300.0, 300.0]


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG", "AVIF", "TIFF", "NEF"])
def test_the_place_is_flagged_in_every_format_that_can_hold_it(take, form):
    """In a raw photograph it may stand in the preview alone."""
    written = "JPEG" if form == "NEF" else form
    data = saved(drawn(), written, exif=photographed().tobytes())
    found = take(raw_photograph(data) if form == "NEF" else data, f"a.{form.lower()}")["image"]
    assert found["contains_location"] is True
    assert found["location"]["latitude"] == 48.133333
    assert found["exif"]["taken_at"] == "2024-05-01T12:30:00+02:00"
    assert found["exif"]["make"] == ("NIKON" if form == "NEF" else "Camera & Co")


def test_pictures_are_shown_upright_and_without_their_location(take):
    found = take(saved(drawn(), "JPEG", exif=photographed()))
    preview = opened(found.artifact("image", "preview.webp"))
    assert preview.size == (480, 640)
    assert not preview.getexif()


def test_moving_pictures_have_frames_and_a_duration(take):
    frames = [drawn(), drawn().rotate(90), drawn().rotate(180)]
    for name in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], name, save_all=True, append_images=frames[1:], duration=100)
        found = take(data)["image"]
        assert (found["frames"], found["animated"]) == (3, True)
        assert found["duration_s"] in (0.3, None)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "1", "CMYK", "I;16"])
def test_every_mode_of_pixels_is_shown(take, mode):
    form = "JPEG" if mode == "CMYK" else "PNG"
    image = drawn().convert("RGBA" if "A" in mode else "RGB").convert(mode)
    found = take(saved(image, form))["image"]
    assert found["mode"] == mode
    assert found["has_alpha"] is (mode in ("LA", "RGBA"))


def test_copies_have_nearly_the_same_fingerprint(take):
    image = Image.effect_mandelbrot((900, 600), (-2, -1, 1, 1), 90).convert("RGB")
    first = int(take(saved(image, "PNG"))["image"]["fingerprint"], 16)
    copy = int(
        take(saved(image.resize((450, 300)), "JPEG", quality=60))["image"]["fingerprint"], 16
    )
    assert (first ^ copy).bit_count() <= 6


def test_a_picture_that_ends_early_is_shown_with_its_damage(take):
    noise = Image.effect_noise((640, 480), 90).convert("RGB")
    data = saved(noise, "JPEG")
    found = take(data[: len(data) // 2], "cut.jpg")
    assert found["image"]["damage"]
    assert found.artifact("image", "thumbnail.webp")


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP", "JPEG2000"])
def test_a_header_with_nothing_behind_it_is_a_bad_file(take, name):
    data = saved(drawn(), name)
    found = take(data[:30].ljust(60, b"\xee"))
    assert "image" in found.broken
    assert found.broken["image"].endswith(".")


@pytest.mark.parametrize("form", ["ICO", "QOI", "DDS", "HEIC"])
@pytest.mark.parametrize("kept", [100, 0.5], ids=["start", "half"])
def test_what_is_left_of_a_picture_that_was_cut_says_what_it_lacks(take, form, kept):
    whole = (
        (SAMPLES / "halves.heic").read_bytes() if form == "HEIC" else saved(drawn(256, 256), form)
    )
    found = take(whole[: kept if isinstance(kept, int) else round(len(whole) * kept)], "a")
    assert found["identify"]["kind"] == "image"
    assert found.broken["image"].startswith("The picture can't be ")


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises more pixels than anybody should decode."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 999))
        + chunk(b"IEND", b"")
    )


def test_a_pixel_bomb_is_refused_by_its_header(take):
    found = take(bomb(60_000, 60_000))
    assert "60,000 × 60,000" in found.broken["image"]


def test_a_bomb_for_a_decoder_without_shrinking_is_refused_earlier(take):
    data = bytearray(saved(drawn(16, 16), "BMP"))
    struct.pack_into("<ii", data, 18, 12_000, 12_000)
    assert "at most 100 million" in take(bytes(data)).broken["image"]


SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50"><title>A plan</title>
<rect width="50" height="50" fill="red"/><script>alert(1)</script>
<image href="https://example.org/x.png" width="9" height="9"/>{}</svg>"""


def test_a_drawing_is_shown_as_pixels_and_its_powers_are_named(take):
    found = take(SVG.format(""), "plan.svg")
    shown = found["image"]
    assert (shown["width"], shown["height"], shown["format"]) == (100, 50, "SVG")
    assert shown["drawing"] == {
        "title": "A plan",
        "scripts": 1,
        "embedded_pictures": 1,
        "outside_links": ["example.org"],
    }
    preview = opened(found.artifact("image", "preview.webp")).convert("RGBA")
    assert preview.size == (1600, 800)
    assert pixel(preview, 100, 400)[0] > 240
    assert pixel(preview, 1500, 400)[3] == 0


def test_a_drawing_of_odd_measures_fits_too(take):
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="100mm" height="50mm" viewBox="0 0 2 1">'
        '<rect width="2" height="1"/></svg>'
    )
    shown = take(drawing, "a.svg")["image"]
    assert max(shown["preview"].values()) == 1600


def test_a_resolution_of_no_unit_is_none(take):
    plain = Image.new("RGB", (20, 20))
    assert take(saved(plain, "TIFF"))["image"]["dpi"] is None
    assert take(saved(plain, "TIFF", dpi=(300, 300)))["image"]["dpi"] == [300, 300]


def test_a_drawing_reads_no_other_file(take, tmp_path):
    (tmp_path / "secret.png").write_bytes(saved(drawn(), "PNG"))
    link = f'<image href="file://{tmp_path}/secret.png" width="100" height="50"/>'
    preview = opened(take(SVG.format(link), "a.svg").artifact("image", "preview.webp")).convert(
        "RGBA"
    )
    assert pixel(preview, 1500, 400)[3] == 0


def test_a_broken_drawing_and_laughing_entities_are_bad_files(take):
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    data = f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">{laughs}]>' + SVG.format(
        "<text>&a9;</text>"
    )
    assert "can't be read" in take(data, "a.svg").broken["image"]
    said = take(SVG.format("<g>"), "a.svg").broken["image"]
    assert "can't be read" in said
    assert "domain" not in said


def raw_photograph(preview: bytes, *, make: bytes = b"NIKON\0\0\0") -> bytes:
    """A TIFF with a tiny first picture, a directory below it, and a JPEG that this one
    points to.
    """
    place = 8 + 2 + 12 * 4 + 4
    below = place + len(make)
    first = [(256, 4, 1, 160), (257, 4, 1, 120), (271, 2, len(make), place), (330, 4, 1, below)]
    jpeg = below + 2 + 12 * 4 + 4
    second = [(256, 4, 1, 6000), (257, 4, 1, 4000), (513, 4, 1, jpeg), (514, 4, 1, len(preview))]

    def directory(entries) -> bytes:
        return (
            struct.pack("<H", 4)
            + b"".join(struct.pack("<HHII", *row) for row in entries)
            + bytes(4)
        )

    return b"II*\0\x08\0\0\0" + directory(first) + make + directory(second) + preview


def test_a_raw_photograph_whose_preview_has_a_negative_length_is_broken(take):
    jpeg = saved(drawn(), "JPEG")
    whole = raw_photograph(jpeg)
    length = struct.pack("<HHII", 514, 4, 1, len(jpeg))
    assert length in whole
    taken = take(whole.replace(length, struct.pack("<HHIi", 514, 9, 1, -5)), "a.nef")
    assert "preview" in taken.broken["image"]


def test_a_raw_photograph_is_shown_by_its_preview(take):
    found = take(raw_photograph(saved(drawn(), "JPEG")), "a.nef")
    assert found.media_type == "image/x-nikon-nef"
    shown = found["image"]
    assert (shown["format"], shown["width"], shown["height"]) == ("RAW", 640, 480)
    assert (shown["raw"]["sensor_width"], shown["raw"]["sensor_height"]) == (6000, 4000)
    assert shown["exif"]["make"] == "NIKON"
    assert opened(found.artifact("image", "thumbnail.webp")).size == (320, 240)


def test_a_raw_photograph_without_preview_is_a_bad_file(take):
    assert "no preview" in take(raw_photograph(b"nothing"), "a.nef").broken["image"]


def test_directories_that_point_in_circles_end(take, tmp_path):
    path = tmp_path / "circle"
    entry = struct.pack("<HHII", 330, 4, 1, 8)
    path.write_bytes(b"II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + struct.pack("<I", 8))
    with path.open("rb") as file:
        assert len(list(raw._directories(file, path.stat().st_size))) == 1


def photoshop() -> bytes:
    """A document of 8 × 8 red pixels."""
    header = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 8, 8, 3)
    return header + bytes(12) + struct.pack(">H", 0) + b"\xff" * 64 + b"\0" * 128


def test_a_psd_is_opened(take):
    found = take(photoshop(), "a.psd")
    assert (found.media_type, found["image"]["width"]) == ("image/vnd.adobe.photoshop", 8)
    assert found["image"]["average"].startswith("#ff000")


def test_a_psd_that_was_cut_is_a_bad_file(take):
    assert take(photoshop()[:20], "a.psd").broken["image"].endswith(".")


def test_a_format_that_nothing_decodes_says_so(take):
    assert (
        "Nothing here decodes"
        in take(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40), "a.jxl").broken["image"]
    )


def test_an_error_speaks_no_path():
    assert "/" not in pixels.reason(OSError("cannot identify image file '/srv/data/x'"))
