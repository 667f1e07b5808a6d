"""What a sound or film file says of its streams: codecs, sizes, rates, languages,
chapters, tags.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile

STREAMS = 64
CHAPTERS = 200
WORDS = 300  # characters of a tag

_TAGS = {
    "title": "title",
    "track_name": "title",
    "performer": "artist",
    "artist": "artist",
    "album": "album",
    "album_performer": "album_artist",
    "track_name_position": "track",
    "recorded_date": "year",
    "genre": "genre",
    "composer": "composer",
    "comment": "comment",
    "copyright": "copyright",
    "encoded_application": "encoded_by",
    "movie_name": "title",
    "director": "director",
}


def probe(ctx: Context) -> dict[str, Any]:
    """{format, duration_s, bit_rate (bit/s), tags {…}, streams [{type, codec, …}], chapters
    [{at_s, title}]}

    Raises BadFile where there is no stream in the file.
    """
    from pymediainfo import MediaInfo

    options = {"File_TestContinuousFileNames": "0"}  # it would look for numbered neighbours
    try:
        found = MediaInfo.parse(str(ctx.path), mediainfo_options=options)
        tracks = [track.to_data() for track in found.tracks]
    except (RuntimeError, OSError, ValueError, SyntaxError) as error:
        raise BadFile("The streams in the file can't be read.") from error
    general: dict[str, Any] = next((one for one in tracks if one["track_type"] == "General"), {})
    streams = [_stream(one) for one in tracks if one["track_type"] in _KINDS][:STREAMS]
    if not streams and ctx.media_type in _INDEXED and _lacks_index(ctx.path):
        raise BadFile("The file was cut off: the index of its streams, at its end, isn't there.")
    if not streams:
        raise BadFile("There is no sound or picture stream in the file.")
    return {
        "format": general.get("format"),
        "duration_s": _seconds(general.get("duration")),
        "bit_rate": _whole(general.get("overall_bit_rate")),
        "tags": _tags(general),
        "streams": streams,
        "chapters": _chapters(tracks),
    }


_INDEXED = ("audio/mp4", "video/3gpp", "video/mp4", "video/quicktime")
_BOXES = 64  # of the outermost level that are looked at


def _lacks_index(path: Path) -> bool:
    """Whether the boxes of an MPEG-4 file end before its `moov` (ISO 14496-12 §4.2, §8.2.1)."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        place = 0
        for _ in range(_BOXES):
            file.seek(place)
            head = file.read(16)
            length, name = int.from_bytes(head[:4], "big"), head[4:8]
            if name in (b"moov", b"moof"):
                return False
            if length == 1:  # the length is behind the name
                length = int.from_bytes(head[8:], "big")
            place += length
            if length < 8 or place >= size:
                return True
    return False


_KINDS = {"Video": "video", "Audio": "audio", "Text": "subtitle", "Image": "picture"}


def _stream(track: Mapping[str, Any]) -> dict[str, Any]:
    kind = _KINDS[track["track_type"]]
    found: dict[str, Any] = {
        "type": kind,
        "codec": _codec(track),
        "profile": track.get("format_profile"),
        "language": track.get("language"),
        "title": clip(str(track["title"]), WORDS) if track.get("title") else None,
        "bit_rate": _whole(track.get("bit_rate")),
        "duration_s": _seconds(track.get("duration")),
        "default": track.get("default") == "Yes",
    }
    if kind == "video":
        found |= _video(track)
    elif kind == "audio":
        found |= _audio(track)
    return {name: value for name, value in found.items() if value is not None}


def _codec(track: Mapping[str, Any]) -> str | None:
    """As people call it: the third layer of MPEG audio is MP3."""
    layer = re.fullmatch(r"Layer ([123])", str(track.get("format_profile") or ""))
    return f"MP{layer[1]}" if layer and track.get("format") == "MPEG Audio" else track.get("format")


def _video(track: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "width": _whole(track.get("width")),
        "height": _whole(track.get("height")),
        "fps": _number(track.get("frame_rate")),
        "frames": _whole(track.get("frame_count")),
        "bits": _whole(track.get("bit_depth")),
        "rotation": _number(track.get("rotation")) or 0,
        "aspect": _number(track.get("display_aspect_ratio")),
        "hdr": track.get("hdr_format_commercial") or track.get("hdr_format"),
        "colours": track.get("color_primaries"),
        "interlaced": track.get("scan_type") in ("Interlaced", "MBAFF"),
    }


def _audio(track: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "channels": _whole(track.get("channel_s")),
        "sample_rate": _whole(track.get("sampling_rate")),
        "bits": _whole(track.get("bit_depth")),
        "lossless": track.get("compression_mode") == "Lossless" or track.get("format") == "PCM",
        "variable": track.get("bit_rate_mode") == "VBR",
    }


def _tags(general: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    # RIFF has one field for who made it, which is taken for a director, of sounds as of films.
    wrong = {"director": "artist"} if general.get("format") == "Wave" else {}
    for theirs, ours in (_TAGS | wrong).items():
        value = general.get(theirs)
        if value and ours not in found:
            found[ours] = clip(str(value), WORDS)
    return found


def _chapters(tracks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A menu's fields are named after the times of its chapters: 00_01_30500. An MP4 may have the
    same ones twice, for players of two makes.
    """
    found: list[dict[str, Any]] = []
    for track in tracks:
        if track["track_type"] != "Menu":
            continue
        for name, title in track.items():
            time = re.fullmatch(r"(\d+)_(\d\d)_(\d\d)_?(\d{3})", name)
            if time:
                hours, minutes, seconds, milli = map(int, time.groups())
                at = hours * 3600 + minutes * 60 + seconds + milli / 1000
                words = clip(str(title).partition(":")[2] or str(title), WORDS)
                if (chapter := {"at_s": at, "title": words}) not in found[:CHAPTERS]:
                    found.append(chapter)
    return found[:CHAPTERS]


def _seconds(milliseconds: Any) -> float | None:
    number = _number(milliseconds)
    return round(number / 1000, 3) if number is not None else None


def _number(value: Any) -> float | None:
    try:
        number = float(str(value).partition(" / ")[0])
    except ValueError:
        return None
    return number if 0 <= abs(number) < 1e15 else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None else None
