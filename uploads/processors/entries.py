"""The entries step: appointments, contacts and subtitles as tables."""

from __future__ import annotations

import quopri
import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any

from uploads.processors import encoding
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.profile import Profile
from uploads.processors.registry import processor

LINE = 64 * 1024  # characters
FOLDED = 1000  # lines that one goes on for
ENTRIES = 10_000  # that are shown and profiled; all are counted
WORDS = 2000  # characters of a field

Row = list[Any]


@processor(
    name="entries",
    accepts=["text/calendar", "text/vcard", "application/x-subrip", "text/vtt"],
    version=1,
    after=["identify", "checksum"],
    light=True,
)
def entries(ctx: Context) -> dict[str, Any]:
    """{format, entries, tables [one table, as the table step has them]}"""
    form, names, read = _FORMATS[ctx.media_type]
    rows = read(_lines(ctx))
    first = list(islice(rows, ENTRIES))
    count = len(first) + sum(1 for _ in rows)
    # fields that nobody filled in take no column
    used = [place for place in range(len(names)) if any(row[place] for row in first)]
    profile = Profile([names[place] for place in used])
    profile.add_rows([[row[place] for place in used] for row in first])
    found = profile.result()
    ctx.progress(ctx.size, ctx.size, "bytes")
    table = {"name": None, **found, "header": True, **_NO_ERRORS}
    return {"format": form, "entries": count, "tables": [table | {"rows": count}]}


_NO_ERRORS: dict[str, Any] = {"errors": [], "errors_total": 0, "blank_lines": 0}


def _lines(ctx: Context) -> Iterator[str]:
    coding = encoding.detect(ctx.path)
    done = 0
    with ctx.path.open(encoding=coding.name, errors="replace") as file:
        while line := file.readline(LINE):
            done += len(line)
            ctx.progress(min(done, ctx.size), ctx.size, "bytes")
            yield line.rstrip("\n").removeprefix("\ufeff")


# -- calendars and contacts (RFC 5545, RFC 6350) ---------------------------------------------------

Field = tuple[str, str, str]  # its name, its parameters, its value


def _fields(lines: Iterator[str]) -> Iterator[Field]:
    """Lines that begin with a space go on from the one before."""
    held: list[str] = []
    for line in chain(lines, [""]):
        if held and line[:1] in (" ", "\t"):
            if len(held) < FOLDED:
                held.append(line[1:])
            continue
        name, found, value = "".join(held).partition(":")
        if found:
            name, _, parameters = name.partition(";")
            yield name.upper().rpartition(".")[2], parameters, _value(parameters, value)
        held = [line]


def _value(parameters: str, value: str) -> str:
    if "QUOTED-PRINTABLE" in parameters.upper():
        value = quopri.decodestring(value.encode("ascii", "replace")).decode("utf-8", "replace")
    return clip(value, WORDS)


def _plain(value: str) -> str:
    said = re.sub(r"\\([nN,;\\])", lambda mark: "\n" if mark[1] in "nN" else mark[1], value)
    return said.strip()


def _events(lines: Iterator[str]) -> Iterator[Row]:
    inside: list[str] = []
    found: dict[str, str] = {}
    for name, _, value in _fields(lines):
        kind = value.strip().upper()
        if name == "BEGIN":
            inside.append(kind)
            found = {} if kind in _KINDS else found
        elif name == "END":
            if inside:
                inside.pop()
            if kind in _KINDS:
                yield [_KINDS[kind], *(found.get(field) or None for field in _EVENT)]
        elif inside and inside[-1] in _KINDS:  # an alarm has a summary of its own
            said = _moment(value) if name in ("DTSTART", "DTEND", "DUE") else _plain(value)
            field = "DTEND" if name == "DUE" else name
            found.setdefault(field, said.removeprefix("mailto:"))


_KINDS = {"VEVENT": "event", "VTODO": "task", "VJOURNAL": "note"}
_EVENT = ("SUMMARY", "DTSTART", "DTEND", "LOCATION", "RRULE", "ORGANIZER", "DESCRIPTION")


def _moment(value: str) -> str:
    """20260501T100000Z as 2026-05-01T10:00:00Z"""
    found = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", value.strip())
    if found is None:
        return value.strip()
    day = "-".join(found.group(1, 2, 3))
    return f"{day}T{':'.join(found.group(4, 5, 6))}{found[7]}" if found[4] else day


def _contacts(lines: Iterator[str]) -> Iterator[Row]:
    found: dict[str, list[str]] = {}
    for name, _, value in _fields(lines):
        if name == "BEGIN":
            found = {}
        elif name == "END":
            yield [", ".join(found[field]) if field in found else None for field in _CONTACT]
        elif name in _CONTACT:
            said = ", ".join(part for part in map(_plain, _UNESCAPED.split(value)) if part)
            if said and len(found.setdefault(name, [])) < 20:
                found[name].append(said.removeprefix("tel:"))


_CONTACT = ("FN", "ORG", "TITLE", "EMAIL", "TEL", "ADR", "BDAY", "URL", "NOTE")
_UNESCAPED = re.compile(r"(?<!\\);")


# -- subtitles -------------------------------------------------------------------------------------

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d\d)[.,](\d{3})"
_CUE = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}")
_MARKS = re.compile(r"</?[^<>]{0,100}>|\{\\[^{}]{0,100}\}")


def _cues(lines: Iterator[str]) -> Iterator[Row]:
    times: list[str] = []
    words: list[str] = []
    for line in chain(lines, [""]):
        if found := _CUE.match(line):
            times = [_clock(found.groups()[:4]), _clock(found.groups()[4:])]
            words = []
        elif times and line.strip():
            words.append(_MARKS.sub("", line).strip())
        elif times:
            yield [*times, clip("\n".join(words), WORDS)]
            times = []


def _clock(parts: tuple[str | None, ...]) -> str:
    hours, minutes, seconds, thousandths = parts
    return f"{int(hours or 0):02}:{int(minutes or 0):02}:{seconds}.{thousandths}"


_FORMATS: dict[str, tuple[str, list[str], Callable[[Iterator[str]], Iterator[Row]]]] = {
    "text/calendar": (
        "ics",
        ["kind", "summary", "start", "end", "place", "repeats", "organizer", "description"],
        _events,
    ),
    "text/vcard": (
        "vcf",
        ["name", "organisation", "title", "mail", "phone", "address", "birthday", "web", "note"],
        _contacts,
    ),
    "application/x-subrip": ("srt", ["from", "to", "text"], _cues),
    "text/vtt": ("vtt", ["from", "to", "text"], _cues),
}
