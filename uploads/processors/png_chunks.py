"""What a PNG says beside its pixels (PNG, 3rd edition, §11.3): depth, texts, and how long its
frames are shown; read from its chunks, without decoding a picture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from uploads.processors.bounds import clip

CHUNKS = 200_000  # of one file that are looked at
TEXTS = 40
KEY = 79  # characters
WORDS = 4000  # characters shown of a text
PACKED = 256 * 1024  # bytes read of a text's chunk
# Profiles and packets for programs; the camera's words in them are shown as those of every format.
FOR_PROGRAMS = ("raw profile type ", "xml:com.adobe.xmp")


@dataclass
class Chunks:
    """`bits` of one channel; `seconds` that the frames last together, 0 for a still picture."""

    bits: int = 8
    seconds: float = 0.0
    texts: list[dict[str, str]] = field(default_factory=list)  # {key, value}


def read(path: Path) -> Chunks:
    """What there is, as far as the file goes; broken chunks are left out."""
    found = Chunks()
    with path.open("rb") as file:
        file.seek(8)
        for kind, length in _heads(file):
            if kind == b"IHDR":
                found.bits = (file.read(9)[8:9] or b"\x08")[0]
            elif kind == b"fcTL":
                found.seconds += _delay(file.read(26))
            elif kind in _READERS and len(found.texts) < TEXTS:
                text = _text(kind, file.read(min(length, PACKED)))
                found.texts += [text] if text else []
    return found


def _heads(file: IO[bytes]) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of each chunk; the file stands at its data."""
    place = 8
    for _ in range(CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length, kind = struct.unpack(">I4s", head)
        yield kind, length
        place += 12 + length


def _delay(control: bytes) -> float:
    if len(control) < 26:
        return 0.0
    above, below = struct.unpack_from(">HH", control, 20)
    return float(above / (below or 100))


def _text(kind: bytes, data: bytes) -> dict[str, str] | None:
    key, _, rest = data.partition(b"\0")
    name = key.decode("latin-1")
    if not name.strip() or name.lower().startswith(FOR_PROGRAMS):
        return None
    value = _READERS[kind](rest).replace("\0", " ").strip()
    return {"key": clip(name, KEY), "value": clip(value, WORDS)} if value else None


def _packed(rest: bytes) -> str:
    return _unpacked(rest[1:]).decode("latin-1")


def _international(rest: bytes) -> str:
    packed, words = rest[:1] == b"\x01", rest[2:].split(b"\0", 2)
    data = words[2] if len(words) == 3 else b""
    return (_unpacked(data) if packed else data).decode("utf-8", "replace")


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, 4 * WORDS)
    except zlib.error:
        return b""


# tEXt is Latin-1 by the specification; makers of pictures write UTF-8 into it all the same.
def _plain(rest: bytes) -> str:
    try:
        return rest.decode()
    except UnicodeDecodeError:
        return rest.decode("latin-1")


_READERS = {b"tEXt": _plain, b"zTXt": _packed, b"iTXt": _international}
