"""How a text writes a table: delimiter, quote, width, and whether its first row has the names."""

from __future__ import annotations

import csv
import re
from collections import Counter
from typing import NamedTuple

DELIMITERS = (",", ";", "\t", "|", ":")
ALONE = "\x1f"  # stands for the delimiter of a table with one column: no text has it
SAMPLE_ROWS = 200
NAME_CHARACTERS = 100

_NUMBER = re.compile(r"\s*[-+]?[$€£]?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s*%?\s*")
_DATE = re.compile(r"\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")


class Dialect(NamedTuple):
    """`delimiter` is ALONE for a single column; `width` is the usual number of fields in a row;
    `skipped` bytes before the first row are a line for Excel, which says the delimiter.
    """

    delimiter: str
    quote: str
    width: int
    header: bool
    names: tuple[str, ...]
    skipped: int = 0


def told(sample: str) -> tuple[str, str]:
    """The first line where it says the delimiter, and that: sep=; Both "" where it doesn't."""
    found = re.match(r"sep=([,;\t|:])(?:\r\n|\n|\r)", sample, re.IGNORECASE)
    return (found.group(), found[1]) if found else ("", "")


def sniff(sample: str, *, whole: bool, tabs: bool = False) -> Dialect:
    """The dialect of a table from its first characters; `tabs` where it is known to be a TSV."""
    line, delimiter = told(sample)
    lines = sample.removeprefix(line).splitlines()
    if not whole and len(lines) > 1:
        lines.pop()  # cut somewhere
    lines = [line for line in lines[:SAMPLE_ROWS] if line.strip()]
    quote = _quote(lines)
    if not delimiter:
        tabbed = tabs and any("\t" in line for line in lines)
        delimiter = "\t" if tabbed else _delimiter(lines, quote)
    rows = split(lines, delimiter, quote)
    width = _usual([len(row) for row in rows])
    header = has_header(rows, width)
    names = rows[0] if header else []
    width = max(width, len(names))
    return Dialect(delimiter, quote, width, header, tuple(unique_names(names, width)))


def split(lines: list[str], delimiter: str, quote: str) -> list[list[str]]:
    """The rows of these lines; what the parser refuses is cut at the delimiter alone."""
    try:
        return list(csv.reader(lines, delimiter=delimiter, quotechar=quote))
    except csv.Error:
        return [line.split(delimiter) for line in lines]


def unique_names(names: list[str], width: int) -> list[str]:
    """One name for each column: empty ones are numbered, repeated ones get a number behind."""
    seen: Counter[str] = Counter()
    found = []
    for place in range(width):
        name = names[place].strip()[:NAME_CHARACTERS] if place < len(names) else ""
        name = name or f"column {place + 1}"
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _quote(lines: list[str]) -> str:
    text = "\n".join(lines[:50])
    double = len(re.findall(r'(?:^|[,;\t|])"', text, re.MULTILINE))
    single = len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=$|[,;\t|])", text, re.MULTILINE))
    return "'" if single > double else '"'


def _delimiter(lines: list[str], quote: str) -> str:
    """The one that cuts the most rows into the same number of fields."""
    best, best_score = ALONE, 0.0
    for place, delimiter in enumerate(DELIMITERS):
        widths = [len(row) for row in split(lines, delimiter, quote)]
        usual = _usual(widths)
        if usual < 2:
            continue
        agreeing = widths.count(usual) / len(widths)
        score = agreeing + min(usual, 20) / 1000 - place / 10_000
        if agreeing >= 0.6 and score > best_score and not (delimiter == ":" and best != ALONE):
            best, best_score = delimiter, score
    return best


def _usual(widths: list[int]) -> int:
    return Counter(widths).most_common(1)[0][0] if widths else 0


def has_header(rows: list[list[str]], width: int) -> bool:
    """Names are distinct words, unlike the values below them."""
    if not rows:
        return False
    first, below = [cell.strip() for cell in rows[0]], rows[1:]
    named = [cell for cell in first if cell]
    if not named or len(set(named)) < len(named) or any(_is_value(cell) for cell in named):
        return False
    if not below:
        return True
    columns = [[row[place].strip() for row in below if place < len(row)] for place in range(width)]
    if any(_mostly_values(column) for column in columns):
        return True
    repeated = sum(cell in column for cell, column in zip(first, columns, strict=False))
    return repeated == 0 and all(len(cell) <= 60 for cell in named)


def _is_value(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None or _DATE.fullmatch(cell) is not None


def _mostly_values(column: list[str]) -> bool:
    filled = [cell for cell in column if cell]
    return bool(filled) and sum(map(_is_value, filled)) > 0.8 * len(filled)
