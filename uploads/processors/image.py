"""The image step: size, format, EXIF with location flagged, colours, preview and thumbnail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uploads.processors import colours, drawings, exif, frames, pixels, png_chunks, profiles, raw
from uploads.processors.bounds import within
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from PIL import Image

PREVIEW = 1600  # pixels, the longer side
THUMBNAIL = 320
TEXTS = 64 * 1024  # bytes of JSON
WATCHED = 16_000_000  # pixels from which on decoding takes long enough to be watched

BITS = {"ushort": 16, "short": 16, "uint": 32, "int": 32, "float": 32, "double": 64}  # of libvips
UNPHOTOGRAPHED: dict[str, Any] = {
    "dpi": None,
    "profile": None,
    "orientation": 1,
    "exif": {},
    "location": None,
    "contains_location": False,
}


@processor(name="image", accepts=["image/*"], version=2, after=["identify", "checksum"])
def image(ctx: Context) -> dict[str, Any]:
    """{format, width, height (as seen), megapixels, orientation, mode, bits, has_alpha, frames,
    animated, duration_s, dpi, profile, exif {…}, location {…}|null, contains_location, palette,
    average, thumbhash, fingerprint, preview {width, height}, shown {from, to}|null, damage|null},
    preview.webp and thumbnail.webp

    `shown` tells which measured values are black and white in the pictures made here, where the
    file's own range is none that a screen has. PNG adds `texts` [{key, value}] where it has any,
    SVG adds `drawing`, raw photographs `raw`. Raises BadFile for what can't be decoded.
    """
    if ctx.size == 0:
        return {"empty": True}
    if ctx.media_type in raw.MEDIA_TYPES:
        return _raw(ctx)
    header = _header(ctx)
    if ctx.media_type == "image/png":
        header |= _in_chunks(ctx, animated=header["animated"])
    total = header["width"] * header["height"]
    ctx.progress(0, total, "pixels")

    def watch(share: float) -> None:
        ctx.progress(round(share * total), total, "pixels")

    watched = watch if total > WATCHED else None
    shown = pixels.shrink(ctx.path, ctx.media_type, (PREVIEW, THUMBNAIL), watched)
    result = header | _pictures(ctx, *shown)
    ctx.progress(total, total, "pixels")
    return result


def _raw(ctx: Context) -> dict[str, Any]:
    """A raw photograph is shown by the JPEG that its camera put inside."""
    found = raw.read(ctx.path, ctx.media_type)
    ctx.progress(0, len(found.jpeg), "bytes")
    try:
        with pixels.open_with_pillow(found.stream(), ("JPEG", "MPO")) as opened:
            pixels.check_size(opened.width, opened.height)
            result = _described(opened)
            if found.exif is not None:
                result |= _added(result, found.exif)
    except pixels.READ_ERRORS as error:
        raise BadFile(f"The preview inside can't be read: {pixels.reason(error)}.") from error
    path = ctx.made_folder() / ".preview.jpg"
    path.write_bytes(found.jpeg)
    try:
        result |= _pictures(ctx, *pixels.shrink(path, "image/jpeg", (PREVIEW, THUMBNAIL)))
    finally:
        path.unlink()
    ctx.progress(len(found.jpeg), len(found.jpeg), "bytes")
    return result | {"format": "RAW", "raw": {"preview_bytes": len(found.jpeg), **found.sensor}}


def _pictures(ctx: Context, preview: pixels.Small, thumbnail: pixels.Small) -> dict[str, Any]:
    ctx.save("preview.webp", "image/webp").write_bytes(preview.webp)
    ctx.save("thumbnail.webp", "image/webp").write_bytes(thumbnail.webp)
    return {
        **colours.survey(thumbnail.webp),
        "preview": {"width": preview.width, "height": preview.height},
        "shown": _span(preview.shown),
        "damage": preview.damage,
    }


def _span(shown: tuple[float, float] | None) -> dict[str, float] | None:
    return {"from": float(f"{shown[0]:.6g}"), "to": float(f"{shown[1]:.6g}")} if shown else None


def _header(ctx: Context) -> dict[str, Any]:
    """What the file says of itself, read without decoding it; the size is checked."""
    if ctx.media_type not in pixels.DECODERS:
        raise BadFile(f"Nothing here decodes pictures of type {ctx.media_type}.")
    loader, formats = pixels.DECODERS[ctx.media_type]
    if not formats:
        return frames.STILL | UNPHOTOGRAPHED | drawings.header(ctx)
    try:
        with pixels.open_with_pillow(ctx.path, formats) as opened:
            pixels.check_size(opened.width, opened.height, in_memory=loader is None)
            return _described(opened) | frames.count(ctx, opened, loader)
    except pixels.READ_ERRORS as error:
        if loader is None:
            raise BadFile(f"The picture can't be read: {pixels.reason(error)}.") from error
    return _vips_header(ctx, loader)


def _in_chunks(ctx: Context, *, animated: bool) -> dict[str, Any]:
    """What only a PNG's chunks say."""
    chunks = png_chunks.read(ctx.path)
    found: dict[str, Any] = {"bits": chunks.bits}
    if animated and chunks.seconds > 0:
        found["duration_s"] = round(chunks.seconds, 3)
    if chunks.texts:
        found["texts"] = within(chunks.texts, TEXTS)
    return found


def _described(opened: Image.Image) -> dict[str, Any]:
    turned = _orientation(opened) >= 5
    width, height = (opened.height, opened.width) if turned else opened.size
    return {
        "format": opened.format,
        "width": width,
        "height": height,
        "megapixels": round(width * height / 1e6, 2),
        "mode": opened.mode,
        "bits": _bits(opened),
        "has_alpha": opened.has_transparency_data,
        **frames.STILL,
        "dpi": _dpi(opened.info.get("dpi")),
        "profile": profiles.name(opened.info.get("icc_profile")),
        **_photographed(_exif(opened), opened),
    }


def _photographed(found: Image.Exif | None, opened: Image.Image) -> dict[str, Any]:
    fields, place = exif.read(found) if found else ({}, None)
    return {
        "orientation": _orientation(opened),
        "exif": fields,
        "location": place,
        "contains_location": place is not None,
    }


def _added(preview: dict[str, Any], found: Image.Exif) -> dict[str, Any]:
    """What the fields of the raw photograph add to those of the preview inside: a camera may write
    the place into either.
    """
    fields, place = exif.read(found)
    place = place or preview["location"]
    return {
        "exif": preview["exif"] | fields,
        "location": place,
        "contains_location": place is not None,
    }


def _exif(opened: Image.Image) -> Image.Exif | None:
    try:
        return opened.getexif()
    except pixels.READ_ERRORS:
        return None


def _orientation(opened: Image.Image) -> int:
    found = _exif(opened)
    value = found.get(0x0112, 1) if found else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _bits(opened: Image.Image) -> int:
    """Bits of one channel; of a TIFF it says itself, since Pillow makes them 8."""
    said = getattr(opened, "tag_v2", {}).get(258)
    if isinstance(said, tuple) and said and isinstance(said[0], int) and 0 < said[0] <= 64:
        return said[0]
    mode = opened.mode
    if mode == "1":
        return 1
    return 16 if "16" in mode else 32 if mode in ("I", "F") else 8


def _dpi(value: Any) -> list[float] | None:
    try:
        across, down = (round(float(part), 1) for part in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    # One dot to the inch stands for no unit in TIFF: only the shape of a pixel is told.
    known = 0 < across < 1e6 and 0 < down < 1e6 and (across, down) != (1, 1)
    return [across, down] if known else None


def _vips_header(ctx: Context, loader: str) -> dict[str, Any]:
    """For a file whose header Pillow can't read, but libvips can."""
    try:
        opened = getattr(pixels.vips().Image, loader)(str(ctx.path), access="sequential")
    except pixels.vips().Error as error:
        raise BadFile(f"The picture can't be read: {pixels.reason(error)}.") from error
    pixels.check_size(opened.width, opened.height)
    return {
        "format": loader.removesuffix("load").upper(),
        "width": opened.width,
        "height": opened.height,
        "megapixels": round(opened.width * opened.height / 1e6, 2),
        "mode": opened.interpretation,
        "bits": BITS.get(opened.format, 8),
        "has_alpha": bool(opened.hasalpha()),
        **frames.STILL,
        **UNPHOTOGRAPHED,
    }
