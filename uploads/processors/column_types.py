"""What the values of a column are: numbers, dates, truth values or text, decided on its
first thousands.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

# In a column of numbers or dates these say that there is no value.
MARKERS = ("NA", "N/A", "n/a", "na", "NULL", "null", "None", "none", "NaN", "nan", "#N/A", "-", "?")
AGREEING = 0.95  # share of the values that must be of a type for the column to be
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y")
TIMES = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M",
)
LOOKED_AT = 50  # values whose look decides what is tried
TRUE = ("true", "yes", "y", "t")
FALSE = ("false", "no", "n", "f")


class ColumnType(NamedTuple):
    """`name`: integer, number, boolean, date, datetime or text; `form`: how it is written."""

    name: str
    form: str = ""


TEXT = ColumnType("text")


def guess(values: pl.Series) -> ColumnType | None:
    """The type of a column of strings; None where it has no value yet."""
    found = without_markers(values)
    if found.len() == 0:
        return None
    for candidate in candidates(found.head(LOOKED_AT).to_list()):
        typed = typed_as(found, candidate)
        if typed.len() - typed.null_count() >= AGREEING * found.len():
            return candidate
    return TEXT


def typed_as(values: pl.Series, kind: ColumnType) -> pl.Series:
    """The strings as values of that type; what isn't one becomes null."""
    import polars as pl

    if kind == TEXT:
        return values
    read = {
        "integer": _integers,
        "number": _floats,
        "boolean": _booleans,
        "date": _dates,
        "datetime": _datetimes,
    }.get(kind.name)
    if read is None:  # a type that came with the values, such as a list; as text they aren't of it
        return pl.Series([None] * values.len(), dtype=pl.Null)
    return read(values, kind.form)


def _integers(values: pl.Series, form: str) -> pl.Series:
    import polars as pl

    return values.str.strip_chars().cast(pl.Int64, strict=False)


def _floats(values: pl.Series, form: str) -> pl.Series:
    import polars as pl

    plain = values.str.strip_chars()
    if form == "comma":
        plain = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    numbers = pl.col("v").cast(pl.Float64, strict=False)
    chosen = pl.when(numbers.is_finite()).then(numbers)
    return plain.alias("v").to_frame().select(chosen).to_series()


def _dates(values: pl.Series, form: str) -> pl.Series:
    return values.str.to_date(form or "%Y-%m-%d", strict=False, cache=False)


def _datetimes(values: pl.Series, form: str) -> pl.Series:
    form = form or "%Y-%m-%dT%H:%M:%S%.f"
    moments = values.str.to_datetime(form, strict=False, cache=False, time_unit="us")
    zone = getattr(moments.dtype, "time_zone", None)
    return moments.dt.replace_time_zone(None) if zone else moments


def _booleans(values: pl.Series, form: str) -> pl.Series:
    import polars as pl

    words = pl.col("v").str.to_lowercase()
    true = pl.when(words.is_in(list(TRUE))).then(statement=True)
    found = true.when(words.is_in(list(FALSE))).then(statement=False)
    return values.alias("v").to_frame().select(found).to_series()


def without_markers(values: pl.Series) -> pl.Series:
    """The values that are there: neither null nor empty nor one of the words for nothing."""
    values = values.drop_nulls()
    return values.filter((values != "") & ~values.is_in(list(MARKERS)))


def candidates(first: list[str]) -> list[ColumnType]:
    """Types worth trying, by the look of the first values."""
    digits = sum(any(map(str.isdecimal, value)) for value in first)
    if digits < 0.5 * len(first):
        return [ColumnType("boolean")]
    # 00123 and +49 30 are names written in digits: as numbers they would lose something.
    if any(re.match(r"0\d|\+", value) for value in first):
        return _moments()
    numbers = [ColumnType("integer"), ColumnType("number")]
    if any(re.fullmatch(r"-?[\d.]*\d,\d+", value) for value in first):
        numbers.append(ColumnType("number", "comma"))
    return numbers + _moments()


def _moments() -> list[ColumnType]:
    dates = [ColumnType("date", form) for form in DATES]
    return dates + [ColumnType("datetime", form) for form in TIMES]
