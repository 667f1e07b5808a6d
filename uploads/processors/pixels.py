"""From a picture file of any format to a small upright sRGB picture, without trusting its header.

libvips reads first where it is the faster and frugal one (it shrinks while it decodes), Pillow
reads the rest and what libvips refuses. The media type chooses the decoder: no library guesses
one.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from uploads.processors import measured
from uploads.processors.failures import BadFile

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

MAX_PIXELS = 250_000_000  # for decoders that shrink while decoding
MAX_PIXELS_IN_MEMORY = 100_000_000  # for decoders that hold the whole picture
MAX_SIDE = 1_000_000
MAX_SVG_BYTES = 16 * 1024 * 1024
QUALITY = 80
EFFORT = 2  # of WebP, 0 to 6: 2 is as small as 4 within 4 % and takes a third of its time

Watch = Callable[[float], None]  # told the share that is decoded, 0 to 1

# media type → the loader of libvips, the format names of Pillow
DECODERS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "image/jpeg": ("jpegload", ("JPEG", "MPO")),
    "image/png": ("pngload", ("PNG",)),
    "image/webp": ("webpload", ("WEBP",)),
    "image/gif": ("gifload", ("GIF",)),
    "image/tiff": ("tiffload", ("TIFF",)),
    "image/svg+xml": ("svgload_buffer", ()),
    "image/avif": (None, ("AVIF",)),
    "image/heic": (None, ("HEIF",)),
    "image/bmp": (None, ("BMP", "DIB")),
    "image/x-icon": (None, ("ICO", "CUR")),
    "image/vnd.adobe.photoshop": (None, ("PSD",)),
    "image/jp2": (None, ("JPEG2000",)),
    "image/qoi": (None, ("QOI",)),
    "image/x-portable-anymap": (None, ("PPM",)),
    "image/vnd-ms.dds": (None, ("DDS",)),
    "image/x-icns": (None, ("ICNS",)),
    "image/x-tga": (None, ("TGA",)),
}


class Small(NamedTuple):
    """A picture that fits into `side` pixels, as WebP; what went wrong on the way, if anything;
    which of its values are black and white, where they had to be measured.
    """

    webp: bytes
    width: int
    height: int
    damage: str | None
    shown: measured.Span | None = None


@cache
def vips() -> Any:
    """libvips, with the loaders closed that its makers don't trust with strangers' files."""
    import pyvips

    pyvips.block_untrusted_set(state=True)
    # librsvg is one of them; it is fed from memory, where it finds no neighbouring file to read.
    pyvips.operation_block_set("VipsForeignLoadSvg", state=False)
    pyvips.cache_set_max(0)
    pyvips.concurrency_set(1)
    return pyvips


def check_size(width: int, height: int, *, in_memory: bool = False) -> None:
    """Raises BadFile for a picture of more pixels than are decoded here."""
    limit = MAX_PIXELS_IN_MEMORY if in_memory else MAX_PIXELS
    if width < 1 or height < 1:
        raise BadFile(f"The picture says that it has {width} × {height} pixels.")
    if width * height > limit or max(width, height) > MAX_SIDE:
        raise BadFile(
            f"The picture says that it has {width:,} × {height:,} pixels; "
            f"at most {limit // 1_000_000} million are decoded."
        )


def shrink(
    path: Path, media_type: str, sides: tuple[int, int], watch: Watch | None = None
) -> tuple[Small, Small]:
    """The picture made to fit squares of these sides in pixels, the larger one first; upright.

    Raises BadFile where nothing reads it, MemoryError where it is too large for what we may use.
    """
    loader, formats = DECODERS[media_type]
    tried: list[str] = []
    if loader:
        try:
            return _with_vips(path, loader, sides, watch)
        except vips().Error as error:
            tried.append(reason(error))
    if formats:
        try:
            image, span = _with_pillow(path, formats, sides[0])
            large = encode(image, tried[0] if tried else None)._replace(shown=span)
            return large, smaller(large.webp, sides[1])
        except MemoryError:
            raise  # no fault of the file
        except READ_ERRORS as error:
            tried.append(reason(error))
    if any("out of memory" in said for said in tried):
        raise MemoryError
    raise BadFile(f"The picture can't be decoded: {tried[-1]}.")


def smaller(webp: bytes, side: int) -> Small:
    """A smaller one of a picture that `shrink` made."""
    image = vips().Image.thumbnail_buffer(webp, side, height=side, size="down")
    return Small(_webp(image), image.width, image.height, None)


def encode(image: Image.Image, damage: str | None = None) -> Small:
    """A Pillow picture as WebP; what Pillow doesn't say in RGB is turned into it."""
    buffer = io.BytesIO()
    rgb(image).save(buffer, "WEBP", quality=QUALITY, method=EFFORT)
    return Small(buffer.getvalue(), image.width, image.height, damage)


def rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB, or RGBA where something in it is transparent."""
    if image.mode in ("RGB", "RGBA"):
        return image
    if measured.in_pillow(image):
        return measured.stretched_in_pillow(image, measured.span_in_pillow(image)).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def open_with_pillow(source: Path | io.BytesIO, formats: tuple[str, ...]) -> Image.Image:
    """Its header only; the pixels aren't read yet. Raises one of READ_ERRORS."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # check_size says it in better words
    if formats == ("HEIF",):
        import pi_heif

        pi_heif.register_heif_opener(thumbnails=False)
    return Image.open(source, formats=formats)


# What Pillow and its plugins raise for broken files.
READ_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    NotImplementedError,
    OverflowError,
    ZeroDivisionError,
    RuntimeError,
    MemoryError,
)


def reason(error: Exception) -> str:
    """The first line of what a library says, without its own name, paths and full stop."""
    said = str(getattr(error, "detail", error)).strip() or "the decoder refuses it"
    line = said.splitlines()[0].strip()
    line = re.sub(r"^[A-Za-z0-9_]+: (?=\S)", "", line)
    line = re.sub(r"^XML parse error: Error domain \d+ code \d+ on .*? of data: ", "", line)
    if "/" in line or "BytesIO" in line:
        line = "it isn't what its first bytes say"
    return line.rstrip(". ")[:200]


def _with_vips(
    path: Path, loader: str, sides: tuple[int, int], watch: Watch | None
) -> tuple[Small, Small]:
    damage = None
    try:
        image, span = _vips_image(path, loader, sides[0], "error", watch)
    except vips().Error as error:
        damage = reason(error)
        image, span = _vips_image(path, loader, sides[0], "none", watch)
    small = image.thumbnail_image(sides[1], height=sides[1], size="down")
    return (
        Small(_webp(image), image.width, image.height, damage, span),
        Small(_webp(small), small.width, small.height, damage, span),
    )


def _vips_image(
    path: Path, loader: str, side: int, fail_on: str, watch: Watch | None
) -> tuple[Any, measured.Span | None]:
    if loader == "svgload_buffer":
        return _drawn(path, side), None
    if loader in ("pngload", "tiffload"):  # the others have 8 bits
        load = getattr(vips().Image, loader)
        span = measured.span_in(load(str(path), access="sequential", fail_on=fail_on))
        if span:
            image = measured.stretched(load(str(path), access="sequential", fail_on=fail_on), span)
            return _watched(image.thumbnail_image(side, height=side, size="down"), watch), span
    image = vips().Image.thumbnail(str(path), side, height=side, size="down", fail_on=fail_on)
    return _in_srgb(_watched(image, watch)), None


def _watched(image: Any, watch: Watch | None) -> Any:
    """The picture computed, while what watches is told how far it is."""
    if watch:
        image.set_progress(True)
        image.signal_connect("eval", lambda _, progress: watch(progress.percent / 100))
    return image.copy_memory()


def _in_srgb(image: Any) -> Any:
    """The colours as screens show them; done on the small picture, where it costs a tenth."""
    if image.get_typeof("icc-profile-data") == 0:
        return image
    try:
        return image.icc_transform("srgb", embedded=True)
    except vips().Error:
        return image  # the profile is broken; the colours are shown as they are


def _drawn(path: Path, side: int) -> Any:
    if path.stat().st_size > MAX_SVG_BYTES:
        raise BadFile(f"The drawing is larger than {MAX_SVG_BYTES // 1024**2} MiB.")
    data = path.read_bytes()
    drawing = vips().Image.svgload_buffer(data)
    check_size(drawing.width, drawing.height)
    # A drawing has no pixels of its own: small ones are drawn larger, up to the side asked for.
    scale = side / max(drawing.width, drawing.height)
    drawn = vips().Image.svgload_buffer(data, scale=scale)
    # Rounding may have added a pixel or a few.
    return drawn.crop(0, 0, min(drawn.width, side), min(drawn.height, side)).copy_memory()


def _webp(image: Any) -> bytes:
    return bytes(image.webpsave_buffer(Q=QUALITY, effort=EFFORT, keep="none"))


def _with_pillow(
    path: Path, formats: tuple[str, ...], side: int
) -> tuple[Image.Image, measured.Span | None]:
    from PIL import ImageOps

    span = None

    with open_with_pillow(path, formats) as image:
        check_size(image.width, image.height, in_memory=True)
        image.draft(None, (side, side))
        image.load()
        shown: Image.Image = image
        if measured.in_pillow(image):
            span = measured.span_in_pillow(image)
            shown = measured.stretched_in_pillow(image, span)
        elif image.mode in ("P", "PA", "1"):
            shown = rgb(image)
        upright = ImageOps.exif_transpose(shown)
        upright.thumbnail((side, side))
        return upright.copy(), span
