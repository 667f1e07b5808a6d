"""The profile of a column, gathered chunk by chunk in bounded memory.

Counts, extremes, mean and deviation are exact. Quantiles and the histogram come from a sample
taken at equal distances (exact up to SAMPLE values); distinct values are counted exactly up to
SKETCH, and estimated above from the smallest hashes (k minimum values: error about 1/√SKETCH, 1.6
%).
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from uploads.processors import column_types
from uploads.processors.bounds import clip, plain_scalar
from uploads.processors.column_types import TEXT, ColumnType

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 100_000  # values kept for quantiles
SKETCH = 4096  # hashes kept for the number of distinct values
TOP = 10
TOP_KEPT = 2000  # values counted while reading
TOP_SHOWN = 100  # characters
BINS = 20
INVALID_SHOWN = 5

Lines = range | list[int] | None

NUMERIC = ("integer", "number")
MOMENTS = ("date", "datetime", "time")


class Column:
    """One column; `add` takes it chunk by chunk, `result` says what was in it."""

    def __init__(self, name: str, kind: ColumnType | None = None) -> None:
        self.name = name
        self.kind = kind
        self.rows = self.nulls = self.invalid = 0
        self.invalid_shown: list[dict[str, Any]] = []
        self._numbers = Numbers()
        self._distinct = Distinct()
        self._top: Counter[str] | None = Counter()
        self._lengths = (0, 0, 0)  # shortest, longest, sum
        self._texts = 0

    def add(self, values: pl.Series, lines: Lines = None) -> None:
        """Take a chunk: strings that are typed here, or values that have a type already."""
        import polars as pl

        if values.dtype == pl.Null:
            self.rows += values.len()
            self.nulls += values.len()
            return
        if values.dtype != pl.String:
            if self._fits(values):
                self._add_typed(values)
                return
            values = as_text(values)
        self.rows += values.len()
        filled = values.is_not_null() & (values != "")
        self.nulls += values.len() - int(filled.sum())
        if self.kind is None:
            self.kind = column_types.guess(values)
        if self.kind is None:  # nothing but nulls, or words for them
            self.nulls += int(filled.sum())
            return
        kind = self.kind
        if kind != TEXT:
            typed = column_types.typed_as(values, kind)
            self._add_invalid(values, filled & typed.is_null(), lines)
            self._numbers.add(as_numbers(typed))
        else:
            self._add_lengths(values.filter(filled))
        present = values.filter(filled)
        self._distinct.add(present)
        self._count_top(present)

    def _fits(self, values: pl.Series) -> bool:
        """Whether typed values go on in the column's type; a column of whole numbers may widen."""
        name = type_name(values.dtype)
        if self.kind is None:
            self.kind = ColumnType(name)
        if {self.kind.name, name} == {"integer", "number"}:
            self.kind = ColumnType("number")
            return True
        return self.kind == ColumnType(name)

    def _add_typed(self, values: pl.Series) -> None:
        self.rows += values.len()
        self.nulls += values.null_count()
        present = values.drop_nulls()
        if self.kind and self.kind.name in (*NUMERIC, *MOMENTS, "boolean"):
            self._numbers.add(as_numbers(present))
        self._distinct.add(present)
        self._count_top(as_text(present))

    def _add_invalid(
        self, values: pl.Series, bad: pl.Series, lines: range | list[int] | None
    ) -> None:
        places = bad.arg_true()
        if places.len() == 0:
            return
        words = values.gather(places)
        wrong = ~words.is_in(list(column_types.MARKERS))
        self.nulls += places.len() - int(wrong.sum())
        self.invalid += int(wrong.sum())
        for place, word in zip(places.filter(wrong), words.filter(wrong), strict=True):
            if len(self.invalid_shown) >= INVALID_SHOWN:
                break
            line = lines[place] if lines is not None else None
            self.invalid_shown.append({"line": line, "value": clip(word, TOP_SHOWN)})

    def _add_lengths(self, present: pl.Series) -> None:
        if present.len() == 0:
            return
        lengths = present.str.len_chars()
        low, high, total = self._lengths
        shortest, longest = int(str(lengths.min())), int(str(lengths.max()))
        low = shortest if self._texts == 0 else min(low, shortest)
        self._lengths = (low, max(high, longest), total + int(lengths.sum()))
        self._texts += present.len()

    def _count_top(self, present: pl.Series) -> None:
        """The most frequent values; given up where nearly every value is another."""
        if self._top is None or present.len() == 0:
            return
        counted = present.value_counts(sort=True)
        if counted.height > TOP_KEPT and counted.height > 0.9 * present.len():
            self._top = None
            return
        for word, count in counted.head(TOP_KEPT).iter_rows():
            self._top[clip(str(word), TOP_SHOWN)] += count
        if len(self._top) > 4 * TOP_KEPT:
            self._top = Counter(dict(self._top.most_common(TOP_KEPT)))

    def result(self) -> dict[str, Any]:
        """{name, type, form, unit, nulls, invalid, invalid_shown, distinct, distinct_exact, top,
        …}
        """
        kind = self.kind or ColumnType("empty")
        result: dict[str, Any] = {
            "name": self.name,
            "type": kind.name,
            "form": kind.form or None,
            "unit": kind.unit or None,
            "nulls": self.nulls,
            "invalid": self.invalid,
            "invalid_shown": self.invalid_shown,
            "distinct": min(self._distinct.count(), self.rows),
            "distinct_exact": self._distinct.exact,
            "top": self._tops(),
        }
        if kind.name in (*NUMERIC, *MOMENTS):
            result |= self._numbers.result(kind.name)
        elif self._texts:
            low, high, total = self._lengths
            result["length"] = {"min": low, "max": high, "mean": round(total / self._texts, 2)}
        return result

    def _tops(self) -> list[dict[str, Any]]:
        if not self._top or (self._distinct.count() >= self.rows - self.nulls and self.rows > TOP):
            return []  # all different: no value is a top one
        return [{"value": word, "count": count} for word, count in self._top.most_common(TOP)]


class Distinct:
    """How many different values there were: the SKETCH smallest hashes tell."""

    def __init__(self) -> None:
        self.exact = True
        self._hashes: pl.Series | None = None

    def add(self, values: pl.Series) -> None:
        import polars as pl

        if values.len() == 0:
            return
        hashes = values.hash(seed=0).unique()
        if self._hashes is not None:
            if not self.exact:
                hashes = hashes.filter(hashes < self._hashes.max())
            hashes = pl.concat([self._hashes, hashes]).unique()
        if hashes.len() > SKETCH:
            self.exact = False
            hashes = hashes.bottom_k(SKETCH)
        self._hashes = hashes

    def count(self) -> int:
        if self._hashes is None:
            return 0
        if self.exact:
            return self._hashes.len()
        return round((SKETCH - 1) / (int(str(self._hashes.max())) / 2**64))


class Numbers:
    """Extremes, mean, deviation, and a sample for quantiles; dates come as numbers too."""

    def __init__(self) -> None:
        self.count = 0
        self.low = math.inf
        self.high = -math.inf
        self._mean = 0.0
        self._squares = 0.0
        self._stride = 1
        self._sample: list[pl.Series] = []
        self._kept = 0

    def add(self, values: pl.Series) -> None:
        """Values as integers or floats; nulls are left out."""
        values = values.drop_nulls()
        added = values.len()
        if added == 0:
            return
        self.low = min(self.low, float(str(values.min())))
        self.high = max(self.high, float(str(values.max())))
        self._merge(added, float(str(values.mean())), float(str(values.var() or 0)))
        start = -(self.count) % self._stride
        self._keep(values.gather_every(self._stride, start) if start < added else values.head(0))
        self.count += added

    def _merge(self, added: int, mean: float, variance: float) -> None:
        """Chan's way to join two means and sums of squared differences without losing digits."""
        total = self.count + added
        difference = mean - self._mean
        self._mean += difference * added / total
        self._squares += variance * (added - 1) + difference**2 * self.count * added / total

    def _keep(self, values: pl.Series) -> None:
        import polars as pl

        self._sample.append(values.cast(pl.Float64))
        self._kept += values.len()
        while self._kept > 2 * SAMPLE:
            self._stride *= 2
            self._sample = [pl.concat(self._sample).gather_every(2)]
            self._kept = self._sample[0].len()

    def result(self, kind: str) -> dict[str, Any]:
        """{min, max, mean, std, quantiles {p5, p25, p50, p75, p95}, histogram [{from, to,
        count}]}
        """
        import polars as pl

        if self.count == 0:
            return {"min": None, "max": None}
        sample = pl.concat(self._sample)
        quantiles = {
            f"p{percent}": shown(sample.quantile(percent / 100, "linear"), kind)
            for percent in (5, 25, 50, 75, 95)
        }
        found = {
            "min": shown(self.low, kind),
            "max": shown(self.high, kind),
            "quantiles": quantiles,
            "sampled": self._stride > 1,
            "histogram": self._histogram(sample, kind),
        }
        if kind in NUMERIC:
            deviation = math.sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0
            found |= {"mean": rounded(self._mean), "std": rounded(deviation)}
        return found

    def _histogram(self, sample: pl.Series, kind: str) -> list[dict[str, Any]]:
        width = (self.high - self.low) / BINS
        if not math.isfinite(width) or width <= 0:
            return [
                {"from": shown(self.low, kind), "to": shown(self.high, kind), "count": self.count}
            ]
        bins = ((sample - self.low) / width).floor().clip(0, BINS - 1).cast(int)
        counts: Counter[int] = Counter(bins.to_list())
        factor = self.count / sample.len()
        return [
            {
                "from": shown(self.low + place * width, kind),
                "to": shown(self.low + (place + 1) * width, kind),
                "count": round(counts[place] * factor),
            }
            for place in range(BINS)
        ]


def as_numbers(values: pl.Series) -> pl.Series:
    """Dates as days, moments as microseconds since 1970, truth values as 0 and 1."""
    import polars as pl

    if values.dtype == pl.Date:
        return values.cast(pl.Int32)
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.epoch("us")
    if values.dtype.is_float():
        return values.filter(values.is_finite())
    if isinstance(values.dtype, pl.Decimal) or values.dtype in (pl.Boolean, pl.Int128, pl.UInt64):
        return values.cast(pl.Float64, strict=False)
    return values


def as_text(values: pl.Series) -> pl.Series:
    """Values as a person reads them; lists and records as they are printed."""
    import polars as pl

    if values.dtype == pl.Binary:
        return pl.Series([f"{len(value)} bytes" for value in values], dtype=pl.String)
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        return pl.Series([str(value) for value in values], dtype=pl.String)


def type_name(dtype: Any) -> str:
    """Our word for a type of polars."""
    import polars as pl

    if dtype.is_integer():
        return "integer"
    if dtype.is_float() or isinstance(dtype, pl.Decimal):
        return "number"
    known = {pl.Boolean: "boolean", pl.Date: "date", pl.String: "text", pl.Null: "empty"}
    if isinstance(dtype, pl.Datetime):
        return "datetime"
    return known.get(type(dtype)) or str(type(dtype).__name__).lower()


def shown(value: float | None, kind: str) -> Any:
    """A number as its column has it: a date for the days of a date."""
    if value is None or not math.isfinite(value):
        return None
    if kind in MOMENTS:
        return _moment(value, kind)
    if kind == "integer" and value == int(value):
        return plain_scalar(int(value))
    return rounded(value)


def _moment(value: float, kind: str) -> str | None:
    try:
        if kind == "date":
            return (date(1970, 1, 1) + timedelta(days=math.floor(value))).isoformat()
        if kind == "time":
            return clock(value)
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
        return moment.replace(tzinfo=None).isoformat(timespec="seconds")
    except OverflowError:
        return None


def clock(seconds: float) -> str:
    """83.5 as 00:01:23.5"""
    sign = "-" if seconds < 0 else ""
    minutes, rest = divmod(round(abs(seconds), 3), 60)
    whole = f"{int(minutes) // 60:02}:{int(minutes) % 60:02}:{int(rest):02}"
    return sign + whole + f"{rest % 1:.3f}"[1:].rstrip("0").rstrip(".")


def rounded(value: float) -> float:
    """Six significant digits behind what matters: 0.1 + 0.2 is shown as 0.3."""
    return float(f"{value:.10g}")
