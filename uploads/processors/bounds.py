"""What makes a result safe to store and send: plain JSON, finite numbers, bounded size."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from uploads.processors.failures import InvalidResult

RESULT_BYTES = 256 * 1024
DEPTH = 24
EXACT_INTEGER = 2**53  # what a number in JavaScript holds exactly

_UNSAFE = re.compile("[\x00\ud800-\udfff]")


def bounded(result: Mapping[str, Any]) -> dict[str, Any]:
    """The same result as plain JSON. Raises InvalidResult where it can't be, or is too big."""
    try:
        plain = plain_json(result)
    except InvalidResult as error:
        raise InvalidResult(f"{error}{_where(result)}") from None
    size = len(json.dumps(plain, ensure_ascii=False).encode())
    if size > RESULT_BYTES:
        raise InvalidResult(
            f"the result has {size:,} bytes of at most {RESULT_BYTES:,}; "
            "long content belongs in an artifact"
        )
    return dict(plain)


def _where(value: Any, place: str = "", depth: int = 0) -> str:
    """Which of its values is the first that can't stand in a result."""
    inside: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        inside = value.items()
    elif isinstance(value, (list, tuple)):
        inside = enumerate(value)
    for key, item in inside if depth < DEPTH else ():
        try:
            plain_json(item, depth + 1)
        except InvalidResult:
            return _where(item, f"{place}[{clip(repr(key), 40)}]", depth + 1)
    return clip(f": result{place}", 120) if place else ""


def plain_json(value: Any, depth: int = 0) -> Any:
    """Value with NaN as null, dates in ISO form, huge integers as text, clean strings."""
    if depth > DEPTH:
        raise InvalidResult(f"the result is nested deeper than {DEPTH} levels")
    if isinstance(value, Mapping):
        return {clean(str(key)): plain_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item, depth + 1) for item in value]
    return plain_scalar(value)


def plain_scalar(value: Any) -> bool | int | float | str | None:
    """One value as JSON has it. Raises InvalidResult for a type that JSON has no form for."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return str(value)
    raise InvalidResult(f"a value of type {type(value).__name__} can't stand in a result")


def _number(value: float) -> int | float | str | None:
    if isinstance(value, int):
        if abs(value) <= EXACT_INTEGER:
            return int(value)
        return (
            str(value)
            if value.bit_length() < 4096
            else f"an integer of {value.bit_length():,} bits"
        )
    return float(value) if math.isfinite(value) else None


def clean(text: str) -> str:
    """Text without NUL and lone surrogates, which databases and JSON parsers refuse."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def clip(text: str, characters: int) -> str:
    """At most so many characters, an ellipsis marking the cut."""
    return clean(text if len(text) <= characters else text[: characters - 1] + "…")


def within(items: Iterable[Any], budget: int) -> list[Any]:
    """As many of the items, from the first on, as fit into `budget` bytes of JSON."""
    kept: list[Any] = []
    for item in items:
        plain = plain_json(item)
        budget -= len(json.dumps(plain, ensure_ascii=False).encode()) + 2
        if budget < 0:
            break
        kept.append(plain)
    return kept
