"""The name of an ICC colour profile (ICC.1:2022 §9.2.41, and §10.13 for the text of version 4)."""

from __future__ import annotations

import struct
from typing import Any

from uploads.processors.bounds import clip

NAME = 100  # characters


def name(profile: Any) -> str | None:
    """What the profile calls itself ("Display P3"), or None where it doesn't or is broken."""
    if not isinstance(profile, bytes) or len(profile) < 132:
        return None
    try:
        text = _description(profile)
    except (struct.error, UnicodeDecodeError):
        return None
    words = (text or "").replace("\0", "").strip()
    return clip(words, NAME) if words else None


def _description(profile: bytes) -> str | None:
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(min(count, 100)):
        tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if tag == b"desc":
            return _text(profile[offset : offset + min(size, 4096)])
    return None


def _text(data: bytes) -> str | None:
    if data[:4] == b"desc":
        (length,) = struct.unpack_from(">I", data, 8)
        return data[12 : 12 + min(length, NAME)].decode("ascii", "replace")
    if data[:4] == b"mluc":
        length, offset = struct.unpack_from(">II", data, 20)
        return data[offset : offset + min(length, 2 * NAME)].decode("utf-16-be", "replace")
    return None
