"""The log step: how many lines of each level, and when they were written."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from uploads.processors import encoding
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.registry import LONG, processor

LINE = 4096  # bytes of a line that are looked at
BINS = 60
HOURS = 1_000_000  # different hours that are counted
ERRORS_SHOWN = 20
UNTIMED = 10_000  # lines without a time, after which none is looked for
LEVELS = {
    "trace": "trace",
    "debug": "debug",
    "info": "info",
    "notice": "info",
    "warn": "warning",
    "warning": "warning",
    "err": "error",
    "error": "error",
    "severe": "error",
    "fatal": "critical",
    "critical": "critical",
    "crit": "critical",
    "panic": "critical",
    "emerg": "critical",
}

_LEVEL = re.compile(
    rb"\b(?<!\w-)(trace|debug|info|notice|warn(?:ing)?|err(?:or)?|severe|fatal|crit(?:ical)?|panic"
    rb"|emerg)\b(?!-\w)",  # not within a name with hyphens
    re.IGNORECASE,
)
_COLOUR = re.compile(rb"\x1b\[[0-9;]*[A-Za-z]")  # as terminals are told
_CLOCK = rb"(\d\d:\d\d:\d\d)"
_DAY = rb"([A-Z][a-z]{2} [ \d]\d)"


class _Form(NamedTuple):
    """What the groups of `pattern` are as `format` says; one named `level` is its first letter."""

    pattern: re.Pattern[bytes]
    format: str

    @property
    def has_year(self) -> bool:
        return "%Y" in self.format or self.format == _EPOCH


_EPOCH = "seconds since 1970"
_FORMS = (
    _Form(re.compile(rb"(\d{4}-\d\d-\d\d)[T ]" + _CLOCK), "%Y-%m-%d %H:%M:%S"),
    _Form(re.compile(rb"(\d{4}/\d\d/\d\d)[T ]" + _CLOCK), "%Y/%m/%d %H:%M:%S"),
    _Form(re.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4})[: ]" + _CLOCK), "%d/%b/%Y %H:%M:%S"),
    _Form(re.compile(rb"\b(\d\d-[A-Z][a-z]{2}-\d{4}) " + _CLOCK), "%d-%b-%Y %H:%M:%S"),
    _Form(re.compile(rb"\b(\d\d? [A-Z][a-z]{2} \d{4}) " + _CLOCK), "%d %b %Y %H:%M:%S"),
    _Form(re.compile(rb"\b(\d\d\.\d\d\.\d{4}),? " + _CLOCK), "%d.%m.%Y %H:%M:%S"),
    _Form(
        re.compile(rb"[A-Z][a-z]{2} " + _DAY + b" " + _CLOCK + rb"(?:\.\d+)? (\d{4})"),
        "%b %d %H:%M:%S %Y",
    ),
    _Form(re.compile(b"^" + _DAY + b" " + _CLOCK), "%b %d %H:%M:%S"),
    _Form(re.compile(rb"^(?P<level>[IWEF])(\d{4}) " + _CLOCK + rb"\.\d"), "%m%d %H:%M:%S"),
    _Form(
        re.compile(rb"^(\d\d-\d\d) " + _CLOCK + rb"\.\d{3} +\d+ +\d+ (?P<level>[VDIWEF]) "),
        "%m-%d %H:%M:%S",
    ),
    _Form(re.compile(rb"^\[?(1\d{9})(?:\.\d{1,9})?[]\s]"), _EPOCH),
)
_LETTERS = {
    b"V": "trace",
    b"D": "debug",
    b"I": "info",
    b"W": "warning",
    b"E": "error",
    b"F": "critical",
}
_STATUS = re.compile(rb'" ([1-5])\d\d ')


@processor(
    name="log",
    accepts=["text/x-log"],
    version=3,
    after=["identify", "text"],
    seconds=LONG,
    light=True,
)
def log(ctx: Context) -> dict[str, Any]:
    """{lines, levels {level: lines}, statuses {2xx: lines} of web logs, first, last, timed (lines
    with a time), histogram [{from, to, count, levels {level: lines}}], errors [{line, text}],
    year_guessed}; times as the log has them, but for their year where it says none.
    """
    gathered = Gathered()
    coding = encoding.detect(ctx.path)
    with ctx.path.open("rb") as file:
        file.seek(coding.mark)
        for line in _lines(file, coding.name):
            gathered.add(line)
            if gathered.lines % 5000 == 0:
                ctx.progress(min(file.tell(), ctx.size), ctx.size, "bytes")
    ctx.progress(ctx.size, ctx.size, "bytes")
    return gathered.result()


def _lines(file: BinaryIO, coding: str) -> Iterator[bytes]:
    """The beginning of each line, in ASCII's bytes where it is written in ASCII's letters."""
    readline: Callable[[], bytes] = partial(file.readline, LINE)
    if coding.startswith(("utf-16", "utf-32")):
        text = io.TextIOWrapper(file, coding, "replace", newline="\n")

        def readline() -> bytes:
            return text.readline(LINE).encode("utf-8", "replace")

    while line := readline():
        yield line
        while line and not line.endswith(b"\n"):
            line = readline()


def _parsed(text: str, form: str) -> datetime | None:
    try:
        if form == _EPOCH:
            return datetime.fromtimestamp(int(text), UTC)
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _of_no_year(text: str, form: str) -> datetime | None:
    """In the latest year in which that isn't still to come; clocks may differ by a day."""
    latest = datetime.now(UTC) + timedelta(days=1)
    for year in range(latest.year, latest.year - 9, -1):  # eight years may lie between leap years
        moment = _parsed(f"{year} {text}", f"%Y {form}")
        if moment and moment <= latest:
            return moment
    return None


def _level(line: bytes) -> str:
    found = _LEVEL.search(line)
    return LEVELS[found.group(1).decode().lower()] if found else ""


class Gathered:
    """What the lines amount to; times are kept by the minute, or by the hour once there
    are many.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.timed = 0
        self.levels: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self._first: datetime | None = None
        self._last: datetime | None = None
        self._minutes: Counter[tuple[datetime, str]] = Counter()  # by level, "" for none
        self._form: _Form | None = None
        self._known: dict[bytes, datetime | None] = {}

    def add(self, line: bytes) -> None:
        self.lines += 1
        line = _COLOUR.sub(b"", line) if b"\x1b" in line else line
        status = _STATUS.search(line)
        if status:
            self.statuses[f"{status.group(1).decode()}xx"] += 1
        moment, letter = self._moment(line)
        # What was asked of a web server may be called anything.
        level = letter or _level(line[:200].partition(b'"')[0] if status else line[:200])
        if level:
            self.levels[level] += 1
            if level in ("error", "critical") and len(self.errors) < ERRORS_SHOWN:
                text = clip(line.decode("utf-8", "replace").strip(), 300)
                self.errors.append({"line": self.lines, "text": text})
        if moment:
            self._count(moment, level)

    def result(self) -> dict[str, Any]:
        return {
            "lines": self.lines,
            "levels": dict(self.levels.most_common()),
            "statuses": dict(sorted(self.statuses.items())),
            "timed": self.timed,
            "first": self._first.isoformat() if self._first else None,
            "last": self._last.isoformat() if self._last else None,
            "histogram": self._histogram(),
            "errors": self.errors,
            "year_guessed": self._form is not None and not self._form.has_year,
        }

    def _count(self, moment: datetime, level: str) -> None:
        self.timed += 1
        self._first = min(self._first or moment, moment)
        self._last = max(self._last or moment, moment)
        if len(self._minutes) < HOURS:
            self._minutes[moment.replace(second=0), level] += 1

    def _moment(self, line: bytes) -> tuple[datetime | None, str]:
        """When, and the level where the form of the time has it; the first that is found stays."""
        if self._form is None and self.lines > UNTIMED:
            return None, ""
        for form in (self._form,) if self._form else _FORMS:
            found = form.pattern.search(line, 0, 200)
            if found:
                self._form = form
                letter = found.groupdict().get("level")
                words = b" ".join(word for word in found.groups() if word != letter)
                return self._read(words, form), _LETTERS.get(letter or b"", "")
        return None, ""

    def _read(self, words: bytes, form: _Form) -> datetime | None:
        """The same second is on many lines: it is read once."""
        if words not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            read = _parsed if form.has_year else _of_no_year
            self._known[words] = read(words.decode(), form.format)
        found = self._known[words]
        return found.replace(tzinfo=None) if found else None

    def _histogram(self) -> list[dict[str, Any]]:
        if self._first is None or self._last is None:
            return []
        start = self._first.replace(second=0)
        width = max((self._last - start) / BINS, timedelta(minutes=1))
        counts: list[Counter[str]] = [Counter() for _ in range(BINS)]
        for (minute, level), count in self._minutes.items():
            counts[min(int((minute - start) / width), BINS - 1)][level] += count
        bins = min(BINS, int((self._last - start) / width) + 1)
        return [
            {
                "from": (start + place * width).isoformat(timespec="seconds"),
                "to": (start + (place + 1) * width).isoformat(timespec="seconds"),
                "count": counts[place].total(),
                "levels": {level: count for level, count in counts[place].most_common() if level},
            }
            for place in range(bins)
        ]
