"""Writes small Excel and OpenDocument files by hand."""

from __future__ import annotations

import io
import struct
import zipfile
from datetime import date
from typing import Any
from xml.sax.saxutils import escape


def zipped(parts: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return buffer.getvalue()


def xlsx(
    sheets: dict[str, list[list[Any]]],
    *,
    hidden: tuple[str, ...] = (),
    more: dict[str, Any] | None = None,
) -> bytes:
    """A workbook of these sheets; `more` are further parts."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    entries, relations, parts = "", "", {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        entries += f'<sheet name="{escape(name)}" sheetId="{number}"{state} r:id="r{number}"/>'
        part = f"worksheets/sheet{number}.xml"
        relations += f'<Relationship Id="r{number}" Type="{links}/worksheet" Target="{part}"/>'
        parts[f"xl/{part}"] = (
            f'<?xml version="1.0"?><worksheet xmlns="{space}">'
            f"<sheetData>{_rows(rows)}</sheetData></worksheet>"
        )
    root = f'<Relationship Id="r1" Type="{links}/officeDocument" Target="xl/workbook.xml"/>'
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    return zipped(
        {
            "[Content_Types].xml": f'<?xml version="1.0"?><Types xmlns="{types}"/>',
            "_rels/.rels": _relations(root),
            "xl/workbook.xml": f'<?xml version="1.0"?><workbook xmlns="{space}" '
            f'xmlns:r="{links}"><sheets>{entries}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations(relations),
            **parts,
            **(more or {}),
        }
    )


def _relations(content: str) -> str:
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<?xml version="1.0"?><Relationships xmlns="{space}">{content}</Relationships>'


def _rows(rows: list[list[Any]]) -> str:
    text = ""
    for number, row in enumerate(rows, 1):
        cells = "".join(
            _cell(f"{chr(64 + place)}{number}", value) for place, value in enumerate(row, 1)
        )
        text += f'<row r="{number}">{cells}</row>'
    return text


def _cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, int | float):
        return f'<c r="{place}"><v>{value}</v></c>'
    if isinstance(value, date):
        return f'<c r="{place}" t="d"><v>{value.isoformat()}</v></c>'
    if str(value).startswith("="):
        return f'<c r="{place}"><f>{escape(str(value)[1:])}</f><v>7</v></c>'
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(str(value))}</t></is></c>'


def ods(name: str, rows: list[list[Any]]) -> bytes:
    office = "urn:oasis:names:tc:opendocument:xmlns"
    table = ""
    for row in rows:
        cells = ""
        for value in row:
            if isinstance(value, int | float):
                cells += f'<table:table-cell office:value-type="float" office:value="{value}"/>'
            else:
                cells += (
                    '<table:table-cell office:value-type="string">'
                    f"<text:p>{escape(str(value))}</text:p></table:table-cell>"
                )
        table += f"<table:table-row>{cells}</table:table-row>"
    content = (
        f'<?xml version="1.0"?><office:document-content xmlns:office="{office}:office:1.0" '
        f'xmlns:table="{office}:table:1.0" xmlns:text="{office}:text:1.0"><office:body>'
        f'<office:spreadsheet><table:table table:name="{escape(name)}">{table}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    media_type = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = (
        f'<?xml version="1.0"?><manifest:manifest xmlns:manifest="{office}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{media_type}"/>'
        "</manifest:manifest>"
    )
    return zipped(
        {"mimetype": media_type, "content.xml": content, "META-INF/manifest.xml": manifest}
    )


def xlsb(
    sheets: dict[str, list[list[Any]]], *, hidden: tuple[str, ...] = (), more: bytes = b""
) -> bytes:
    """A binary workbook of these sheets ([MS-XLSB]); `more` are further records of the first."""
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    entries, relations, parts = b"", "", {}
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = struct.pack("<II", int(name in hidden), number)
        entries += record(0x9C, state + wide(f"r{number}") + wide(name))
        part = f"worksheets/sheet{number}.bin"
        relations += f'<Relationship Id="r{number}" Type="{links}/worksheet" Target="{part}"/>'
        cells = b"".join(_binary_row(place, row) for place, row in enumerate(rows))
        size = struct.pack("<IIII", 0, len(rows) - 1, 0, max(map(len, rows)) - 1)
        parts[f"xl/{part}"] = b"".join(
            (
                *(record(0x81), record(0x94, size), record(0x91)),
                *(cells, more if number == 1 else b"", record(0x92), record(0x82)),
            )
        )
    root = f'<Relationship Id="r1" Type="{links}/officeDocument" Target="xl/workbook.bin"/>'
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    book = (record(0x83), record(0x8F), entries, record(0x90), record(0x9D, bytes(26)))
    return zipped(
        {
            "[Content_Types].xml": f'<?xml version="1.0"?><Types xmlns="{types}"/>',
            "_rels/.rels": _relations(root),
            "xl/workbook.bin": b"".join(book) + record(0x84),
            "xl/_rels/workbook.bin.rels": _relations(relations),
            **parts,
        }
    )


def record(kind: int, body: bytes = b"") -> bytes:
    """A record: its type in one byte or two, its length in groups of seven bits."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = len(body)
    while True:
        head += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return head + body


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def row_header(number: int) -> bytes:
    return record(0x00, struct.pack("<I", number) + bytes(13))


def _binary_row(number: int, row: list[Any]) -> bytes:
    cells = (_binary_cell(place, value) for place, value in enumerate(row) if value is not None)
    return row_header(number) + b"".join(cells)


def _binary_cell(column: int, value: object) -> bytes:
    place = struct.pack("<II", column, 0)
    if isinstance(value, bool):
        return record(0x04, place + bytes([value]))
    if isinstance(value, int | float):
        return record(0x05, place + struct.pack("<d", value))
    if str(value).startswith("="):  # a number with the formula that gave it
        return record(0x09, place + struct.pack("<dHII", 7.0, 0, 0, 0))
    return record(0x06, place + wide(str(value)))
