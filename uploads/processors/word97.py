"""The text of Word and PowerPoint files of 1997 to 2003: [MS-DOC] 2.8.35 (the piece table), and
[MS-PPT] 2.3 (records).

Every offset is checked, and whatever makes no sense ends the reading: the properties are shown all
the same.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from uploads.processors.markdown import Markdown

CHARACTERS = 8 * 1024 * 1024  # of text that is read
PIECES = 100_000
RECORDS = 500_000
DEEP = 32  # containers inside each other

_WORD_97 = 0xA5EC
_ENCRYPTED, _TABLE_1 = 0x0100, 0x0200
_MAIN_TEXT, _FLAGS, _PIECE_TABLE = 0x4C, 0x0A, 0x1A2  # places in the header of a document
_PROPERTIES, _TEXT = 1, 2  # what stands before the pieces
_NARROW = 0x40000000  # one byte for a character

_FIELD = re.compile("\x13[^\x13\x15]*?\x14([^\x13-\x15]*)\x15")
_BARE_FIELD = re.compile("\x13[^\x13-\x15]*\x15")
_BREAKS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x1e": "-", "\xa0": " "})
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f]")


class Unreadable(Exception):
    """The text can't be read: too old, locked, or broken; the message says which."""


# -- Word ------------------------------------------------------------------------------------------


def table_of(document: bytes) -> str:
    """The name of the stream in which a document's pieces are listed. Raises Unreadable."""
    if len(document) < _PIECE_TABLE + 8:
        raise Unreadable("broken")
    kind, flags = _number("<H", document, 0), _number("<H", document, _FLAGS)
    if kind != _WORD_97:
        raise Unreadable("older than Word 97")
    if flags & _ENCRYPTED:
        raise Unreadable("locked")
    return "1Table" if flags & _TABLE_1 else "0Table"


def write_document(document: bytes, table: bytes, out: Markdown) -> None:
    """The main text, without footnotes and headers. Raises Unreadable."""
    length = min(_number("<I", document, _MAIN_TEXT), CHARACTERS)
    text = "".join(_pieces(document, _listed(document, table)))[:length]
    for _ in range(10):  # fields lie in fields
        text, changed = _FIELD.subn(r"\1", text)
        if not changed:
            break
    text = _BARE_FIELD.sub("", text).replace("\x07\x07", "\r").replace("\x07", "\t")
    for paragraph in text.translate(_BREAKS).split("\r"):
        out.paragraph(_CONTROLS.sub("", paragraph))


def _listed(document: bytes, table: bytes) -> bytes:
    """The list of pieces: ends of each in characters, then what is known of each."""
    place, length = struct.unpack_from("<II", document, _PIECE_TABLE)
    found = table[place : place + length]
    at = 0
    while at + 5 <= len(found):
        if found[at] == _TEXT:
            size = _number("<I", found, at + 1)
            return found[at + 5 : at + 5 + size]
        if found[at] != _PROPERTIES:
            break
        at += 3 + _number("<H", found, at + 1)
    raise Unreadable("broken")


def _pieces(document: bytes, listed: bytes) -> Iterator[str]:
    count = (len(listed) - 4) // 12
    if not 0 < count <= PIECES:
        raise Unreadable("broken")
    ends = struct.unpack_from(f"<{count + 1}I", listed)
    total = 0
    for number in range(count):
        length = ends[number + 1] - ends[number]
        if length < 0:
            raise Unreadable("broken")
        total += length
        if total > CHARACTERS:
            return
        place = _number("<I", listed, 4 * (count + 1) + 8 * number + 2)
        if place & _NARROW:
            start = (place & ~_NARROW) // 2
            yield document[start : start + length].decode("cp1252", "replace")
        else:
            yield document[place : place + 2 * length].decode("utf-16-le", "replace")


def _number(form: str, data: bytes, place: int) -> int:
    try:
        (number,) = struct.unpack_from(form, data, place)
    except struct.error:
        raise Unreadable("broken") from None
    return int(number)


# -- PowerPoint ------------------------------------------------------------------------------------

_SLIDE, _MASTER, _NOTES, _LIST = 0x03EE, 0x03F8, 0x03F0, 0x0FF0
_PERSIST, _HEADER, _CHARACTERS, _BYTES = 0x03F3, 0x0F9F, 0x0FA0, 0x0FA8
_TITLES = {0, 6}


@dataclass(frozen=True)
class Record:
    """One record with the kinds of the containers that it lies in, from the outermost."""

    inside: tuple[tuple[int, int], ...]  # kind, instance
    kind: int
    body: bytes


def write_presentation(stream: bytes, out: Markdown) -> int:
    """What is on the slides; how many there are. Titles are headings."""
    slides, title = 0, False
    for record in _records(stream):
        if record.kind == _PERSIST:
            slides += 1
        elif record.kind == _HEADER:
            title = _number("<I", record.body, 0) in _TITLES
        elif record.kind in {_CHARACTERS, _BYTES}:
            _write(out, record, title=title)
            title = False
    return slides


def _write(out: Markdown, record: Record, *, title: bool) -> None:
    # the latter leave out the upper half of each character, which is zero
    coding = "utf-16-le" if record.kind == _CHARACTERS else "latin-1"
    text = record.body.decode(coding, "replace").translate(_BREAKS)
    if title:
        out.heading(2, _CONTROLS.sub("", text.replace("\r", " ")))
        return
    for line in text.split("\r"):
        out.paragraph(_CONTROLS.sub("", line))


def _records(stream: bytes) -> Iterator[Record]:
    """Those of slides, in their order: first titles and texts of all, then what else is on each."""
    waiting: list[tuple[int, int, tuple[tuple[int, int], ...]]] = [(0, len(stream), ())]
    for _ in range(RECORDS):
        if not waiting:
            return
        place, end, inside = waiting.pop()
        if place + 8 > end:
            continue
        first, kind, length = struct.unpack_from("<HHI", stream, place)
        after = place + 8 + length
        if after > end:
            continue  # it claims more than there is
        waiting.append((after, end, inside))
        if first & 0xF != 0xF:
            if _wanted(inside):
                yield Record(inside, kind, stream[place + 8 : after])
        elif len(inside) < DEEP and kind not in {_MASTER, _NOTES}:
            waiting.append((place + 8, after, (*inside, (kind, first >> 4))))


def _wanted(inside: tuple[tuple[int, int], ...]) -> bool:
    """Within a slide, or the list of the slides' texts."""
    return any(kind == _SLIDE or (kind, instance) == (_LIST, 0) for kind, instance in inside)
