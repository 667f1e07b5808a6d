"""The table step for delimited text: dialect, first rows, broken rows, and a profile of
every column.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from uploads.processors import dialect, encoding
from uploads.processors.context import Context
from uploads.processors.profile import PROFILED, Profile
from uploads.processors.records import Chunk, Reader
from uploads.processors.registry import LONG, processor

if TYPE_CHECKING:
    import polars as pl

SNIFFED = 256 * 1024  # bytes
SMALL = 1024 * 1024  # bytes up to which rows are read here


@processor(
    name="table",
    accepts=["text/csv", "text/tab-separated-values"],
    version=4,
    after=["identify", "checksum"],
    seconds=LONG,
    light=True,
)
def table(ctx: Context) -> dict[str, Any]:
    """{format, encoding, encoding_certain, bom, delimiter, quote, header, tables [one table]}

    A table is {name, rows, width, columns [profile], head [[cell]], errors [{line, problem}],
    errors_total, blank_lines, above [words over it]}; a column that isn't shown is still counted in
    `width`.
    """
    coding, form = opened(ctx)
    reader = Reader(ctx.path, coding, form)
    profile = Profile(form.names)
    for chunk in reader.chunks():
        if ctx.size <= SMALL:
            profile.add_rows(cells(chunk, form), chunk.lines)
        else:
            profile.add(frame(chunk, form), chunk.lines)
        ctx.progress(reader.done, max(reader.done, ctx.size), "bytes")
    ctx.progress(reader.done, reader.done, "bytes")
    return {
        "format": "tsv" if form.delimiter == "\t" else "csv",
        "encoding": coding.name,
        "encoding_certain": coding.certain,
        "bom": coding.mark > 0,
        "delimiter": None if form.delimiter == dialect.ALONE else form.delimiter,
        "quote": form.quote,
        "header": form.header,
        "tables": [
            {
                "name": None,
                **profile.result(),
                "above": form.above[: dialect.ABOVE_SHOWN],
                "errors": reader.problems,
                "errors_total": reader.wrong,
                "blank_lines": reader.blank,
            }
        ],
    }


def opened(ctx: Context) -> tuple[encoding.Encoding, dialect.Dialect]:
    """How the file is written, from its first 256 KiB."""
    coding = encoding.detect(ctx.path)
    with ctx.path.open("rb") as file:
        file.seek(coding.mark)
        sample = file.read(SNIFFED)
    text = sample.decode(coding.name, "replace")
    form = dialect.sniff(
        text,
        whole=len(sample) < SNIFFED,
        tabs=ctx.media_type == "text/tab-separated-values",
    )
    return coding, form


def cells(chunk: Chunk, form: dialect.Dialect) -> list[list[str | None]]:
    """The rows of a chunk as strings; empty cells are None."""
    csv.field_size_limit(SMALL)
    text = io.StringIO(chunk.data.decode("utf-8", "replace"), newline="")
    rows = csv.reader(text, delimiter=form.delimiter, quotechar=form.quote)
    return [[value or None for value in row[:PROFILED]] for row in rows]


def frame(chunk: Chunk, form: dialect.Dialect) -> pl.DataFrame:
    """The rows of a chunk as strings, one column for each of the first PROFILED ones."""
    import polars as pl

    names = [f"{place}" for place in range(min(form.width, PROFILED))]
    return pl.read_csv(
        chunk.data,
        has_header=False,
        separator=form.delimiter,
        quote_char=form.quote,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
        extra_columns="ignore",
    )
