"""The workbook step: the sheets of Excel and OpenDocument files as tables, with what
hides in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from uploads.processors import biff12, dialect, zips
from uploads.processors.bounds import clip
from uploads.processors.columns import clock
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.profile import CHUNK_ROWS, TABLES, Profile
from uploads.processors.registry import processor

if TYPE_CHECKING:
    import python_calamine

CELLS = 20_000_000  # of one sheet: the reader lays them out in a rectangle, at 32 bytes each
UNPACKED = 1024 * 1024 * 1024  # bytes of one part of the file
SNIFFED_ROWS = 50
TITLE_ROWS = 10  # at most, above the names of the columns

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_XLSB = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
_XLS = "application/vnd.ms-excel"
_ODS = "application/vnd.oasis.opendocument.spreadsheet"
FORMATS = {_XLSX: "xlsx", _XLSB: "xlsb", _XLS: "xls", _ODS: "ods"}


@processor(name="workbook", accepts=list(FORMATS), version=3, after=["identify", "checksum"])
def workbook(ctx: Context) -> dict[str, Any]:
    """{format, sheets, hidden [names], macros, formulas, merged, outside_links, tables [as of the
    table step, with `name`, `hidden`, `header`, `above` [words over it]}

    `formulas`, `merged` and `outside_links` are null where the format doesn't tell cheaply.
    Raises BadFile for a workbook that is broken, locked, or unpacks without end.
    """
    if ctx.size == 0:
        return {"empty": True, "sheets": 0, "tables": []}
    inside = _inside(ctx)
    book = opened(ctx)
    try:
        sheets = [sheet for sheet in book.sheets_metadata if "Work" in str(sheet.typ)]
        tables = []
        for number, sheet in enumerate(sheets, 1):
            tables.append(_table(book, sheet, inside.boxes, 1 / min(len(sheets), TABLES), number))
            ctx.progress(number, len(sheets), "sheets")
    finally:
        book.close()
    return {
        "format": FORMATS[ctx.media_type],
        "sheets": len(sheets),
        "hidden": [clip(sheet.name, 100) for sheet in sheets if _is_hidden(sheet)][:100],
        "macros": inside.macros,
        "formulas": inside.formulas,
        "merged": inside.merged,
        "outside_links": inside.links,
        "tables": [table for table in tables if table],
    }


def opened(ctx: Context) -> python_calamine.CalamineWorkbook:
    """Close it. Raises BadFile."""
    import python_calamine

    try:
        return python_calamine.CalamineWorkbook.from_path(str(ctx.path))
    except python_calamine.PasswordError as error:
        raise BadFile("The workbook is locked with a password.") from error
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        words = zips.said(error)
        if words.startswith("Cannot detect"):  # its last words, whatever its readers said before
            words = "it is damaged, or claims more cells than are laid out"
        raise BadFile(f"The workbook can't be opened: {words}.") from error


def _is_hidden(sheet: python_calamine.SheetMetadata) -> bool:
    return not str(sheet.visible).endswith(".Visible")


def _table(
    book: python_calamine.CalamineWorkbook,
    sheet: python_calamine.SheetMetadata,
    boxes: list[int],
    share: float,
    number: int,
) -> dict[str, Any] | None:
    import python_calamine

    if number > TABLES:
        return None
    found: dict[str, Any] = {"name": clip(sheet.name, 100), "hidden": _is_hidden(sheet)}
    nothing = {"rows": 0, "width": 0, "columns": [], "head": [], "header": False}
    if number <= len(boxes) and boxes[number - 1] > CELLS:
        problem = f"its cells span a rectangle of {boxes[number - 1]:,}; at most {CELLS:,} are read"
        return found | nothing | _errors(problem)
    try:
        names, header, rows, above = _read(book, sheet.name)
        return found | _profiled(names, rows, share, header=header) | {"above": above}
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        return found | nothing | _errors(f"it can't be read: {zips.said(error)}")


def _errors(problem: str | None = None) -> dict[str, Any]:
    errors = [{"line": None, "problem": problem}] if problem else []
    return {"errors": errors, "errors_total": len(errors), "blank_lines": 0}


def named_rows(
    book: python_calamine.CalamineWorkbook, name: str
) -> tuple[list[str], Iterator[list[Any]]]:
    """The columns' names and the rows of a sheet."""
    names, _, rows, _ = _read(book, name)
    return names, rows


def _read(
    book: python_calamine.CalamineWorkbook, name: str
) -> tuple[list[str], bool, Iterator[list[Any]], list[str]]:
    """The columns' names, whether the sheet says them, the rows below, and the words above."""
    content = book.get_sheet_by_name(name)
    rows = ([_value(cell) for cell in row] for row in content.iter_rows())
    first = list(islice(rows, SNIFFED_ROWS))
    width = max(map(len, first), default=0)
    above, first = _without_title(first)
    words = [["" if cell is None else str(cell) for cell in row] for row in first]
    header = dialect.has_header(words, width) and all(
        cell is None or isinstance(cell, str) for cell in first[0]
    )
    names = dialect.unique_names(words[0] if header else [], width)
    return names, header, chain(first[1:] if header else first, rows), above


def _without_title(rows: list[list[Any]]) -> tuple[list[str], list[list[Any]]]:
    """What people write over a table, in a cell or two, and the rows from its names on; nothing
    where no row of names comes after it.
    """
    filled = [sum(cell is not None for cell in row) for row in rows]
    usual = max(filled, default=0)
    for place, row in enumerate(rows[: TITLE_ROWS + 1]):
        if 2 * filled[place] <= usual:
            continue
        named = all(cell is None or isinstance(cell, str) for cell in row)
        if place == 0 or usual < 3 or not named:
            break
        said = (" ".join(str(c) for c in line if c is not None) for line in rows[:place])
        return [clip(words, 200) for words in said if words], rows[place:]
    return [], rows


def _profiled(
    names: list[str], rows: Iterator[list[Any]], share: float, *, header: bool
) -> dict[str, Any]:
    profile = Profile(names)
    while chunk := list(islice(rows, CHUNK_ROWS)):
        profile.add_rows(chunk)
    return {**profile.result(share), "header": header, **_errors()}


def _value(cell: Any) -> Any:
    """Empty cells come as empty text, whole days as moments at midnight or the other way round."""
    if cell == "":
        return None
    if isinstance(cell, timedelta):
        return clock(cell.total_seconds())
    if isinstance(cell, time):
        return str(cell)
    if isinstance(cell, str) and (long := _DURATION.fullmatch(cell)):
        return clock(3600 * int(long[1]) + 60 * int(long[2]) + float(long[3].replace(",", ".")))
    if isinstance(cell, date) and not isinstance(cell, datetime):
        return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 - sheets have no zones
    return cell


# As OpenDocument writes a time of more than a day.
_DURATION = re.compile(r"PT(\d{1,6})H(\d{1,2})M(\d{1,2}(?:[.,]\d{1,9})?)S")


class _Inside:
    """What is told by the parts of the file, read as a stream before the reader takes
    them whole.
    """

    def __init__(self) -> None:
        self.macros = False
        self.formulas: int | None = None
        self.merged: int | None = None
        self.links: int | None = None
        self.boxes: list[int] = []  # cells of the rectangle around each sheet


def _inside(ctx: Context) -> _Inside:
    found = _Inside()
    if ctx.media_type == _XLS:
        found.macros = b"_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T" in ctx.path.read_bytes()
        return found
    with zips.opened(ctx.path) as archive:
        names = archive.namelist()
        found.macros = any("vbaProject" in name or name.startswith("Basic/") for name in names)
        if ctx.media_type in (_XLSX, _XLSB):
            found.links = sum(name.startswith("xl/externalLinks/external") for name in names)
            found.formulas = found.merged = 0
            survey = _survey_sheet if ctx.media_type == _XLSX else _survey_binary_sheet
            for name in _sheets(names):
                survey(zips.blocks(archive, name, UNPACKED), found)
        for name in names:
            if name.endswith((".xml", ".bin")) and not name.startswith("xl/worksheets/"):
                for _ in zips.blocks(archive, name, UNPACKED):
                    pass  # counted: a part that unpacks without end stops here
    return found


def _sheets(names: list[str]) -> list[str]:
    """The parts of the sheets, in the order of their numbers."""
    parts = [name for name in names if re.fullmatch(r"xl/worksheets/sheet\d+\.(xml|bin)", name)]
    return sorted(parts, key=lambda name: int(re.sub(r"\D", "", name.rpartition("/")[2])))


def _survey_sheet(blocks: Iterable[bytes], found: _Inside) -> None:
    """Formulas, merged cells, and the rectangle of a sheet."""
    columns: set[bytes] = set()
    row = 0
    for block in blocks:
        columns.update(re.findall(rb"\sr\s*=\s*[\"']([A-Za-z]{1,3})\d", block))
        row = max(
            [row, *map(int, re.findall(rb"<row\s[^<>]*?\br\s*=\s*[\"'](\d{1,7})[\"']", block))]
        )
        found.formulas = (found.formulas or 0) + block.count(b"<f>") + block.count(b"<f ")
        found.merged = (found.merged or 0) + block.count(b"<mergeCell ")
    found.boxes.append(row * max(map(_column, columns), default=0))


def _survey_binary_sheet(blocks: Iterable[bytes], found: _Inside) -> None:
    """The same of a binary one. Cells have their column where rows have their number."""
    row = column = formulas = merged = 0
    for kind, content in biff12.records(blocks):
        if kind == biff12.ROW:
            row = max(row, int.from_bytes(content[:4], "little") + 1)
        elif kind in biff12.CELLS:
            column = max(column, int.from_bytes(content[:4], "little") + 1)
            formulas += kind in biff12.FORMULAS
        merged += kind == biff12.MERGED
    found.formulas = (found.formulas or 0) + formulas
    found.merged = (found.merged or 0) + merged
    found.boxes.append(row * column)


def _column(letters: bytes) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
