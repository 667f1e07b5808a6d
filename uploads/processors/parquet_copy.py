"""The parquet-copy step: a delimited text once more, as a Parquet file with typed columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from uploads.processors import column_types, dialect
from uploads.processors.column_types import TEXT, ColumnType
from uploads.processors.context import Context
from uploads.processors.encoding import Encoding
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
    accepts=["text/csv", "text/tab-separated-values"],
    version=1,
    after=["table"],
    seconds=LONG,
)
def parquet_copy(ctx: Context) -> dict[str, Any]:
    """{rows, bytes, columns [{name, type}]} and table.parquet; {skipped: why} where there is no
    copy

    A column has its own type only where every value is of it: nothing is lost in the copy.
    """
    found = _table(ctx)
    if not found or not found.get("rows"):
        return {"skipped": "there are no rows"}
    if ctx.size < WORTH:
        return {"skipped": f"a table of less than {WORTH // 1024} KiB needs no copy"}
    if found["width"] > PROFILED:
        return {"skipped": f"there are more than {PROFILED} columns"}
    coding, form = opened(ctx)
    types = _types(found["columns"], form)
    path = ctx.save("table.parquet", "application/vnd.apache.parquet")
    copy = Copy(ctx, coding, form, types, found["rows"])
    copy.write(str(path))
    ctx.progress(copy.rows, copy.rows, "rows")
    return {
        "rows": copy.rows,
        "bytes": path.stat().st_size,
        "columns": [
            {"name": name, "type": kind.name} for name, kind in zip(form.names, types, strict=True)
        ],
    }


def _table(ctx: Context) -> Mapping[str, Any]:
    tables = ctx.results.get("table", {}).get("tables") or [{}]
    table: Mapping[str, Any] = tables[0]
    return table


def _types(columns: list[Mapping[str, Any]], form: dialect.Dialect) -> list[ColumnType]:
    """The types that the profile found; text for columns with a value of another type."""
    known = {column["name"]: column for column in columns}
    types = []
    for name in form.names:
        column = known.get(name)
        typed = column is not None and not column["invalid"] and column["type"] != "empty"
        types.append(ColumnType(column["type"], column["form"] or "") if column and typed else TEXT)
    return types


class Copy:
    """Writes chunk after chunk, as the writer asks for them."""

    def __init__(
        self,
        ctx: Context,
        coding: Encoding,
        form: dialect.Dialect,
        types: list[ColumnType],
        total: int,
    ) -> None:
        self.rows = 0
        self._ctx = ctx
        self._total = total
        self._form = form
        self._types = types
        self._reader = Reader(ctx.path, coding, form)

    def write(self, path: str) -> None:
        from polars.io.plugins import register_io_source

        source = register_io_source(self._source, schema=self._schema(), validate_schema=True)
        source.sink_parquet(path, compression="zstd", row_group_size=GROUP_ROWS, engine="streaming")

    def _schema(self) -> dict[str, Any]:
        import polars as pl

        known = {
            "integer": pl.Int64,
            "number": pl.Float64,
            "boolean": pl.Boolean,
            "date": pl.Date,
            "datetime": pl.Datetime("us"),
        }
        return {
            name: known.get(kind.name, pl.String)
            for name, kind in zip(self._form.names, self._types, strict=True)
        }

    def _source(
        self, columns: Any, predicate: Any, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        """All rows, typed; the writer asks for every column and filters nothing."""
        import polars as pl

        for chunk in self._reader.chunks():
            raw = frame(chunk, self._form)
            typed = [
                column_types.typed_as(values, kind).alias(name)
                for name, kind, values in zip(
                    self._form.names, self._types, raw.iter_columns(), strict=True
                )
            ]
            self.rows += raw.height
            self._ctx.progress(self.rows, max(self._total, self.rows), "rows")
            yield pl.DataFrame(typed)
