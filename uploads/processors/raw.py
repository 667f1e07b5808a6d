"""Raw photographs: the JPEG preview that cameras put into them, and their EXIF fields.

Most raw formats are TIFF inside: directories that point to pictures. All offsets are checked
against the file's size, and directories are counted, since a file may point in circles.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from uploads.processors.failures import BadFile

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

MEDIA_TYPES = {
    "image/x-canon-cr2",
    "image/x-canon-cr3",
    "image/x-adobe-dng",
    "image/x-nikon-nef",
    "image/x-sony-arw",
    "image/x-fuji-raf",
    "image/x-olympus-orf",
    "image/x-panasonic-rw2",
    "image/x-pentax-pef",
}
JPEG = b"\xff\xd8\xff"
MAX_PREVIEW = 64 * 1024 * 1024  # bytes
DIRECTORIES = 64
ENTRIES = 512
SEARCHED = 4 * 1024 * 1024  # bytes of a file in which a preview is looked for by its first bytes

_WIDTH, _HEIGHT, _COMPRESSION, _STRIPS, _STRIP_BYTES = 256, 257, 259, 273, 279
_SUBDIRECTORIES, _JPEG_OFFSET, _JPEG_BYTES, _EXIF, _PANASONIC_JPEG = 330, 513, 514, 34665, 0x002E
_FORMS = {1: "B", 2: "s", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I"}


@dataclass(frozen=True)
class Raw:
    """The largest preview, the EXIF fields where they can be read, and what is known of the
    sensor.
    """

    jpeg: bytes
    exif: Image.Exif | None
    sensor: dict[str, Any] = field(default_factory=dict)

    def stream(self) -> io.BytesIO:
        return io.BytesIO(self.jpeg)


def read(path: Path, media_type: str) -> Raw:
    """Raises BadFile where there is no preview inside."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        places = list(_places(file, size, media_type))
        sensor = _sensor(file, size)
        jpegs = [jpeg for offset, length in places if (jpeg := _jpeg(file, offset, length))]
        found = _exif(file)
    if not jpegs:
        raise BadFile("There is no preview picture inside this raw photograph.")
    return Raw(max(jpegs, key=len), found, sensor)


def _jpeg(file: BinaryIO, offset: int, length: int) -> bytes | None:
    if offset < 0 or length < 0:
        return None  # numbers of a form that has a sign
    file.seek(offset)
    data = file.read(min(length, MAX_PREVIEW))
    return data if data.startswith(JPEG) else None


def _places(file: BinaryIO, size: int, media_type: str) -> Iterator[tuple[int, int]]:
    """(offset, length) of what may be a preview."""
    if media_type == "image/x-fuji-raf":
        file.seek(84)
        yield struct.unpack(">II", file.read(8).ljust(8, b"\0"))
        return
    found = False
    for tags in _directories(file, size):
        for pair in ((_JPEG_OFFSET, _JPEG_BYTES), (_STRIPS, _STRIP_BYTES)):
            if len(tags.get(pair[0], ())) == 1 and len(tags.get(pair[1], ())) == 1:
                found = True
                yield tags[pair[0]][0], tags[pair[1]][0]
        if _PANASONIC_JPEG in tags:
            found = True
            yield tags[_PANASONIC_JPEG][0], MAX_PREVIEW
    if not found or media_type in ("image/x-canon-cr3", "image/x-olympus-orf"):
        yield from _searched(file, size)


def _searched(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    file.seek(0)
    data = file.read(SEARCHED)
    place = data.find(JPEG)
    for _ in range(8):
        if place < 0:
            return
        yield place, size - place
        place = data.find(JPEG, place + 1000)


def _directories(file: BinaryIO, size: int) -> Iterator[dict[int, tuple[int, ...]]]:
    file.seek(0)
    head = file.read(8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return
    waiting = [struct.unpack(order + "I", head[4:])[0]]
    seen: set[int] = set()
    while waiting and len(seen) < DIRECTORIES:
        place = waiting.pop(0)
        if place in seen or not 8 <= place < size:
            continue
        seen.add(place)
        tags, following = _directory(file, order, place)
        waiting += [*tags.get(_SUBDIRECTORIES, ())[:16], *tags.get(_EXIF, ()), following]
        yield tags


def _directory(file: BinaryIO, order: str, place: int) -> tuple[dict[int, tuple[int, ...]], int]:
    """(tags with their numbers, offset of the next directory or 0)"""
    file.seek(place)
    (count,) = struct.unpack(order + "H", file.read(2).ljust(2, b"\0"))
    data = file.read(12 * min(count, ENTRIES) + 4)
    tags = {}
    for number in range(min(count, ENTRIES, len(data) // 12)):
        tag, form, length, value = struct.unpack_from(order + "HHI4s", data, 12 * number)
        if tag == _PANASONIC_JPEG and form == 7:
            tags[tag] = struct.unpack(order + "I", value)
        elif form in _FORMS and form not in (2, 7) and length <= 4096:
            tags[tag] = _values(file, order, _FORMS[form], length, value)
    rest = data[12 * count : 12 * count + 4]
    return tags, struct.unpack(order + "I", rest)[0] if len(rest) == 4 else 0


def _values(file: BinaryIO, order: str, form: str, length: int, value: bytes) -> tuple[int, ...]:
    layout = f"{order}{length}{form}"
    needed = struct.calcsize(layout)
    if needed > 4:
        file.seek(struct.unpack(order + "I", value)[0])
        value = file.read(needed)
    return struct.unpack(layout, value[:needed]) if len(value) >= needed else ()


def _sensor(file: BinaryIO, size: int) -> dict[str, Any]:
    """The size of the largest picture that the directories tell of: that of the sensor."""
    sizes = [
        (tags[_WIDTH][0], tags[_HEIGHT][0])
        for tags in _directories(file, size)
        if tags.get(_WIDTH) and tags.get(_HEIGHT)
    ]
    if not sizes:
        return {}
    width, height = max(sizes, key=lambda pair: pair[0] * pair[1])
    return {"sensor_width": width, "sensor_height": height}


def _exif(file: BinaryIO) -> Image.Exif | None:
    """For raw formats that begin like a TIFF; the others have their fields in the preview."""
    from PIL import Image

    file.seek(0)
    data = file.read(SEARCHED)
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    found = Image.Exif()
    try:
        found.load(b"Exif\0\0" + data)
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, struct.error):
        return None
    return found
