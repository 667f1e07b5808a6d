"""How a text writes a table: delimiter, quote, width, and whether its first row has the names."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

DELIMITERS = (",", ";", "\t", "|", ":")
ALONE = "\x1f"  # stands for the delimiter of a table with one column: no text has it
SAMPLE_ROWS = 200
NAME_CHARACTERS = 100
ABOVE_LINES = 40  # before the names of the columns, at most
ABOVE_SHOWN = 10
ABOVE_CHARACTERS = 200

_NUMBER = re.compile(r"\s*[-+]?[$€£]?\d[\d.,' ]*(?:[eE][-+]?\d+)?\s*%?\s*")
_YEAR = re.compile(r"(?:1[89]|20|21)\d\d")
_DATE = re.compile(r"\s*\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")


class Dialect(NamedTuple):
    """`delimiter` is ALONE for a single column; `width` is the usual number of fields in a row;
    `skipped` is the text before the first row: a line for Excel, which says the delimiter, and what
    people write over a table, whose lines are in `above`, too.
    """

    delimiter: str
    quote: str
    width: int
    header: bool
    names: tuple[str, ...]
    skipped: str = ""
    above: tuple[str, ...] = ()


def told(sample: str) -> tuple[str, str]:
    """The first line where it says the delimiter, and that: sep=; Both "" where it doesn't."""
    found = re.match(r"sep=([,;\t|:])(?:\r\n|\n|\r)", sample, re.IGNORECASE)
    return (found.group(), found[1]) if found else ("", "")


def sniff(sample: str, *, whole: bool, tabs: bool = False) -> Dialect:
    """The dialect of a table from its first characters; `tabs` where it is known to be a TSV."""
    line, delimiter = told(sample)
    text = sample.removeprefix(line)
    lines = _filled_lines(text, whole=whole)
    quote = _quote(lines)
    if not delimiter:
        tabbed = tabs and any("\t" in line for line in lines)
        delimiter = "\t" if tabbed else _delimiter(lines, quote)
    rows = split(lines, delimiter, quote)
    width = _usual([len(row) for row in rows])
    over = _over(text, delimiter, quote, width)
    if over:
        below = split(_filled_lines(text[len(over) :], whole=whole), delimiter, quote)
        over, rows = (over, below) if _is_named(below, width, over) else ("", rows)
    header = has_header(rows, width)
    names = rows[0] if header else []
    width = max(width, len(names))
    return Dialect(
        delimiter,
        quote,
        width,
        header,
        tuple(unique_names(names, width)),
        line + over,
        tuple(_said(over, delimiter, quote)),
    )


def _said(over: str, delimiter: str, quote: str) -> Iterator[str]:
    """The words over a table, a line for each row that has any."""
    for row in split([line.strip() for line in over.splitlines()], delimiter, quote):
        if words := " ".join(cell.strip() for cell in row if cell.strip()):
            yield words[:ABOVE_CHARACTERS]


def _filled_lines(text: str, *, whole: bool) -> list[str]:
    lines = text.splitlines()
    if not whole and len(lines) > 1:
        lines.pop()  # cut somewhere
    return [line for line in lines[:SAMPLE_ROWS] if line.strip()]


def _over(text: str, delimiter: str, quote: str, width: int) -> str:
    """The lines before the first that fills more than half of a row's cells; those behind a # are
    remarks, unless they are as wide as a row.
    """
    end = 0
    for line in islice(io.StringIO(text, newline=""), ABOVE_LINES):
        words = line.strip(" \r\n")
        row = split([words], delimiter, quote)[0] if words else []
        filled = sum(bool(cell.strip()) for cell in row)
        if 2 * filled > width and not (words.startswith("#") and len(row) != width):
            break
        end += len(line)
    return text[:end]


def _is_named(rows: list[list[str]], width: int, over: str) -> bool:
    """Whether a row of names is the first below what stands over it, rather than more of that."""
    if len(rows) < 2 or not has_header(rows, width):
        return False
    if all(line.startswith("#") for line in over.splitlines() if line.strip()):
        return True
    return width > 2 and any(map(_mostly_values, _columns(rows[1:], width)))


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
    """Names are words, unlike the values below them. They are distinct where all below are words,
    too.
    """
    if not rows:
        return False
    first, below = [cell.strip() for cell in rows[0]], rows[1:]
    named = [cell for cell in first if cell]
    columns = _columns(below, width)
    if not named or not _are_names(first, columns):
        return False
    distinct = len(set(named)) == len(named)
    if not below:
        return distinct
    if any(_mostly_values(column) for column in columns):
        return distinct or any(
            cell and _mostly_values(column) for cell, column in zip(first, columns, strict=False)
        )
    repeated = sum(cell in column for cell, column in zip(first, columns, strict=False))
    return distinct and repeated == 0 and all(len(cell) <= 60 for cell in named)


def _columns(rows: list[list[str]], width: int) -> list[list[str]]:
    return [[row[place].strip() for row in rows if place < len(row)] for place in range(width)]


def _are_names(first: list[str], columns: list[list[str]]) -> bool:
    """Words; days over what are no days; and in a row with either, years that follow each other
    over what are no years; or the numbers that a library gives to columns without a name.
    """
    if not first[0] and first[1:] == [str(place) for place in range(len(first) - 1)]:
        return len(first) > 2
    years = [int(cell) for cell in first if _YEAR.fullmatch(cell)]
    in_turn = len(years) > 1 and len({b - a for a, b in pairwise(years)}) == 1
    for place, cell in enumerate(first):
        pattern = _YEAR if in_turn and _YEAR.fullmatch(cell) else _DATE
        if _is_value(cell) and not (
            pattern.fullmatch(cell)
            and place < len(columns)
            and _is_of_others(columns[place], pattern)
        ):
            return False
    return len(years) < sum(map(bool, first))


def _is_of_others(column: list[str], pattern: re.Pattern[str]) -> bool:
    """Whether there are values in a column, and hardly any of them look like that."""
    filled = [cell for cell in column if cell]
    return bool(filled) and sum(map(bool, map(pattern.fullmatch, filled))) < 0.2 * len(filled)


def _is_value(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None or _DATE.fullmatch(cell) is not None


def _mostly_values(column: list[str]) -> bool:
    filled = [cell for cell in column if cell]
    return bool(filled) and sum(map(_is_value, filled)) > 0.8 * len(filled)
