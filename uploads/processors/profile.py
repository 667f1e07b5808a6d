"""The profile of a whole table, gathered chunk by chunk: rows, the first of them, every column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from uploads.processors import small_columns
from uploads.processors.bounds import clip, plain_scalar, within
from uploads.processors.columns import Column, Lines

if TYPE_CHECKING:
    import polars as pl

PROFILED = 256  # columns; a table may claim any number
HEAD_ROWS = 100
CELL = 200  # characters shown of a cell
HEAD_BUDGET = 96 * 1024  # bytes of JSON
COLUMNS_BUDGET = 120 * 1024
TABLES = 40  # of one file that are profiled
CHUNK_ROWS = 20_000
SMALL_CELLS = 100_000


class Profile:
    """The columns of one table and its first rows.

    Small tables are profiled as Python rows: loading the library for large ones takes longer than
    that.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.rows = 0
        self.width = len(names)
        self.head: list[list[Any]] = []
        self._names = list(names[:PROFILED])
        self._waiting: list[Sequence[Any]] = []
        self._lines: list[int] | None = []
        self._columns: list[Column] | None = None

    def add(self, rows: pl.DataFrame, lines: Lines = None) -> None:
        """Take a chunk; `lines` knows on which line of the file each row of it begins."""
        columns = self._opened()
        if len(self.head) < HEAD_ROWS:
            first = rows[:, :PROFILED].head(HEAD_ROWS - len(self.head))
            self.head += [[cell(value) for value in row] for row in first.iter_rows()]
        for column, values in zip(columns, rows.iter_columns(), strict=False):
            column.add(values, lines)
        self.rows += rows.height

    def add_rows(self, rows: Sequence[Sequence[Any]], lines: Lines = None) -> None:
        """Take a chunk of Python rows, whose cells may be of any type."""
        cells = (len(self._waiting) + len(rows)) * max(1, len(self._names))
        if self._columns is None and cells <= SMALL_CELLS:
            self._waiting += rows
            self._lines = None if lines is None or self._lines is None else [*self._lines, *lines]
        else:
            self._opened()
            self._add_large(rows, lines)

    def result(self, share: float = 1.0) -> dict[str, Any]:
        """{rows, width, columns, head}; `share`: how much of a result's room it may take."""
        if self._columns is None:
            self.rows = len(self._waiting)
            shown = self._waiting[:HEAD_ROWS]
            self.head = [[cell(value) for value in self._whole(row)] for row in shown]
            columns = self._small_columns()
        else:
            columns = (column.result() for column in self._columns)
        return {
            "rows": self.rows,
            "width": self.width,
            "columns": within(columns, int(COLUMNS_BUDGET * share)),
            "head": within(self.head, int(HEAD_BUDGET * share)),
        }

    def _opened(self) -> list[Column]:
        """The columns for large tables, which first take the rows that have waited."""
        if self._columns is None:
            self._columns = [Column(name) for name in self._names]
            waiting, self._waiting = self._waiting, []
            self._add_large(waiting, self._lines)
        return self._columns

    def _add_large(self, rows: Sequence[Sequence[Any]], lines: Lines) -> None:
        import polars as pl

        if not rows:
            return
        columns = [
            mixed_series([row[place] if place < len(row) else None for row in rows]).alias(
                f"{place}"
            )
            for place in range(len(self._names))
        ]
        self.add(pl.DataFrame(columns) if columns else pl.DataFrame(height=len(rows)), lines)

    def _small_columns(self) -> Iterator[dict[str, Any]]:
        for place, name in enumerate(self._names):
            values = [row[place] if place < len(row) else None for row in self._waiting]
            yield small_columns.profile(name, values, self._lines)

    def _whole(self, row: Sequence[Any]) -> list[Any]:
        missing = len(self._names) - len(row)
        return [*row[: len(self._names)], *[None] * missing]


def mixed_series(values: list[Any]) -> pl.Series:
    """A column of Python values: of their own type where they agree, otherwise as text."""
    import polars as pl

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pl.Series(values, dtype=pl.Null)
    if kinds <= {int, float}:
        return _numbers(values)
    for kind, dtype in ((bool, pl.Boolean), (datetime, pl.Datetime("us")), (date, pl.Date)):
        if kinds == {kind}:
            return pl.Series([_naive(value) for value in values], dtype=dtype)
    return pl.Series([None if value is None else _text(value) for value in values], dtype=pl.String)


def _numbers(values: list[Any]) -> pl.Series:
    """Whole numbers as such: spreadsheets and JavaScript write them as floats."""
    import polars as pl

    whole = all(value is None or (value == value // 1 and abs(value) < 2**53) for value in values)
    if whole:
        return pl.Series(
            [None if value is None else int(value) for value in values], dtype=pl.Int64
        )
    return pl.Series(
        [None if value is None else float(value) for value in values], dtype=pl.Float64
    )


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return value if isinstance(value, str) else str(value)


def cell(value: Any) -> Any:
    """A value as a grid shows it."""
    if isinstance(value, (bytes, list, dict)):
        return clip(_text(value), CELL)
    if isinstance(value, (date, datetime, time, timedelta, Decimal)):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return plain_scalar(value)
    return clip(str(value), CELL)
