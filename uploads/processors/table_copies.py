"""The tables of a workbook or a database as Parquet files, one each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from uploads.processors import database, parquet, workbook
from uploads.processors.bounds import clip
from uploads.processors.column_types import TEXT, ColumnType
from uploads.processors.context import Context
from uploads.processors.profile import CHUNK_ROWS, PROFILED, mixed_series

if TYPE_CHECKING:
    import polars as pl

_DATABASE = "application/vnd.sqlite3"
SEVERAL = (*workbook.FORMATS, _DATABASE)
COPIES = 40  # of one file
_EXACT = 2**53  # below this a whole number is the same as a float

Named = tuple[Sequence[str], Iterator[Sequence[Any]]]  # a table's columns and its rows


def copied(ctx: Context) -> dict[str, Any]:
    """{copies [{name, artifact, rows, bytes, columns [{name, type}]}], rows, bytes}; {skipped: why}
    where there is no table. Raises BadFile.
    """
    step = "database" if ctx.media_type == _DATABASE else "workbook"
    tables = [one for one in ctx.results.get(step, {}).get("tables", []) if _is_worth(one)]
    if not tables:
        return {"skipped": "there is no table with a header and rows"}
    copies = _Copies(ctx, tables[:COPIES])
    (_from_database if step == "database" else _from_workbook)(ctx, copies)
    return {
        "copies": copies.made,
        "rows": sum(copy["rows"] for copy in copies.made),
        "bytes": sum(copy["bytes"] for copy in copies.made),
    }


def _is_worth(table: Mapping[str, Any]) -> bool:
    """What was read whole, and has names for its columns."""
    whole = table["rows"] and not table["errors_total"] and 0 < table["width"] <= PROFILED
    return bool(whole and table.get("header", True))


def _from_workbook(ctx: Context, copies: _Copies) -> None:
    with closing(workbook.opened(ctx)) as book:
        copies.make(lambda name: workbook.named_rows(book, name))


def _from_database(ctx: Context, copies: _Copies) -> None:
    with closing(database.opened(ctx)) as connection:
        copies.make(lambda name: database.named_rows(connection, name))


class _Copies:
    """Makes them one after the other."""

    def __init__(self, ctx: Context, tables: Sequence[Mapping[str, Any]]) -> None:
        self._ctx = ctx
        self._tables = tables
        self._total = sum(table["rows"] for table in tables)
        self._done = 0
        self.made: list[dict[str, Any]] = []

    def make(self, read: Callable[[str], Named]) -> None:
        for number, table in enumerate(self._tables, 1):
            names, rows = read(table["name"])
            if len(set(names)) == len(names):
                self._copy(number, table, _Cells(names, rows, table, self._count))
        self._ctx.progress(self._done, self._done, "rows")

    def _copy(self, number: int, table: Mapping[str, Any], cells: _Cells) -> None:
        name = f"table-{number}.parquet"
        path = self._ctx.save(name, parquet.MEDIA_TYPE)
        rows = parquet.write(cells, cells.kinds, str(path))
        self.made.append(
            {
                "name": table["name"],
                "artifact": name,
                "rows": rows,
                "bytes": path.stat().st_size,
                "columns": parquet.described([clip(one, 100) for one in cells.names], cells.kinds),
            }
        )

    def _count(self, rows: int) -> None:
        self._done += rows
        self._ctx.progress(self._done, max(self._total, self._done), "rows")


class _Cells:
    """Rows of values that may be of any type, each as its column wants it."""

    def __init__(
        self,
        names: Sequence[str],
        rows: Iterator[Sequence[Any]],
        table: Mapping[str, Any],
        count: Callable[[int], None],
    ) -> None:
        self.names = names
        self.kinds = parquet.types(table["columns"], names)
        self._rows = rows
        self._count = count

    def chunks(self) -> Iterator[list[pl.Series]]:
        while chunk := list(islice(self._rows, CHUNK_ROWS)):
            yield [
                _series([row[place] if place < len(row) else None for row in chunk], kind)
                for place, kind in enumerate(self.kinds)
            ]
            self._count(len(chunk))

    def report_end(self) -> None:
        """Its rows are counted with those of the other tables."""


def _series(values: list[Any], kind: ColumnType) -> pl.Series:
    """Without a loss: bytes as hexadecimal digits, whole numbers exactly, whatever their size."""
    import polars as pl

    values = [value.hex() if isinstance(value, bytes) else value for value in values]
    if kind.name == "integer" and all(map(_is_whole, values)):
        whole = [None if value is None else int(value) for value in values]
        return pl.Series(whole, dtype=pl.Int64)
    if kind == TEXT and {type(value) for value in values} - {str, type(None)}:
        texts = [None if value is None else str(value) for value in values]
        return pl.Series(texts, dtype=pl.String)
    return mixed_series(values)


def _is_whole(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) < _EXACT
    return value is None or (isinstance(value, int) and not isinstance(value, bool))
