"""The colours of a small picture: palette, average, placeholder, fingerprint of what it shows."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

COLOURS = 6
SAMPLE_SIDE = 96  # pixels: colours don't change below that
HASH_SIDE = 24  # pixels: a thumbhash keeps less than that


def survey(webp: bytes) -> dict[str, Any]:
    """{palette [{color, share}], average, thumbhash (base64), fingerprint (16 hex digits)}"""
    from PIL import Image

    with Image.open(io.BytesIO(webp), formats=("WEBP",)) as image:
        small = image.convert("RGBA")
    small.thumbnail((SAMPLE_SIDE, SAMPLE_SIDE))
    seen = _over_white(small)
    return {
        "palette": palette(seen),
        "average": _hex(seen.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))),
        "thumbhash": _thumbhash(seen),
        "fingerprint": fingerprint(seen),
    }


def palette(image: Image.Image) -> list[dict[str, Any]]:
    """The main colours with the share of the picture that each has, the largest first."""
    reduced = image.quantize(COLOURS, kmeans=1)
    values = reduced.getpalette() or []
    total = image.width * image.height
    counted = sorted(reduced.getcolors() or [], key=lambda pair: -pair[0])
    return [
        {
            "color": _hex(values[3 * int(place) : 3 * int(place) + 3]),
            "share": round(count / total, 3),
        }
        for count, place in counted
        if isinstance(place, int)
    ]


def fingerprint(image: Image.Image) -> str:
    """A difference hash: 64 bits that say where it gets darker from left to right.

    Copies in other sizes or qualities differ in few bits.
    """
    grey = image.convert("L").resize((9, 8)).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            bits = bits << 1 | (grey[9 * row + column] > grey[9 * row + column + 1])
    return f"{bits:016x}"


def _thumbhash(image: Image.Image) -> str:
    import thumbhash

    tiny = image.convert("RGBA")  # opaque: the library's encoder fails on transparency
    tiny.thumbnail((HASH_SIDE, HASH_SIDE))
    coded = thumbhash.rgba_to_thumb_hash(tiny.width, tiny.height, list(tiny.tobytes()))
    return base64.b64encode(bytes(coded)).decode()


def _over_white(image: Image.Image) -> Image.Image:
    from PIL import Image

    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _hex(colour: Any) -> str:
    red, green, blue = colour[:3]
    return f"#{red:02x}{green:02x}{blue:02x}"
