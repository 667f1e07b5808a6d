"""How people write numbers: with a unit before or behind, thousands kept apart, minus as brackets.

Says which way a column is written, where its first values leave no doubt: 1,234 alone may be twelve
hundred or one and a bit. Plain Python and the library for large tables read by the same patterns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

GROUPED, COMMA = "grouped", "comma"  # 1,234.50 and 1.234,50
UNITS = (
    *("€", "$", "£", "¥", "₹", "₽", "₩", "₺", "₴", "₪", "₫", "฿", "%", "‰", "kr", "zł", "Kč", "Ft"),
    *(
        "R$",
        "US$",
        "A$",
        "C$",
        "CHF",
        "EUR",
        "USD",
        "GBP",
        "JPY",
        "CNY",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
    ),
    *("CZK", "HUF", "INR", "AUD", "CAD", "BRL", "Fr.", "Rs.", "bp"),
)

_SPACE = "[ \u00a0\u202f\u2009]?"
_MINUS = "[-+\u2212\u2013]?"
_APART = "['’ \u00a0\u202f\u2009]"  # what keeps thousands apart in either notation
_WRITTEN = {
    GROUPED: rf"(?:[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,3}}(?:{_APART}[0-9]{{3}})+|[0-9]+)"
    r"(?:\.[0-9]+)?",
    COMMA: rf"(?:[0-9]{{1,3}}(?:\.[0-9]{{3}})+|[0-9]{{1,3}}(?:{_APART}[0-9]{{3}})+|[0-9]+)"
    r"(?:,[0-9]+)?",
}
_UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_DIGITS = rf"[0-9](?:[0-9.,]|{_APART}(?=[0-9]))*"
_LOOK = re.compile(
    rf"\(?{_MINUS}{_SPACE}(?P<before>{_UNIT})?{_SPACE}{_MINUS}{_SPACE}(?P<digits>{_DIGITS})"
    rf"{_SPACE}(?P<behind>{_UNIT})?\)?"
)
_AMBIGUOUS = re.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")


class Way(NamedTuple):
    """`form`: GROUPED or COMMA; `unit`: what stands beside each number, "" for nothing."""

    form: str
    unit: str


def way(first: Sequence[str]) -> Way | None:
    """How these values are written, as far as they are numbers; None where they don't agree, or
    nothing tells 1,234 from 1.234.
    """
    looks = [found for value in first if (found := _LOOK.fullmatch(value.strip()))]
    units = {found["before"] or found["behind"] or "" for found in looks}
    if len(units) != 1 or 2 * len(looks) < len(first):
        return None
    unit = units.pop()
    forms = {form for found in looks if (form := _form(found["digits"]))}
    doubtful = any(_AMBIGUOUS.fullmatch(found["digits"]) for found in looks)
    if len(forms) > 1 or (not forms and doubtful) or (not unit and _are_names(looks, forms)):
        return None
    return Way(forms.pop() if forms else GROUPED, unit)


def _are_names(looks: Sequence[re.Match[str]], forms: set[str]) -> bool:
    """Whether numbers of no unit may as well be names: (1), (2); 732 829 320; 192.168.100.101"""
    if all(found[0].startswith("(") for found in looks):
        return True
    if any(found["digits"].count(".") > 1 and "," not in found["digits"] for found in looks):
        return True
    return not forms and any(re.search(_APART, found["digits"]) for found in looks)


def _form(digits: str) -> str:
    """What the separators of one number tell, if anything."""
    dots, commas = digits.count("."), digits.count(",")
    if dots and commas:
        return GROUPED if digits.rfind(".") > digits.rfind(",") else COMMA
    if dots > 1 or commas > 1:
        return COMMA if dots else GROUPED
    if not dots + commas or _AMBIGUOUS.fullmatch(digits):
        return ""
    return GROUPED if dots else COMMA


@cache
def pattern(written: Way) -> str:
    """What a value of the column has to match, in the words that Rust's expressions know too."""
    number, unit = _WRITTEN[written.form], re.escape(written.unit)
    if not written.unit:
        inner = f"{_MINUS}{number}"
    else:
        before = f"{_MINUS}{_SPACE}{unit}{_SPACE}{_MINUS}{number}"
        inner = f"(?:{before}|{_MINUS}{number}{_SPACE}{unit})"
    return rf"^(?:{inner}|\({inner}\))$"


# Matches beside a number what makes it less than nothing.
NEGATIVE = "[(\u2212\u2013-]"


def thousands(form: str) -> str:
    """Matches all in a value that is neither digit nor the mark of its fraction."""
    return r"[^0-9.]" if form == GROUPED else r"[^0-9,]"


def read(value: str, written: Way) -> float | None:
    """The number that a value says; None where it is written another way."""
    value = value.strip()
    if not _compiled(written).match(value):
        return None
    kept = re.sub(thousands(written.form), "", _without(value, written.unit))
    number = float(kept.replace(",", "."))
    return -number if re.search(NEGATIVE, value) else number


def _without(value: str, unit: str) -> str:
    """A unit may have a dot of its own."""
    return value.replace(unit, "") if unit else value


@cache
def _compiled(written: Way) -> re.Pattern[str]:
    return re.compile(pattern(written))
