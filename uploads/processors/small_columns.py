"""The profile of a column whose values are all at hand, in plain Python.

Gives what `columns.Column` gives for the same values; a test holds the two to each other.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from uploads.processors import amounts, column_types
from uploads.processors.bounds import clip
from uploads.processors.column_types import TEXT, ColumnType
from uploads.processors.columns import (
    BINS,
    INVALID_SHOWN,
    MOMENTS,
    NUMERIC,
    TOP,
    TOP_SHOWN,
    rounded,
    shown,
)

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_FRACTION = re.compile(r"(.*\d\d:\d\d:\d\d)(\.\d{1,9})?(.*)")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - values in tables have no zone


def profile(name: str, values: list[Any], lines: Sequence[int] | None = None) -> dict[str, Any]:
    """{name, type, form, unit, nulls, invalid, invalid_shown, distinct, distinct_exact, top, …}"""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and kinds:
        return _typed(name, values, _number_type(values))
    for kind, word in ((bool, "boolean"), (datetime, "datetime"), (date, "date")):
        if kinds == {kind}:
            return _typed(name, values, ColumnType(word))
    return _strings(name, [None if value is None else text(value) for value in values], lines)


def _number_type(values: list[Any]) -> ColumnType:
    whole = all(value is None or (math.isfinite(value) and value == int(value)) for value in values)
    return ColumnType("integer" if whole else "number")


def _typed(name: str, values: list[Any], kind: ColumnType) -> dict[str, Any]:
    present = [value for value in values if value is not None]
    words = [text(int(value) if kind.name == "integer" else value) for value in present]
    result = _common(name, kind, len(values) - len(present), words)
    if kind.name in (*NUMERIC, *MOMENTS):
        result |= numbers([as_number(value) for value in present], kind.name)
    return result


def _strings(name: str, values: list[str | None], lines: Sequence[int] | None) -> dict[str, Any]:
    filled = [(place, value) for place, value in enumerate(values) if value]
    kind = guess([value for _, value in filled])
    if kind is None:
        return _common(name, ColumnType("empty"), len(values), [])
    words = [value for _, value in filled]
    nulls = len(values) - len(filled)
    if kind == TEXT:
        lengths = [len(word) for word in words]
        mean = round(sum(lengths) / len(lengths), 2)
        length = {"min": min(lengths), "max": max(lengths), "mean": mean}
        return _common(name, kind, nulls, words) | {"length": length}
    read = reader(kind)
    typed = [(place, value, read(value)) for place, value in filled]
    failed = [(place, value) for place, value, found in typed if found is None]
    wrong = [(place, value) for place, value in failed if value not in column_types.MARKERS]
    result = _common(name, kind, nulls + len(failed) - len(wrong), words)
    result["invalid"] = len(wrong)
    result["invalid_shown"] = [
        {"line": lines[place] if lines else None, "value": clip(value, TOP_SHOWN)}
        for place, value in wrong[:INVALID_SHOWN]
    ]
    if kind.name in (*NUMERIC, *MOMENTS):
        result |= numbers([as_number(found) for *_, found in typed if found is not None], kind.name)
    return result


def _common(name: str, kind: ColumnType, nulls: int, words: list[str]) -> dict[str, Any]:
    counts = Counter(words)
    all_differ = len(counts) == len(words) and len(words) > TOP
    top = [] if all_differ else counts.most_common(TOP)
    return {
        "name": name,
        "type": kind.name,
        "form": kind.form or None,
        "unit": kind.unit or None,
        "nulls": nulls,
        "invalid": 0,
        "invalid_shown": [],
        "distinct": len(counts),
        "distinct_exact": True,
        "top": [{"value": clip(word, TOP_SHOWN), "count": count} for word, count in top],
    }


def guess(values: list[str]) -> ColumnType | None:
    """The type of a column of strings that are there; None where none of them is a value."""
    found = [value for value in values if value not in column_types.MARKERS]
    if not found:
        return None
    for candidate in column_types.candidates(found[: column_types.LOOKED_AT]):
        read = reader(candidate)
        allowed = math.floor(len(found) * (1 - column_types.AGREEING) + 1e-9)
        for value in found:
            allowed -= read(value) is None
            if allowed < 0:
                break
        else:
            return candidate
    return TEXT


def reader(kind: ColumnType) -> Callable[[str], Any]:
    """Reads a string as a value of the type; None for what isn't one."""
    if kind.name == "date":
        return lambda value: _moment(value, kind.form)
    if kind.name == "datetime":
        return lambda value: _precise(value, kind.form)
    if kind.name == "number" and kind.form:
        way = amounts.Way(kind.form, kind.unit)
        return lambda value: amounts.read(value, way)
    return {"integer": _integer, "number": _float, "boolean": _boolean, "time": _seconds}[kind.name]


def _seconds(value: str) -> float | None:
    found = re.match(column_types.TIME, value.strip())
    return float(found[1]) * 3600 + float(found[2]) * 60 + float(found[3]) if found else None


def _integer(value: str) -> int | None:
    value = value.strip()
    number = int(value) if _INTEGER.fullmatch(value) else None
    return number if number is not None and -(2**63) <= number < 2**63 else None


def _float(value: str) -> float | None:
    value = value.strip()
    number = float(value) if _NUMBER.fullmatch(value) else math.inf
    return number if math.isfinite(number) else None


def _boolean(value: str) -> bool | None:
    word = value.lower()
    return True if word in column_types.TRUE else False if word in column_types.FALSE else None


def _moment(value: str, form: str) -> date | None:
    found = _parsed(value, form)
    return found.date() if found else None


def _precise(value: str, form: str) -> datetime | None:
    """A moment, its fraction of a second apart: strptime knows no more than six digits of it."""
    fraction = 0.0
    if "%.f" in form:
        cut = _FRACTION.fullmatch(value)
        if cut is None:
            return None
        value, fraction = cut[1] + cut[3], float(cut[2] or 0)
    found = _parsed(value, form.replace("%.f", ""))
    if found is None:
        return None
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    return found.replace(microsecond=int(fraction * 1_000_000))


def _parsed(value: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(value, form)  # noqa: DTZ007 - the form has a zone or there is none
    except (ValueError, OverflowError):
        return None


def numbers(values: list[float], kind: str) -> dict[str, Any]:
    """{min, max, quantiles, sampled, histogram} and for numbers {mean, std}"""
    values = sorted(value for value in values if math.isfinite(value))
    if not values:
        return {"min": None, "max": None}
    found = {
        "min": shown(values[0], kind),
        "max": shown(values[-1], kind),
        "quantiles": {
            f"p{percent}": shown(quantile(values, percent / 100), kind)
            for percent in (5, 25, 50, 75, 95)
        },
        "sampled": False,
        "histogram": _histogram(values, kind),
    }
    if kind in NUMERIC:
        mean = math.fsum(values) / len(values)
        squares = math.fsum((value - mean) ** 2 for value in values)
        deviation = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
        found |= {"mean": rounded(mean), "std": rounded(deviation)}
    return found


def quantile(values: list[float], share: float) -> float:
    """Of sorted values, by linear interpolation."""
    place = (len(values) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def _histogram(values: list[float], kind: str) -> list[dict[str, Any]]:
    low, high = values[0], values[-1]
    width = (high - low) / BINS
    if not math.isfinite(width) or width <= 0:
        return [{"from": shown(low, kind), "to": shown(high, kind), "count": len(values)}]
    counts = Counter(min(int((value - low) / width), BINS - 1) for value in values)
    return [
        {
            "from": shown(low + place * width, kind),
            "to": shown(low + (place + 1) * width, kind),
            "count": counts[place],
        }
        for place in range(BINS)
    ]


def as_number(value: Any) -> float:
    """Dates as days, moments as microseconds since 1970."""
    if isinstance(value, datetime):
        difference = value.replace(tzinfo=None) - _EPOCH
        return (difference.days * 86_400 + difference.seconds) * 1_000_000 + difference.microseconds
    if isinstance(value, date):
        return (value - _EPOCH.date()).days
    return float(value) if not isinstance(value, int) else value


def text(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return value if isinstance(value, str) else str(value)
