"""The video step: streams, chapters, subtitles, a poster, and frames through the film
as one strip.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from uploads.processors import pixels, streams
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from PIL import Image

HAS_AV = find_spec("av") is not None
POSTER = 1280  # pixels
THUMBNAIL = 320
CELLS = 12  # frames in the strip
CELL = 160  # pixels
FRAME_PIXELS = 40_000_000  # of one frame
PACKETS = 600  # read to find one frame
CUES = 20_000
SUBTITLES = 4
SUBTITLE_FILE = 1024 * 1024 * 1024  # bytes: subtitles are spread over the whole file

# media type → the demuxer of FFmpeg: it never guesses one
DEMUXERS = {
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/3gpp": "3gp",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/x-ms-wmv": "asf",
    "video/x-flv": "flv",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/ogg": "ogg",
}


@processor(name="video", accepts=["video/*"], version=1, after=["identify", "checksum"])
def video(ctx: Context) -> dict[str, Any]:
    """{format, duration_s, bit_rate, width, height, fps, codec, rotation, hdr, interlaced, tags,
    streams, chapters, poster: bool, strip {artifact, columns, width, height, times_s}|null,
    subtitles [{language, cues, artifact}], note|null}, poster.webp, thumbnail.webp, strip.webp,
    subtitles-N.vtt

    `note` says what is missing where frames can't be decoded here. Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True, "streams": []}
    found = streams.probe(ctx)
    main: dict[str, Any] = next((one for one in found["streams"] if one["type"] == "video"), {})
    shown = ("width", "height", "fps", "codec", "rotation", "hdr", "interlaced")
    nothing: dict[str, Any] = {"poster": False, "strip": None, "subtitles": [], "note": None}
    result = {**found, **{name: main.get(name) for name in shown}, **nothing}
    if not HAS_AV:
        ctx.progress(1, 1, "streams")
        note = "Pictures from films need the optional package av (the extra `video`)."
        return result | {"note": note}
    return result | _pictured(ctx, found["duration_s"] or 0)


def _pictured(ctx: Context, duration: float) -> dict[str, Any]:
    import av

    try:
        with av.open(
            str(ctx.path),
            format=DEMUXERS.get(ctx.media_type),
            options={"protocol_whitelist": "file"},
        ) as container:
            found = _strip(ctx, container, duration) if container.streams.video else {}
            found["subtitles"] = _subtitles(ctx, container) if ctx.size <= SUBTITLE_FILE else []
    except (av.FFmpegError, ValueError, OSError) as error:
        raise BadFile("The film can't be decoded: its streams are damaged.") from error
    ctx.progress(CELLS, CELLS, "frames")
    return found


def _strip(ctx: Context, container: Any, duration: float) -> dict[str, Any]:
    """Frames at equal distances; the second one is the poster, since films begin in the dark."""
    stream = container.streams.video[0]
    if stream.codec_context is None:
        return {"note": "Nothing that is installed decodes the pictures of this film."}
    size = stream.codec_context.width * stream.codec_context.height
    if not 0 < size <= FRAME_PIXELS:
        raise BadFile(
            f"A frame of the film has {size:,} pixels; at most {FRAME_PIXELS:,} are decoded."
        )
    stream.codec_context.thread_count = 1
    cells: list[Image.Image] = []
    times: list[float] = []
    poster: Image.Image | None = None
    for number in range(CELLS):
        at = duration * (number + 0.5) / CELLS
        picture = _frame(container, stream, at)
        if picture is not None:
            if len(cells) <= 1:
                poster = picture
            cells.append(_cell(picture))
            times.append(round(at, 2))
        ctx.progress(number + 1, CELLS, "frames")
    if poster is None:
        return {"note": "No frame of the film can be decoded."}
    _save_poster(ctx, poster)
    return {"poster": True, "strip": _save_strip(ctx, cells, times)}


def _frame(container: Any, stream: Any, at: float) -> Image.Image | None:
    """The first frame that can be decoded from the key frame before `at` seconds on."""
    import av

    try:
        container.seek(int(at * 1_000_000), backward=True)
        for frame in _decoded(container, stream):
            return _upright(frame)
    except (av.FFmpegError, ValueError, OSError, MemoryError):
        return None
    return None


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    import av

    for number, packet in enumerate(container.demux(stream)):
        try:
            yield from packet.decode()
        except av.error.InvalidDataError:
            pass
        if number >= PACKETS:
            return


def _upright(frame: Any) -> Image.Image:
    picture: Image.Image = frame.to_image()
    turned = getattr(frame, "rotation", 0)
    return picture.rotate(turned, expand=True) if turned else picture


def _cell(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((CELL, CELL))
    return small


def _save_poster(ctx: Context, poster: Image.Image) -> None:
    poster = poster.copy()
    poster.thumbnail((POSTER, POSTER))
    coded = pixels.encode(poster)
    ctx.save("poster.webp", "image/webp").write_bytes(coded.webp)
    small = pixels.smaller(coded.webp, THUMBNAIL)
    ctx.save("thumbnail.webp", "image/webp").write_bytes(small.webp)


def _save_strip(ctx: Context, cells: list[Image.Image], times: list[float]) -> dict[str, Any]:
    from PIL import Image

    width, height = cells[0].size
    strip = Image.new("RGB", (width * len(cells), height), "black")
    for number, cell in enumerate(cells):
        strip.paste(cell, (number * width, 0))
    ctx.save("strip.webp", "image/webp").write_bytes(pixels.encode(strip).webp)
    return {
        "artifact": "strip.webp",
        "columns": len(cells),
        "width": width,
        "height": height,
        "times_s": times,
    }


def _subtitles(ctx: Context, container: Any) -> list[dict[str, Any]]:
    """The text of the subtitle streams as WebVTT."""
    import av

    chosen = list(container.streams.subtitles)[:SUBTITLES]
    cues: dict[int, list[str]] = {stream.index: [] for stream in chosen}
    if not chosen:
        return []
    try:
        container.seek(0)
        for packet in container.demux(chosen):
            if packet.pts is not None and len(cues[packet.stream.index]) < CUES:
                cues[packet.stream.index] += _cues(packet)
    except (av.FFmpegError, ValueError, OSError):
        pass  # what was read before the damage is kept
    return [_save_cues(ctx, number, stream, cues) for number, stream in enumerate(chosen, 1)]


def _cues(packet: Any) -> list[str]:
    import av

    try:
        lines = [_words(part) for part in packet.decode()]
    except (av.FFmpegError, ValueError, AttributeError, UnicodeDecodeError):
        return []
    start = float(packet.pts * packet.time_base)
    end = start + float((packet.duration or 0) * packet.time_base)
    return [f"{_clock(start)} --> {_clock(end)}\n{line}\n" for line in lines if line]


def _words(part: Any) -> str:
    text = getattr(part, "dialogue", None) or getattr(part, "text", None) or b""
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return words.replace("-->", "→").strip()


def _save_cues(
    ctx: Context, number: int, stream: Any, cues: dict[int, list[str]]
) -> dict[str, Any]:
    name = f"subtitles-{number}.vtt"
    content = "WEBVTT\n\n" + "\n".join(cues[stream.index])
    ctx.save(name, "text/vtt").write_text(content, encoding="utf-8", errors="replace")
    return {"language": stream.language, "cues": len(cues[stream.index]), "artifact": name}


def _clock(seconds: float) -> str:
    whole, milli = divmod(max(0, round(seconds * 1000)), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{milli:03}"
