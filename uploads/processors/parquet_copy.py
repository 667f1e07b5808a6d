"""The parquet-copy step: tables of text, workbooks and databases once more, as Parquet files with
typed columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from uploads.processors import parquet, table_copies
from uploads.processors.context import Context
from uploads.processors.json_lines import Lines
from uploads.processors.profile import PROFILED
from uploads.processors.records import Reader
from uploads.processors.registry import LONG, processor
from uploads.processors.table import frame, opened

if TYPE_CHECKING:
    import polars as pl

WORTH = 1024 * 1024  # bytes from which on a copy is smaller and quicker by much
_TOO_SMALL = f"a table of less than {WORTH // 1024} KiB needs no copy"


@processor(
    name="parquet-copy",
    accepts=[
        "text/csv",
        "text/tab-separated-values",
        "application/x-ndjson",
        *table_copies.SEVERAL,
    ],
    version=1,
    after=["table", "json-lines", "workbook", "database"],
    seconds=LONG,
)
def parquet_copy(ctx: Context) -> dict[str, Any]:
    """{rows, bytes, columns [{name, type}]} and table.parquet; {skipped: why} where there is no
    copy

    A column has its own type only where every value is of it: nothing is lost in the copy. Lists
    and objects of JSON stay JSON text, and numbers are what JSON makes of them (RFC 8259, 6).

    Of a workbook or a database {copies [{name, artifact, rows, bytes, columns}]}, and
    table-1.parquet and so on for each sheet with a header, or each table.
    """
    if ctx.media_type in table_copies.SEVERAL:
        return {"skipped": _TOO_SMALL} if ctx.size < WORTH else table_copies.copied(ctx)
    found = _table(ctx)
    if not found or not found.get("rows") or not found["width"]:
        return {"skipped": "there are no rows with anything in them"}
    if ctx.size < WORTH:
        return {"skipped": _TOO_SMALL}
    if found["width"] > PROFILED:
        return {"skipped": f"there are more than {PROFILED} columns"}
    rows: parquet.Rows
    rows = (
        _Values(ctx) if ctx.media_type == "application/x-ndjson" else _Records(ctx, found["rows"])
    )
    types = parquet.types(found["columns"], rows.names)
    path = ctx.save("table.parquet", parquet.MEDIA_TYPE)
    copied = parquet.write(rows, types, str(path))
    rows.report_end()
    return {
        "rows": copied,
        "bytes": path.stat().st_size,
        "columns": parquet.described(rows.names, types),
    }


def _table(ctx: Context) -> Mapping[str, Any]:
    step = "json-lines" if ctx.media_type == "application/x-ndjson" else "table"
    tables = ctx.results.get(step, {}).get("tables") or [{}]
    table: Mapping[str, Any] = tables[0]
    return table


class _Records:
    """Of a delimited text."""

    def __init__(self, ctx: Context, total: int) -> None:
        self._ctx = ctx
        self._rows, self._total = 0, total
        coding, self._form = opened(ctx)
        self.names = self._form.names
        self._reader = Reader(ctx.path, coding, self._form)

    def chunks(self) -> Iterator[list[pl.Series]]:
        for chunk in self._reader.chunks():
            read = frame(chunk, self._form)
            self._rows += read.height
            self._ctx.progress(self._rows, max(self._total, self._rows), "rows")
            yield read.get_columns()

    def report_end(self) -> None:
        self._ctx.progress(self._rows, self._rows, "rows")


class _Values:
    """Of JSON, a value a line."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.names = Lines(ctx).first_keys()
        self._lines = Lines(ctx)

    def chunks(self) -> Iterator[list[pl.Series]]:
        for rows, _ in self._lines.rows():
            yield self._lines.columns(rows, self.names)

    def report_end(self) -> None:
        self._ctx.progress(self._lines.done, self._lines.done, "bytes")
