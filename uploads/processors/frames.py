"""How many pictures one file shows after each other, and for how long, without decoding them."""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING, Any

from uploads.processors import pixels
from uploads.processors.context import Context

if TYPE_CHECKING:
    from PIL import Image

STILL = {"frames": 1, "animated": False, "duration_s": None}
BOXES = 500  # of one level that are looked at
TRACKS = (b"moov", b"trak", b"mdia")  # the way to a track's length


def count(ctx: Context, opened: Image.Image, loader: str | None) -> dict[str, Any]:
    """{frames, animated, duration_s}; that of a PNG stands in its chunks, which are read elsewhere.

    libvips counts the frames of the formats that Pillow would decode for it.
    """
    if loader in ("gifload", "webpload", "tiffload"):
        try:
            return _with_vips(ctx, loader)
        except pixels.vips().Error:
            return {}
    frames = int(getattr(opened, "n_frames", 1))
    moving = frames > 1 and ctx.media_type in ("image/png", "image/avif")
    duration = _of_tracks(ctx) if moving and ctx.media_type == "image/avif" else None
    return {"frames": frames, "animated": moving, "duration_s": duration}


def _of_tracks(ctx: Context) -> float | None:
    with ctx.path.open("rb") as file:
        return round(_track_seconds(file, 0, ctx.size), 3) or None


def _with_vips(ctx: Context, loader: str) -> dict[str, Any]:
    opened = getattr(pixels.vips().Image, loader)(str(ctx.path), access="sequential")
    fields = set(opened.get_fields())
    frames = int(opened.get("n-pages")) if "n-pages" in fields else 1
    delays = opened.get("delay") if "delay" in fields else []
    moving = frames > 1 and loader != "tiffload"
    return {
        "frames": frames,
        "animated": moving,
        "duration_s": round(sum(delays) / 1000, 3) if moving and delays else None,
    }


def _track_seconds(file: IO[bytes], start: int, end: int) -> float:
    """The length of the longest track in the boxes between (ISO 14496-12 §8.4.2); the film's own
    header may say that it goes round for ever.
    """
    longest, place = 0.0, start
    for _ in range(BOXES):
        file.seek(place)
        length, kind = struct.unpack(">I4s", file.read(8).ljust(8, b"\0"))
        if length < 8 or place + length > end:
            break
        if kind in TRACKS:
            longest = max(longest, _track_seconds(file, place + 8, place + length))
        elif kind == b"mdhd":
            longest = max(longest, _header_seconds(file.read(32)))
        place += length
    return longest


def _header_seconds(header: bytes) -> float:
    form, place = (">IQ", 20) if header[:1] == b"\x01" else (">II", 12)
    unit, length = struct.unpack_from(form, header.ljust(32, b"\0"), place)
    known = unit and length not in (2**32 - 1, 2**64 - 1)
    return length / unit if known else 0.0
