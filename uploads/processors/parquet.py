"""Writes a table as a Parquet file with typed columns, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from uploads.processors import column_types
from uploads.processors.column_types import TEXT, ColumnType
from uploads.processors.columns import as_text

if TYPE_CHECKING:
    import polars as pl

GROUP_ROWS = 250_000
MEDIA_TYPE = "application/vnd.apache.parquet"


def types(columns: list[Mapping[str, Any]], names: Sequence[str]) -> list[ColumnType]:
    """The types that the profile found; text for columns with a value of another type, or with
    something beside their numbers that would be lost.
    """
    known = {column["name"]: column for column in columns}
    found = []
    for name in names:
        column = known.get(name)
        found.append(_type(column) if column else TEXT)
    return found


def _type(column: Mapping[str, Any]) -> ColumnType:
    if column["invalid"] or column["unit"] or column["type"] in ("empty", "time"):
        return TEXT
    return ColumnType(column["type"], column["form"] or "")


class Rows(Protocol):
    """A table's rows, chunk by chunk, one series for each of the `names`: of strings, or of a type
    that the values had already. Reading reports progress.
    """

    @property
    def names(self) -> Sequence[str]: ...

    def chunks(self) -> Iterator[list[pl.Series]]: ...

    def report_end(self) -> None: ...


def described(names: Sequence[str], kinds: Sequence[ColumnType]) -> list[dict[str, str]]:
    """[{name, type}]"""
    return [{"name": name, "type": kind.name} for name, kind in zip(names, kinds, strict=True)]


def write(rows: Rows, kinds: list[ColumnType], path: str) -> int:
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
        for name, kind in zip(rows.names, kinds, strict=True)
    }
    copied = 0

    def source(
        columns: Any, predicate: Any, number: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        nonlocal copied
        for chunk in rows.chunks():
            typed = [
                _typed(values, kind, dtype).alias(name)
                for values, kind, (name, dtype) in zip(chunk, kinds, schema.items(), strict=True)
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
