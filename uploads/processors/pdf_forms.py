"""How often the forms of a PDF draw each other. A form (ISO 32000-1, 8.10) is a drawing that pages
and other forms draw by its name; twelve of them, each drawing the next one ten times, are a
million million, and PDFium would take them all into memory before it draws the first.

It is read here by looks only, with no more trust than that: what is missed, or written so that it
is missed, the cap on memory ends.
"""

from __future__ import annotations

import mmap
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice
from pathlib import Path

DRAWN = 300_000  # forms that one form draws in all
FORMS = 20_000
OBJECTS = 1_000_000
HEAD = 64 * 1024  # bytes of an object's dictionary
CONTENT = 4 * 1024 * 1024  # bytes of a form's content
ROOM = 64 * 1024 * 1024  # bytes of all contents, packed or not

_FORM = re.compile(rb"/Subtype\s*/Form\b")
_BEGINS = re.compile(rb"(?<!\d)(\d{1,8})\s{1,3}\d{1,5}\s{1,3}obj\b")
_PACKED_OBJECTS = re.compile(rb"/Type\s*/ObjStm\b")
_NAME = rb"/([^\s/<>\[\]()%]{1,127})\s*"
_DRAWS = re.compile(_NAME + rb"\sDo\b")
_REFERENCES = re.compile(_NAME + rb"\s(\d{1,8})\s+\d{1,5}\s+R\b")
_RESOURCES = re.compile(rb"/Resources\s+(\d{1,8})\s+\d{1,5}\s+R\b")
_DRAWINGS = re.compile(rb"/XObject\s*(?:<<(.*?)>>|(\d{1,8})\s+\d{1,5}\s+R\b)", re.DOTALL)


def most_drawn(path: Path) -> int:
    """How many forms the form draws that draws the most, those inside of them included; counted no
    further than a little above `DRAWN`.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        forms = _Forms(data)
        if not forms.several():
            return 0
        return _most({number: forms.drawn_by(number) for number in forms.numbers[:FORMS]})


def _most(draws: Mapping[int, Mapping[int, int]]) -> int:
    """`draws`: for each form, how often it draws which. One that draws itself is drawn once."""
    totals: dict[int, int] = {}
    for first in draws:
        path = [first]
        under_way = {first}
        while path:
            number = path[-1]
            inside = draws.get(number, {})
            following = next((n for n in inside if n not in totals and n not in under_way), None)
            if following is not None:
                path.append(following)
                under_way.add(following)
                continue
            total = sum(times * (1 + totals.get(n, 0)) for n, times in inside.items())
            totals[number] = min(total, DRAWN * 2)
            under_way.discard(path.pop())
    return max(totals.values(), default=0)


class _Forms:
    """The objects of a file, found by how they begin."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._room = ROOM
        self._inner: dict[int, bytes] = {}  # dictionaries that lie packed in streams

    def several(self) -> bool:
        """Whether there is anything to look at."""
        found = _FORM.finditer(self._data)
        return next(found, None) is not None and next(found, None) is not None

    @cached_property
    def numbers(self) -> list[int]:
        """Of the forms; what lies packed is unpacked on the way."""
        found = []
        for number in self._places:
            head, _ = self._head(number)
            if _FORM.search(head):
                found.append(number)
            elif _PACKED_OBJECTS.search(head):
                self._inner.update(_unpacked(head, self._content(number)))
        return found

    @cached_property
    def _places(self) -> dict[int, tuple[int, int]]:
        """Where each object begins, and where its dictionary ends at the latest: no byte is looked
        at for two of them. Of several with one number the last one counts.
        """
        places: dict[int, tuple[int, int]] = {}
        number = begin = -1
        for match in islice(_BEGINS.finditer(self._data), OBJECTS):
            if number >= 0:
                places[number] = begin, min(begin + HEAD, match.start())
            number, begin = int(match[1]), match.end()
        if number >= 0:
            places[number] = begin, min(begin + HEAD, len(self._data))
        return places

    def _head(self, number: int) -> tuple[bytes, int]:
        """An object as far as its dictionary goes, and where its stream begins, or -1."""
        if number not in self._places:
            return self._inner.get(number, b""), -1
        begin, end = self._places[number]
        stream = self._data.find(b"stream", begin, end)
        return self._data[begin : end if stream < 0 else stream], stream

    def _content(self, number: int) -> bytes:
        """What its stream says, as far as there is room for it."""
        head, stream = self._head(number)
        if stream < 0 or self._room <= 0:
            return b""
        end = self._data.find(b"endstream", stream, stream + CONTENT)
        content = self._data[stream + 6 : end if end >= 0 else stream + CONTENT]
        if b"FlateDecode" in head or b"/Fl" in head:
            content = _inflated(content.lstrip(b"\r\n"))
        self._room -= len(content) + HEAD // 64
        return content

    def drawn_by(self, number: int) -> dict[int, int]:
        """How often a form draws which objects."""
        head, _ = self._head(number)
        named = dict(self._named(head))
        times = Counter(_DRAWS.findall(self._content(number)))
        drawn: Counter[int] = Counter()
        for name, count in times.items():
            if name in named:
                drawn[named[name]] += count
        return drawn

    def _named(self, head: bytes) -> Iterator[tuple[bytes, int]]:
        """The drawings that a form has names for, with their numbers."""
        if apart := _RESOURCES.search(head):
            head, _ = self._head(int(apart[1]))
        found = _DRAWINGS.search(head)
        if found is None:
            return
        words = found[1] if found[1] is not None else self._head(int(found[2]))[0]
        for name, number in _REFERENCES.findall(words):
            yield name, int(number)


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, CONTENT)
    except zlib.error:
        return b""


def _unpacked(head: bytes, content: bytes) -> Iterator[tuple[int, bytes]]:
    """The objects of a stream of objects (ISO 32000-1, 7.5.7), with their numbers."""
    first = re.search(rb"/First\s+(\d{1,8})\b", head)
    if first is None:
        return
    begin = int(first[1])
    words = [int(word) for word in re.findall(rb"\d{1,8}", content[:begin])]
    starts = words[1::2]
    for number, start, end in zip(words[::2], starts, [*starts[1:], len(content)], strict=False):
        yield number, content[begin + start : begin + end][:HEAD]
