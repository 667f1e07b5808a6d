"""The audio step: streams, tags, cover, loudness, and the outline of the sound as a picture."""

from __future__ import annotations

import io
from typing import Any

from uploads.processors import pixels, sound, streams
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

COVER = 1000  # pixels
THUMBNAIL = 320
NO_DECODER = "Nothing that is installed here decodes this format; the extra «video» may."
NO_CODEC = "Nothing that is installed here decodes this format."
ALIKE = 0.05  # share by which what is said and what is heard may differ
PICTURE = (1200, 240)  # pixels of the drawn outline
INK = "#4a7dbd"
COVER_BYTES = 32 * 1024 * 1024


@processor(name="audio", accepts=["audio/*"], version=4, after=["identify", "checksum"])
def audio(ctx: Context) -> dict[str, Any]:
    """{format, codec, duration_s, bit_rate, sample_rate, channels, bits, lossless, tags, streams,
    chapters, cover: bool, decoded: bool, note, waveform [0 to 100], loudness_lufs,
    peak_db, mean_db, silence},
    waveform.webp, cover.webp and thumbnail.webp

    `decoded` is False where nothing that is installed decodes this format, and `note` says so.
    Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True, "streams": []}
    found = streams.probe(ctx)
    total = found["duration_s"]

    def watch(seconds: float) -> None:
        ctx.progress(seconds, max(total, seconds) if total else None, "seconds")

    watch(0)
    loudness = sound.measure(ctx.path, ctx.media_type, watch)
    measured = (loudness or sound.Loudness()).result()
    cover = _cover(ctx)
    if measured["waveform"]:
        _draw(ctx, measured["waveform"], thumbnail=not cover)
    done = max(total or 0, loudness.seconds if loudness else 0)
    ctx.progress(done, done, "seconds")
    main: dict[str, Any] = next((one for one in found["streams"] if one["type"] == "audio"), {})
    length = _length(ctx.size, total, main.get("bit_rate") or found["bit_rate"], loudness)
    if length["duration_s"] != total:
        main.update(length)
    shown = ("codec", "sample_rate", "channels", "bits", "lossless")
    return {
        **found,
        **{name: main.get(name) for name in shown},
        **length,
        "cover": cover,
        "decoded": loudness is not None,
        "note": None if loudness is not None else NO_CODEC if sound.HAS_AV else NO_DECODER,
        **measured,
    }


def _length(
    size: int, said: float | None, bit_rate: int | None, heard: sound.Loudness | None
) -> dict[str, Any]:
    """What the header says, unless all was decoded and lasts clearly longer or shorter: headers of
    some formats are misread, and a file may have been cut off.
    """
    if heard is None or heard.seconds >= sound.SECONDS:
        return {"duration_s": said, "bit_rate": bit_rate}
    if said and abs(heard.seconds - said) <= ALIKE * said + 0.1:
        return {"duration_s": said, "bit_rate": bit_rate}
    return {"duration_s": round(heard.seconds, 3), "bit_rate": round(8 * size / heard.seconds)}


def _cover(ctx: Context) -> bool:
    """Save the picture inside the tags; False where there is none, or it is broken."""
    from tinytag import TinyTag, TinyTagException

    try:
        tag = TinyTag.get(ctx.path, tags=True, duration=False, image=True)
        picture = tag.images.any
        if picture is None or len(picture.data) > COVER_BYTES:
            return False
        formats = ("JPEG", "PNG", "GIF", "WEBP")
        with pixels.open_with_pillow(io.BytesIO(picture.data), formats) as opened:
            pixels.check_size(opened.width, opened.height, in_memory=True)
            image = pixels.rgb(opened)
            image.thumbnail((COVER, COVER))
            cover = pixels.encode(image)
    except (TinyTagException, BadFile):
        return False
    except pixels.READ_ERRORS:
        return False
    ctx.save("cover.webp", "image/webp").write_bytes(cover.webp)
    small = pixels.smaller(cover.webp, THUMBNAIL)
    ctx.save("thumbnail.webp", "image/webp").write_bytes(small.webp)
    return True


def _draw(ctx: Context, outline: list[int], *, thumbnail: bool) -> None:
    from PIL import Image, ImageDraw

    width, height = PICTURE
    picture = Image.new("RGBA", PICTURE, (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    step = width / len(outline)
    for number, value in enumerate(outline):
        half = max(1, value * (height - 8) / 200)
        left = number * step
        box = (left, height / 2 - half, left + max(1, step * 0.7), height / 2 + half)
        draw.rectangle(box, fill=INK)
    coded = pixels.encode(picture)
    ctx.save("waveform.webp", "image/webp").write_bytes(coded.webp)
    if thumbnail:
        small = pixels.smaller(coded.webp, THUMBNAIL)
        ctx.save("thumbnail.webp", "image/webp").write_bytes(small.webp)
