"""What the values of a column are: numbers, dates, truth values or text, decided on its
first thousands.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from uploads.processors import amounts

if TYPE_CHECKING:
    import polars as pl

# In a column of numbers or dates these say that there is no value.
MARKERS = (
    *("NA", "N/A", "n/a", "na", "NULL", "null", "None", "none", "NaN", "nan", "#N/A", "-", "?"),
    *("\\N", "..", "<NA>", "NaT"),  # of databases, statistical offices and data frames
)
AGREEING = 0.95  # share of the values that must be of a type for the column to be
DATES = (
    *("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d.%m.%y"),
    *("%m/%d/%y", "%d/%m/%y", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y"),
)
TIMES = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S%.f%z",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
)
# Of a day or of a race; 1:02 may be minutes and seconds as well.
TIME = r"^([0-9]{1,3}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]{1,9})?)$"
# Years of two digits; 1.2.3 is the version of a program.
_SHORT = re.compile(r"\d\d\.\d\d\.\d\d|\d{1,2}/\d{1,2}/\d\d")
LOOKED_AT = 50  # values whose look decides what is tried
TRUE = ("true", "yes", "y", "t")
FALSE = ("false", "no", "n", "f")


class ColumnType(NamedTuple):
    """`name`: integer, number, boolean, date, datetime, time or text; `form`: how it is written;
    `unit`: what stands beside each of the numbers.
    """

    name: str
    form: str = ""
    unit: str = ""


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
    if kind.name == "number" and kind.form:
        return _amounts(values, amounts.Way(kind.form, kind.unit))
    read = {
        "integer": _integers,
        "number": _floats,
        "boolean": _booleans,
        "date": _dates,
        "datetime": _datetimes,
        "time": _seconds,
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
    numbers = pl.col("v").cast(pl.Float64, strict=False)
    chosen = pl.when(numbers.is_finite()).then(numbers)
    return plain.alias("v").to_frame().select(chosen).to_series()


def _amounts(values: pl.Series, way: amounts.Way) -> pl.Series:
    import polars as pl

    plain = pl.col("v").str.strip_chars()
    kept = plain.str.replace_all(way.unit, "", literal=True) if way.unit else plain
    kept = kept.str.replace_all(amounts.thousands(way.form), "")
    number = kept.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
    signed = pl.when(plain.str.contains(amounts.NEGATIVE)).then(-number).otherwise(number)
    chosen = pl.when(plain.str.contains(amounts.pattern(way))).then(signed)
    return values.alias("v").to_frame().select(chosen).to_series()


def _seconds(values: pl.Series, form: str) -> pl.Series:
    import polars as pl

    parts = [
        pl.col("v").str.strip_chars().str.extract(TIME, part).cast(pl.Float64, strict=False) * unit
        for part, unit in ((1, 3600), (2, 60), (3, 1))
    ]
    return values.alias("v").to_frame().select(parts[0] + parts[1] + parts[2]).to_series()


def _dates(values: pl.Series, form: str) -> pl.Series:
    form = form or "%Y-%m-%d"
    return _of_whole_years(values, form).str.to_date(form, strict=False, cache=False)


def _datetimes(values: pl.Series, form: str) -> pl.Series:
    form = form or "%Y-%m-%dT%H:%M:%S%.f"
    values = _of_whole_years(values, form)
    moments = values.str.to_datetime(form, strict=False, cache=False, time_unit="us")
    zone = getattr(moments.dtype, "time_zone", None)
    return moments.dt.replace_time_zone(None) if zone else moments


def _of_whole_years(values: pl.Series, form: str) -> pl.Series:
    """Without those that the library would take for a day of the year 3."""
    import polars as pl

    if "%Y" not in form:
        return values
    chosen = pl.when(pl.col("v").str.contains("[0-9]{4}")).then(pl.col("v"))
    return values.alias("v").to_frame().select(chosen).to_series()


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
    way = amounts.way(first)
    if way and way.unit:
        return [ColumnType("number", *way)]
    # 00123 and +49 30 are names written in digits: as numbers they would lose something.
    if any(re.match(r"0\d|\+\d{6}|\+\d*[ /()-]", value) for value in first):
        return _moments(first)
    numbers = [ColumnType("integer"), ColumnType("number")]
    if way:
        numbers.append(ColumnType("number", *way))
    return numbers + _moments(first)


def _moments(first: list[str]) -> list[ColumnType]:
    """Those whose marks are in some of the values."""
    forms = [("time", "%H:%M:%S")]
    forms += [("date", form) for form in DATES] + [("datetime", form) for form in TIMES]
    if not all(map(_SHORT.fullmatch, first)):
        forms = [form for form in forms if "%y" not in form[1]]
    marks = [frozenset(value) for value in first]
    return [ColumnType(*form) for form in forms if any(_marks(form[1]) <= mark for mark in marks)]


@cache
def _marks(form: str) -> frozenset[str]:
    """The characters of a form that stand for themselves."""
    return frozenset(re.sub(r"%\.?[A-Za-z]", "", form))
