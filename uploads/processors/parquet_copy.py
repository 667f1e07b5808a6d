"""The parquet-copy step: a table that is written as text once more, as a Parquet file with typed
columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from uploads.processors import column_types
from uploads.processors.column_types import TEXT, ColumnType
from uploads.processors.columns import as_text
from uploads.processors.context import Context
from uploads.processors.json_lines import Lines
from uploads.processors.profile import PROFILED
from uploads.processors.records import Reader
from uploads.processors.registry import LONG, processor
from uploads.processors.table import frame, opened

if TYPE_CHECKING:
    import polars as pl

GROUP_ROWS = 250_000
WORTH = 1024 * 1024  # bytes from which on a copy is smaller and quicker by much


@processor(
    name="parquet-copy",
    accepts=["text/csv", "text/tab-separated-values", "application/x-ndjson"],
    version=1,
    after=["table", "json-lines"],
    seconds=LONG,
)
def parquet_copy(ctx: Context) -> dict[str, Any]:
    """{rows, bytes, columns [{name, type}]} and table.parquet; {skipped: why} where there is no
    copy

    A column has its own type only where every value is of it: nothing is lost in the copy. Lists
    and objects of JSON stay JSON text, and numbers are what JSON makes of them (RFC 8259, 6).
    """
    found = _table(ctx)
    if not found or not found.get("rows") or not found["width"]:
        return {"skipped": "there are no rows with anything in them"}
    if ctx.size < WORTH:
        return {"skipped": f"a table of less than {WORTH // 1024} KiB needs no copy"}
    if found["width"] > PROFILED:
        return {"skipped": f"there are more than {PROFILED} columns"}
    rows: Rows
    rows = (
        _Values(ctx) if ctx.media_type == "application/x-ndjson" else _Records(ctx, found["rows"])
    )
    types = _types(found["columns"], rows.names)
    path = ctx.save("table.parquet", "application/vnd.apache.parquet")
    copied = _write(rows, types, str(path))
    rows.report_end()
    return {
        "rows": copied,
        "bytes": path.stat().st_size,
        "columns": [
            {"name": name, "type": kind.name} for name, kind in zip(rows.names, types, strict=True)
        ],
    }


def _table(ctx: Context) -> Mapping[str, Any]:
    step = "json-lines" if ctx.media_type == "application/x-ndjson" else "table"
    tables = ctx.results.get(step, {}).get("tables") or [{}]
    table: Mapping[str, Any] = tables[0]
    return table


def _types(columns: list[Mapping[str, Any]], names: Sequence[str]) -> list[ColumnType]:
    """The types that the profile found; text for columns with a value of another type."""
    known = {column["name"]: column for column in columns}
    types = []
    for name in names:
        column = known.get(name)
        typed = column is not None and not column["invalid"] and column["type"] != "empty"
        types.append(ColumnType(column["type"], column["form"] or "") if column and typed else TEXT)
    return types


class Rows(Protocol):
    """A table's rows, chunk by chunk, one series for each of the `names`: of strings, or of a type
    that the values had already. Reading reports progress.
    """

    @property
    def names(self) -> Sequence[str]: ...

    def chunks(self) -> Iterator[list[pl.Series]]: ...

    def report_end(self) -> None: ...


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


def _write(rows: Rows, types: list[ColumnType], path: str) -> int:
    """The number of rows; the writer asks for chunk after chunk, every column, and filters
    nothing.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    known = {
        "integer": pl.Int64,
        "number": pl.Float64,
        "boolean": pl.Boolean,
        "date": pl.Date,
        "datetime": pl.Datetime("us"),
    }
    schema: dict[str, Any] = {
        name: known.get(kind.name, pl.String())
        for name, kind in zip(rows.names, types, strict=True)
    }
    copied = 0

    def source(
        columns: Any, predicate: Any, number: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        nonlocal copied
        for chunk in rows.chunks():
            typed = [
                _typed(values, kind, dtype).alias(name)
                for values, kind, (name, dtype) in zip(chunk, types, schema.items(), strict=True)
            ]
            copied += typed[0].len()
            yield pl.DataFrame(typed)

    register_io_source(source, schema=schema, validate_schema=True).sink_parquet(
        path, compression="zstd", row_group_size=GROUP_ROWS, engine="streaming"
    )
    return copied


def _typed(values: pl.Series, kind: ColumnType, dtype: Any) -> pl.Series:
    import polars as pl

    if values.dtype == pl.String:
        return column_types.typed_as(values, kind)
    if dtype == pl.String:
        return as_text(values)
    return values.cast(dtype)
