"""The log step: how many lines of each level, and when they were written."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from uploads.processors import encoding
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.registry import LONG, processor

LINE = 4096  # bytes of a line that are looked at
BINS = 60
HOURS = 1_000_000  # different hours that are counted
ERRORS_SHOWN = 20
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
_ISO = re.compile(rb"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)")
_WEB = re.compile(rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}):(\d\d:\d\d:\d\d)")
_SYSLOG = re.compile(rb"^([A-Z][a-z]{2} [ \d]\d) (\d\d:\d\d:\d\d)")
_NO_YEAR = "%b %d %H:%M:%S"
_FORMS = (
    (_ISO, "%Y-%m-%d %H:%M:%S"),
    (_WEB, "%d/%b/%Y %H:%M:%S"),
    (_SYSLOG, _NO_YEAR),
)
_STATUS = re.compile(rb'" ([1-5])\d\d ')


@processor(
    name="log",
    accepts=["text/x-log"],
    version=2,
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
    done = coding.mark
    with ctx.path.open("rb") as file:
        file.seek(done)
        while line := file.readline(LINE):
            done += len(line)
            if not line.endswith(b"\n"):
                done += _skip_rest(file)
            gathered.add(line)
            if gathered.lines % 5000 == 0:
                ctx.progress(done, max(done, ctx.size), "bytes")
    ctx.progress(done, done, "bytes")
    return gathered.result()


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _of_no_year(text: str) -> datetime | None:
    """In the latest year in which that isn't still to come; clocks may differ by a day."""
    latest = datetime.now(UTC) + timedelta(days=1)
    for year in range(latest.year, latest.year - 9, -1):  # eight years may lie between leap years
        moment = _parsed(f"{year} {text}", f"%Y {_NO_YEAR}")
        if moment and moment <= latest:
            return moment
    return None


def _skip_rest(file: Any) -> int:
    skipped = 0
    while rest := file.readline(LINE):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


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
        self._form: tuple[re.Pattern[bytes], str] | None = None
        self._known: dict[bytes, datetime | None] = {}

    def add(self, line: bytes) -> None:
        self.lines += 1
        found = _LEVEL.search(line, 0, 200)
        level = LEVELS[found.group(1).decode().lower()] if found else ""
        if level:
            self.levels[level] += 1
            if level in ("error", "critical") and len(self.errors) < ERRORS_SHOWN:
                text = clip(line.decode("utf-8", "replace").strip(), 300)
                self.errors.append({"line": self.lines, "text": text})
        status = _STATUS.search(line)
        if status:
            self.statuses[f"{status.group(1).decode()}xx"] += 1
        self._time(line, level)

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
            "year_guessed": self._form is not None and self._form[1] == _NO_YEAR,
        }

    def _time(self, line: bytes, level: str) -> None:
        moment = self._moment(line)
        if moment is None:
            return
        self.timed += 1
        self._first = min(self._first or moment, moment)
        self._last = max(self._last or moment, moment)
        if len(self._minutes) < HOURS:
            self._minutes[moment.replace(second=0), level] += 1

    def _moment(self, line: bytes) -> datetime | None:
        for pattern, form in (self._form,) if self._form else _FORMS:
            found = pattern.search(line, 0, 200)
            if found:
                self._form = (pattern, form)
                return self._read(found.group(1) + b" " + found.group(2), form)
        return None

    def _read(self, words: bytes, form: str) -> datetime | None:
        """The same second is on many lines: it is read once."""
        if words not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            text = words.decode()
            self._known[words] = _of_no_year(text) if form == _NO_YEAR else _parsed(text, form)
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
