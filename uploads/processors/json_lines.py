"""The json-lines step: one JSON value a line, shown as a table, with every line that isn't JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from uploads.processors import encoding
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.profile import CHUNK_ROWS, PROFILED, Profile, mixed_series
from uploads.processors.registry import LONG, processor

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]

LONGEST_LINE = 4 * 1024 * 1024  # bytes; a longer line is left out
ERRORS_KEPT = 100
SNIFFED_ROWS = 1000  # rows whose keys make the columns; keys that come later have none


@processor(
    name="json-lines",
    accepts=["application/x-ndjson"],
    version=2,
    after=["identify", "checksum"],
    seconds=LONG,
    light=True,
)
def json_lines(ctx: Context) -> dict[str, Any]:
    """{format, encoding, later_keys, tables [as of the table step]}

    `later_keys`: how many keys came too late to have a column. Values that aren't objects go into a
    column `value`; lists and objects inside are shown as JSON text.
    """
    lines = Lines(ctx)
    profile: Profile | None = None
    for rows, numbers in lines.rows():
        profile = lines.profiled(profile, rows, numbers)
    profile = profile or Profile([])
    ctx.progress(lines.done, lines.done, "bytes")
    return {
        "format": "ndjson",
        "encoding": "utf-8",
        "later_keys": len(lines.later),
        "tables": [
            {
                "name": None,
                **profile.result(),
                "errors": lines.problems,
                "errors_total": lines.wrong,
                "blank_lines": lines.blank,
            }
        ],
    }


class Lines:
    """The lines of the file as values, and what was wrong with those that have none."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.done = self.wrong = self.blank = 0
        self.problems: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.later: set[str] = set()

    def rows(self) -> Iterator[tuple[list[Row], list[int]]]:
        """Chunks of rows, and the lines on which they are; the first has the keys for all."""
        rows: list[Row] = []
        numbers: list[int] = []
        most = SNIFFED_ROWS
        for number, value in self.values():
            rows.append(value if isinstance(value, dict) else {"value": value})
            numbers.append(number)
            if len(rows) >= most:
                yield rows, numbers
                rows, numbers, most = [], [], CHUNK_ROWS
        if rows:
            yield rows, numbers

    def first_keys(self) -> list[str]:
        """The keys that make the columns."""
        first, _ = next(self.rows(), ([], []))
        return _keys(first)

    def columns(self, rows: list[Row], keys: Sequence[str]) -> list[pl.Series]:
        """Those rows' values of the keys, of a type where they agree; see `mixed_series`."""
        return [mixed_series([_flat(row.get(key)) for row in rows]) for key in keys]

    def values(self) -> Iterator[tuple[int, Any]]:
        """(line number, value) of each line that is JSON."""
        import orjson

        mark = encoding.detect(self.ctx.path).mark
        with self.ctx.path.open("rb") as file:
            file.seek(mark)
            self.done = mark
            number = 0
            while line := file.readline(LONGEST_LINE):
                number += 1
                self.done += len(line)
                if number % 1000 == 0:
                    self.ctx.progress(self.done, max(self.done, self.ctx.size), "bytes")
                if len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
                    self._skip_rest(file)
                    self._say(number, f"longer than {LONGEST_LINE // 1024**2} MiB, left out")
                elif not line.strip():
                    self.blank += 1
                else:
                    try:
                        yield number, orjson.loads(line)
                    except orjson.JSONDecodeError as error:
                        self._say(number, f"{error.msg} (column {error.colno})")

    def _skip_rest(self, file: Any) -> None:
        while rest := file.readline(LONGEST_LINE):
            self.done += len(rest)
            if rest.endswith(b"\n"):
                return

    def profiled(self, profile: Profile | None, rows: list[Row], numbers: list[int]) -> Profile:
        if profile is None:
            self.keys = _keys(rows)
            profile = Profile([clip(key, 100) for key in self.keys])
        known = set(self.keys)
        for row in rows:
            if not known.issuperset(row) and len(self.later) < 10_000:
                self.later |= row.keys() - known
        columns = self.keys[:PROFILED]
        profile.add_rows([[_flat(row.get(key)) for key in columns] for row in rows], numbers)
        return profile

    def _say(self, number: int, problem: str) -> None:
        self.wrong += 1
        if len(self.problems) < ERRORS_KEPT:
            self.problems.append({"line": number, "problem": clip(problem, 200)})


def _keys(rows: list[Row]) -> list[str]:
    """All of them, in the order in which they come."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _flat(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        import orjson

        try:
            return orjson.dumps(value).decode("utf-8", "replace")
        except TypeError:  # it writes 254 levels, and reads 1,024
            return _deep(value)
    return value


def _deep(value: Any) -> str:
    """As JSON, what is nested deeper than is common."""
    import json

    sys.setrecursionlimit(max(sys.getrecursionlimit(), 10_000))
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
