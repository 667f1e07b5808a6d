"""What a camera wrote into a picture: device, exposure, time, and above all the place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uploads.processors.bounds import clip

if TYPE_CHECKING:
    from PIL import Image

CAMERA, PLACE = 0x8769, 0x8825  # the directories below the first one
WORDS = 200  # characters of a text field
COMMENT = 4000  # characters

_TEXTS = {
    "make": 0x010F,
    "model": 0x0110,
    "software": 0x0131,
    "description": 0x010E,
    "artist": 0x013B,
    "copyright": 0x8298,
}
_CAMERA_TEXTS = {"lens": 0xA434, "lens_make": 0xA433, "serial": 0xA431}
_FLASH_FIRED = 1


def read(exif: Image.Exif) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """(fields that are there, location or None); broken fields are left out."""
    first = dict(exif)
    camera = _directory(exif, CAMERA)
    fields = {
        **{name: _text(first.get(tag)) for name, tag in _TEXTS.items()},
        **{name: _text(camera.get(tag)) for name, tag in _CAMERA_TEXTS.items()},
        "taken_at": _time(camera.get(0x9003) or first.get(0x0132), camera.get(0x9011)),
        "exposure": _exposure(_number(camera.get(0x829A))),
        "aperture": _rounded(_number(camera.get(0x829D)), 1),
        "iso": _whole(camera.get(0x8827)),
        "focal_length_mm": _rounded(_number(camera.get(0x920A)), 1),
        "flash": _flash(camera.get(0x9209)),
        "comment": _comment(camera.get(0x9286)),
    }
    return {name: value for name, value in fields.items() if value is not None}, location(exif)


def location(exif: Image.Exif) -> dict[str, Any] | None:
    """{latitude, longitude: degrees, altitude_m: metres or null}, or None where there is
    no place.
    """
    place = _directory(exif, PLACE)
    latitude = _degrees(place.get(2), place.get(1))
    longitude = _degrees(place.get(4), place.get(3))
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    altitude = _number(place.get(6))
    below = place.get(5) in (1, b"\x01")
    return {
        "latitude": latitude,
        "longitude": longitude,
        "altitude_m": None if altitude is None else round(-altitude if below else altitude, 1),
    }


def _directory(exif: Image.Exif, tag: int) -> Mapping[int, Any]:
    try:
        return exif.get_ifd(tag)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, IndexError):
        return {}


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    words = value.replace("\0", " ").strip()
    return clip(words, WORDS) if words else None


def _comment(value: Any) -> str | None:
    """The user's comment, whose first eight bytes name its encoding (Exif 2.32 §4.6.5); makers of
    pictures put there what they were asked for.
    """
    if not isinstance(value, bytes):
        return None
    name, words = value[:8].rstrip(b"\0 "), value[8 : 8 + 4 * COMMENT]
    if name == b"UNICODE":
        # Its byte order is nobody's: letters of the West have their zeros on one side.
        order = "le" if words[1::2].count(0) > words[::2].count(0) else "be"
        text = words[: len(words) // 2 * 2].decode(f"utf-16-{order}", "replace")
    else:
        text = words.decode("utf-8", "replace")
    words_only = text.replace("\0", " ").strip()
    return clip(words_only, COMMENT) if words_only else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return number if abs(number) < 1e12 else None


def _rounded(value: float | None, digits: int) -> float | None:
    return round(value, digits) if value is not None else None


def _whole(value: Any) -> int | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    number = _number(value)
    return int(number) if number is not None else None


def _flash(value: Any) -> bool | None:
    return bool(value & _FLASH_FIRED) if isinstance(value, int) else None


def _exposure(seconds: float | None) -> str | None:
    if seconds is None or seconds <= 0:
        return None
    return f"1/{round(1 / seconds)} s" if seconds < 0.3 else f"{seconds:g} s"


def _time(value: Any, offset: Any) -> str | None:
    """EXIF's 2024:05:01 12:00:00 in ISO form; a camera's clock has a zone only where it says so."""
    found = re.fullmatch(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)", _text(value) or "")
    if not found or found.group(1) == "0000":
        return None
    zone = _text(offset) or ""
    year, month, day, clock = found.groups()
    known = re.fullmatch(r"[+-]\d\d:\d\d", zone)
    return f"{year}-{month}-{day}T{clock}{zone if known else ''}"


def _degrees(value: Any, reference: Any) -> float | None:
    if not isinstance(value, tuple) or not value:
        return None
    parts = [_number(part) for part in value[:3]]
    if any(part is None for part in parts):
        return None
    degrees: float = sum((part or 0) / 60.0**power for power, part in enumerate(parts))
    return round(-degrees if _text(reference) in ("S", "W") else degrees, 6)
