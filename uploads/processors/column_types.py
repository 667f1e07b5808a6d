"""What the values of a column are: numbers, dates, truth values or text, decided on its
first thousands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

# In a column of numbers or dates these say that there is no value.
MARKERS = ("NA", "N/A", "n/a", "na", "NULL", "null", "None", "none", "NaN", "nan", "#N/A", "-", "?")
AGREEING = 0.95  # share of the values that must be of a type for the column to be
DATES = ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%Y%m%d")
TIMES = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y %H:%M",
)
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
    for candidate in _candidates(found):
        typed = typed_as(found, candidate)
        if typed.len() - typed.null_count() >= AGREEING * found.len():
            return candidate
    return TEXT


def typed_as(values: pl.Series, kind: ColumnType) -> pl.Series:
    """The strings as values of that type; what isn't one becomes null."""
    import polars as pl

    if kind.name == "integer":
        return values.str.strip_chars().cast(pl.Int64, strict=False)
    if kind.name == "number":
        plain = values.str.strip_chars()
        if kind.form == "comma":
            plain = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        numbers = plain.cast(pl.Float64, strict=False)
        return numbers.to_frame("v").select(
            pl.when(pl.col("v").is_finite()).then(pl.col("v"))
        )["v"]  # fmt: skip
    if kind.name == "boolean":
        return _booleans(values)
    if kind.name == "date":
        return values.str.to_date(kind.form, strict=False, cache=False)
    if kind.name == "datetime":
        moments = values.str.to_datetime(kind.form, strict=False, cache=False, time_unit="us")
        return moments.dt.replace_time_zone(None) if _zone(moments) else moments
    return values


def without_markers(values: pl.Series) -> pl.Series:
    """The values that are there: neither null nor empty nor one of the words for nothing."""
    values = values.drop_nulls()
    return values.filter((values != "") & ~values.is_in(list(MARKERS)))


def _zone(moments: pl.Series) -> bool:
    return getattr(moments.dtype, "time_zone", None) is not None


def _booleans(values: pl.Series) -> pl.Series:
    import polars as pl

    words = values.str.to_lowercase()
    return (
        words.to_frame("v")
        .select(
            pl.when(pl.col("v").is_in(list(TRUE)))
            .then(statement=True)
            .when(pl.col("v").is_in(list(FALSE)))
            .then(statement=False)
        )
        .to_series()
    )


def _candidates(found: pl.Series) -> list[ColumnType]:
    """Types worth trying, by the look of the first values."""
    first = found.head(50)
    digits = first.str.contains(r"\d").mean() or 0
    if float(str(digits)) < 0.5:
        return [ColumnType("boolean")]
    # 00123 and +49 30 are names written in digits: as numbers they would lose something.
    if first.str.contains(r"^(0\d|\+)").any():
        return _moments()
    numbers = [ColumnType("integer"), ColumnType("number")]
    if first.str.contains(r"^-?[\d.]*\d,\d+$").any():
        numbers.append(ColumnType("number", "comma"))
    if first.str.contains(r"^\d{8}$").all():
        return [*numbers]
    return numbers + _moments()


def _moments() -> list[ColumnType]:
    return [*(ColumnType("date", form) for form in DATES if form != "%Y%m%d")] + [
        ColumnType("datetime", form) for form in TIMES
    ]
