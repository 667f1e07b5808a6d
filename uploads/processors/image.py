"""The image step: size, format, EXIF with location flagged, colours, preview and thumbnail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uploads.processors import colours, drawings, exif, pixels, profiles, raw
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from PIL import Image

PREVIEW = 1600  # pixels, the longer side
THUMBNAIL = 320
WATCHED = 16_000_000  # pixels from which on decoding takes long enough to be watched

STILL = {"frames": 1, "animated": False, "duration_s": None}
UNPHOTOGRAPHED: dict[str, Any] = {
    "dpi": None,
    "profile": None,
    "orientation": 1,
    "exif": {},
    "location": None,
    "contains_location": False,
}


@processor(name="image", accepts=["image/*"], version=1, after=["identify", "checksum"])
def image(ctx: Context) -> dict[str, Any]:
    """{format, width, height (as seen), megapixels, orientation, mode, bits, has_alpha, frames,
    animated, duration_s, dpi, profile, exif {…}, location {…}|null, contains_location, palette,
    average, thumbhash, fingerprint, preview {width, height}, damage|null}, preview.webp and
    thumbnail.webp

    SVG adds `drawing`, raw photographs `raw`. Raises BadFile for what can't be decoded.
    """
    if ctx.size == 0:
        return {"empty": True}
    if ctx.media_type in raw.MEDIA_TYPES:
        return _raw(ctx)
    header = _header(ctx)
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
        "damage": preview.damage,
    }


def _header(ctx: Context) -> dict[str, Any]:
    """What the file says of itself, read without decoding it; the size is checked."""
    if ctx.media_type not in pixels.DECODERS:
        raise BadFile(f"Nothing here decodes pictures of type {ctx.media_type}.")
    loader, formats = pixels.DECODERS[ctx.media_type]
    if not formats:
        return STILL | UNPHOTOGRAPHED | drawings.header(ctx)
    try:
        with pixels.open_with_pillow(ctx.path, formats) as opened:
            pixels.check_size(opened.width, opened.height, in_memory=loader is None)
            return _described(opened) | _frames(ctx, opened, loader)
    except pixels.READ_ERRORS as error:
        if loader is None:
            raise BadFile(f"The picture can't be read: {pixels.reason(error)}.") from error
    return _vips_header(ctx, loader)


def _described(opened: Image.Image) -> dict[str, Any]:
    turned = _orientation(opened) >= 5
    width, height = (opened.height, opened.width) if turned else opened.size
    return {
        "format": opened.format,
        "width": width,
        "height": height,
        "megapixels": round(width * height / 1e6, 2),
        "mode": opened.mode,
        "bits": _bits(opened.mode),
        "has_alpha": opened.has_transparency_data,
        **STILL,
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


def _bits(mode: str) -> int:
    """Bits of one channel."""
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


def _frames(ctx: Context, opened: Image.Image, loader: str | None) -> dict[str, Any]:
    """Frames and their duration; libvips counts those of formats that Pillow would decode
    for it.
    """
    if loader in ("gifload", "webpload", "tiffload"):
        try:
            return _vips_frames(ctx, loader)
        except pixels.vips().Error:
            return {}
    frames = int(getattr(opened, "n_frames", 1))
    return {"frames": frames, "animated": frames > 1 and ctx.media_type != "image/x-icon"}


def _vips_frames(ctx: Context, loader: str) -> dict[str, Any]:
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
        "bits": 16 if opened.format in ("ushort", "short") else 8,
        "has_alpha": bool(opened.hasalpha()),
        **STILL,
        **UNPHOTOGRAPHED,
    }
