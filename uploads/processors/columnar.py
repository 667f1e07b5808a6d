"""The columnar step: Parquet and Arrow files, whose columns have types of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from uploads.processors import footer
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.profile import CHUNK_ROWS, Profile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    import polars as pl

ROWS = 20_000_000  # profiled at most: a few bytes can stand for any number of equal rows
FIELDS = 200  # of the schema that are shown

FORMATS = {
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.apache.arrow.file": "arrow",
    "application/vnd.apache.arrow.stream": "arrow stream",
}


@processor(name="columnar", accepts=list(FORMATS), version=2, after=["identify", "checksum"])
def columnar(ctx: Context) -> dict[str, Any]:
    """{format, schema [{name, type}], row_groups, codecs, created_by, rows_read, tables [as of the
    table step]}; the second group is null for Arrow. Raises BadFile.
    """
    if ctx.size == 0:
        return {"empty": True, "tables": []}
    import polars as pl

    form = FORMATS[ctx.media_type]
    try:
        frame = _scanned(ctx, form)
        schema = frame.collect_schema()
        total = min(_rows(frame), ROWS)
        profile = Profile(list(schema.names()))
        for batch in _batches(frame):
            profile.add(batch)
            ctx.progress(min(profile.rows, total), total, "rows")
            if profile.rows >= ROWS:
                break
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise BadFile(f"The {form} file can't be read: {_said(error)}.") from error
    ctx.progress(total, total, "rows")
    return {
        "format": form,
        "schema": [
            {"name": clip(name, 100), "type": clip(str(dtype), 100)}
            for name, dtype in list(schema.items())[:FIELDS]
        ],
        **(footer.read(ctx.path) if form == "parquet" else {}),
        "rows_read": profile.rows,
        "tables": [
            {"name": None, **profile.result(), "errors": [], "errors_total": 0, "blank_lines": 0}
        ],
    }


def _scanned(ctx: Context, form: str) -> pl.LazyFrame:
    import polars as pl

    if form == "parquet":
        return pl.scan_parquet(ctx.path, glob=False)
    if form == "arrow":
        return pl.scan_ipc(ctx.path, glob=False)
    return pl.read_ipc_stream(ctx.path, n_rows=ROWS).lazy()


def _rows(frame: pl.LazyFrame) -> int:
    import polars as pl

    return int(frame.select(pl.len()).collect(engine="streaming").item())


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    return iter(frame.collect_batches(chunk_size=CHUNK_ROWS * 5, engine="streaming"))


def _said(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(". ")[:200]
