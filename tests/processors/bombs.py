"""Small files that want to take much room or time, each of another make."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import libarchive
import polars as pl
import zstandard
from fontTools.ttLib.woff2 import WOFF2DirectoryEntry

from tests.processors.books import ods, record, row_header, xlsb, xlsx, zipped
from tests.processors.papers import INFO, written
from tests.processors.test_font import built

MIB = 1024 * 1024
_ZEROS = bytes(MIB)


def overlapping_zip(entries: int = 300, size: int = 64 * MIB) -> bytes:
    """Each entry is the same content, which stands there once."""
    packer, crc, packed = zlib.compressobj(9, zlib.DEFLATED, -15), 0, b""
    for _ in range(size // MIB):
        packed += packer.compress(_ZEROS)
        crc = zlib.crc32(_ZEROS, crc)
    packed += packer.flush()
    shared = struct.pack("<HHHHIIIHH", 0, 8, 0, 0x21, crc, len(packed), size, 1, 0)
    content = b"PK\3\4" + struct.pack("<H", 20) + shared + b"a" + packed
    row = b"PK\1\2" + struct.pack("<HH", 20, 20) + shared + bytes(14) + b"a"
    counts = struct.pack("<HHHHIIH", 0, 0, entries, entries, len(row) * entries, len(content), 0)
    return content + row * entries + b"PK\5\6" + counts


def zstd(size: int = 5 * 1024 * MIB) -> bytes:
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    block = bytes(64 * MIB)
    return b"".join(packer.compress(block) for _ in range(size // len(block))) + packer.flush()


def seven_zip(size: int = 512 * MIB) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.7z")
        options = "compression=lzma2,compression-level=1"
        with libarchive.file_writer(str(path), "7zip", options=options) as archive:
            archive.add_file_from_memory("zeros", size, (_ZEROS for _ in range(size // MIB)))
            archive.add_file_from_memory("b", 1, b"b")
        return path.read_bytes()


def woff(size: int = 600 * MIB) -> bytes:
    """Its outlines unpack to zeros without end."""
    whole = built("woff")
    packer = zlib.compressobj(9)
    zeros = b"".join(packer.compress(_ZEROS) for _ in range(size // MIB)) + packer.flush()
    tables = int.from_bytes(whole[12:14], "big")
    rows, bodies, place = b"", b"", 44 + 20 * tables
    for number in range(tables):
        tag, at, packed, plain, sum_ = struct.unpack_from(">4sIIII", whole, 44 + 20 * number)
        body = whole[at : at + packed]
        if tag == b"glyf":
            body, plain = zeros, size
        rows += struct.pack(">4sIIII", tag, place + len(bodies), len(body), plain, sum_)
        bodies += body + bytes(-len(body) % 4)
    head = whole[:8] + struct.pack(">I", place + len(bodies)) + whole[12:44]
    return head + rows + bodies


def woff2(size: int = 600 * MIB) -> bytes:
    whole = built("woff2")
    rest = whole[48:]
    for _ in range(int.from_bytes(whole[12:14], "big")):
        rest = WOFF2DirectoryEntry().fromString(rest)
    packer = brotli.Compressor(quality=1)
    packed = b"".join(packer.process(_ZEROS) for _ in range(size // MIB)) + packer.finish()
    head = bytearray(whole[: len(whole) - len(rest)])
    padding = bytes(-len(packed) % 4)
    struct.pack_into(">I", head, 20, len(packed))
    struct.pack_into(">I", head, 8, len(head) + len(packed) + len(padding))
    content: bytes = bytes(head) + packed + padding
    return content


def lying_parquet() -> bytes:
    """Its footer counts 2⁵⁵ rows where there are a thousand."""
    buffer = io.BytesIO()
    pl.DataFrame({"a": range(1000)}).write_parquet(buffer)
    data = buffer.getvalue()
    (length,) = struct.unpack("<I", data[-8:-4])
    footer = data[-8 - length : -8]
    lie = footer.replace(b"\xd0\x0f", b"\xfe\xff\xff\xff\xff\xff\xff\x7f")
    assert lie != footer
    return data[: -8 - length] + lie + struct.pack("<I", len(lie)) + b"PAR1"


def lying_arrow() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame({"a": range(1000)}).write_ipc(buffer)
    return buffer.getvalue().replace(struct.pack("<q", 1000), struct.pack("<q", 1 << 60))


def computing_database() -> bytes:
    """A column that each row computes anew, a gigabyte long."""
    with tempfile.NamedTemporaryFile(suffix=".sqlite") as file:
        connection = sqlite3.connect(file.name)
        made = "b GENERATED ALWAYS AS (zeroblob(1000000000)) VIRTUAL"
        connection.execute(f"CREATE TABLE t (a INTEGER, {made})")
        connection.executemany("INSERT INTO t (a) VALUES (?)", [(n,) for n in range(1000)])
        connection.commit()
        connection.close()
        return Path(file.name).read_bytes()


def repeating_ods() -> bytes:
    """One row and one cell, each said to be there as often as there is room."""
    with zipfile.ZipFile(io.BytesIO(ods("A", [["a", 1]]))) as archive:
        parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
    content = parts["content.xml"]
    assert isinstance(content, bytes)
    row, cell = b"<table:table-row", b'office:value-type="float"'
    content = content.replace(row, row + b' table:number-rows-repeated="1048576"')
    content = content.replace(cell, b'table:number-columns-repeated="16384" ' + cell)
    return zipped({**parts, "content.xml": content})


def wide_xlsx(cell: str) -> bytes:
    head = '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
    rows = f'<row r="1"><c r="A1"><v>1</v></c></row>{cell}'
    sheet = f'{head}spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
    return xlsx({"A": [["a"]]}, more={"xl/worksheets/sheet1.xml": sheet})


CHAPTER = "<itemref idref='a'/>"


def circling_book() -> bytes:
    """Its one chapter is read again and again."""
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfile full-path="b.opf"/></container>',
            "b.opf": "<package><manifest><item id='a' href='a.xhtml'/></manifest><spine>"
            f"{CHAPTER * 19_000}</spine></package>",
            "a.xhtml": f"<body>{'<p>words and words</p>' * 50_000}</body>",
        }
    )


def pdf_stream(size: int = 200 * MIB) -> bytes:
    """A page whose content unpacks to blanks without end."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(size // MIB)) + packer.flush()
    stream = f"<< /Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    return written(
        [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R >>",
            INFO,
            stream + packed.decode("latin-1") + "\nendstream",
        ]
    )


def deep_line(depth: int) -> bytes:
    """JSON that is read, and that the library which reads it does not write."""
    return b'{"a":' + b"[" * depth + b"]" * depth + b"}\n"


def font_of_one_name() -> bytes:
    """Twenty thousand names, all of them the same 65,000 bytes."""
    from fontTools.ttLib import TTFont, newTable

    font = TTFont(sfntVersion="\0\1\0\0")
    table = newTable("name")
    count = 20_000
    record = struct.pack(">HHHHHH", 3, 1, 0x409, 1, 65_000, 0)
    data = struct.pack(">HHH", 0, count, 0) + record * count + b"\0A" * 40_000
    table.compile = lambda _: data
    font["name"] = table
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue()


def svg(body: str) -> bytes:
    space = "http://www.w3.org/2000/svg"
    return f'<svg xmlns="{space}" width="1000" height="1000">{body}</svg>'.encode()


def mail(*headers: str, body: str = "words") -> bytes:
    head = ["From: a@example.org", "To: b@example.org", "Subject: x", *headers]
    return "\n".join([*head, "", body]).encode()


HTML = "Content-Type: text/html"
PARTS = "Content-Type: multipart/mixed; boundary=b"
BLUR = '<feGaussianBlur stdDeviation="5000"/>'
FAR = record(0x05, struct.pack("<IId", 16383, 0, 1.0))

FORM = "<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] %s /Length %d >>\nstream\n%s\nendstream"


def pdf_of_forms() -> bytes:
    """Each form draws the next one ten times, twelve deep."""
    draws = "/F Do " * 10
    inside = "/Resources << /XObject << /F %d 0 R >> >>"
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 6 0 R {inside % 5} >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>"]
    objects += [page, INFO, FORM % (inside % 7, len(draws), draws)]
    objects.append(f"<< /Length {len(draws)} >>\nstream\n{draws}\nendstream")
    objects += [FORM % (inside % number, len(draws), draws) for number in range(8, 19)]
    return written([*objects, FORM % ("", 12, "0 0 9 9 re f")])


def pdf_of_packed_forms() -> bytes:
    """The same, with what they say compressed, and their resources in objects of their own."""
    packed = zlib.compress(b"/F Do " * 10).decode("latin-1")
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>"]
    box = "/MediaBox [0 0 9 9] /Contents 5 0 R"
    objects += [f"<< /Type /Page /Parent 2 0 R {box} /Resources 6 0 R >>", INFO]
    objects.append("<< /Length 6 >>\nstream\n/F Do \nendstream")
    for number in range(6, 30, 2):
        objects.append(f"<< /XObject {number + 100} 0 R >>")
        form = FORM % (f"/Resources {number + 2} 0 R /Filter /FlateDecode", len(packed), packed)
        objects.append(form)
    objects += [FORM % ("", 12, "0 0 9 9 re f")] * (106 - 1 - len(objects))
    for number in range(6, 32, 2):
        objects += [f"<< /F {number + 1} 0 R >>", "null"]
    return written(objects)


def pdf_of_forms_in_a_circle() -> bytes:
    """Two that draw each other without an end."""
    inside = "/Resources << /XObject << /F %d 0 R >> >>"
    page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 7 0 R {inside % 5} >>"
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Count 1 /Kids [3 0 R] >>"]
    objects += [page, INFO, FORM % (inside % 6, 6, "/F Do "), FORM % (inside % 5, 6, "/F Do ")]
    return written([*objects, "<< /Length 6 >>\nstream\n/F Do \nendstream"])


# {a name: (what makes it, step, the code that it ends with or None, a part of what is said)}
BOMBS: dict[str, tuple[Callable[[], bytes], str, str | None, str]] = {
    "overlap.zip": (overlapping_zip, "archive", "bad_file", "looks like a bomb"),
    "a.zst": (zstd, "archive", "bad_file", "looks like a bomb"),
    "a.7z": (seven_zip, "archive", None, ""),
    "empty-members.gz": (lambda: gzip.compress(b"") * 200_000, "archive", None, ""),
    "a.woff": (woff, "font", "bad_file", "more than 256 MiB"),
    "a.woff2": (woff2, "font", "bad_file", "more than 256 MiB"),
    "a.parquet": (lying_parquet, "columnar", "bad_file", "rows"),
    "a.arrow": (lying_arrow, "columnar", "bad_file", "can't be read"),
    "a.sqlite": (computing_database, "database", "bad_file", "too big"),
    "a.ods": (repeating_ods, "workbook", "bad_file", "more cells than"),
    "a.xlsx": (
        lambda: wide_xlsx(
            '<row  spans="1:2" r = "1048576"><c s="1"  r = \'XFD1048576\'><v>1</v></c></row>'
        ),
        *("workbook", None, ""),
    ),
    "a.xlsb": (lambda: xlsb({"A": [["a"]]}, more=row_header(1048575) + FAR), "workbook", None, ""),
    "a.epub": (circling_book, "office", None, ""),
    "a.pdf": (pdf_stream, "pdf", None, ""),
    "forms.pdf": (pdf_of_forms, "pdf", "bad_file", "draw each other"),
    "packed-forms.pdf": (pdf_of_packed_forms, "pdf", "bad_file", "draw each other"),
    "circle.pdf": (pdf_of_forms_in_a_circle, "pdf", None, ""),
    "names.ttf": (font_of_one_name, "font", "bad_file", "16 MiB"),
    "deep.ndjson": (lambda: deep_line(900) * 300, "json-lines", None, ""),
    "deep-enough.json": (lambda: deep_line(900), "data", None, ""),
    "dotted.toml": (lambda: b".".join([b"a"] * 100_000) + b" = 1\n", "data", None, ""),
    "deep.toml": (lambda: b"a = " + b"[" * 100_000 + b"]" * 100_000, "data", None, ""),
    "deep.yaml": (lambda: b"[" * 200_000, "data", None, ""),
    "alias.yaml": (lambda: b"a: &a [x]\nb: [" + b"*a," * 100_000 + b"]\n", "data", None, ""),
    "deep.json": (lambda: b'{"a":' * 500_000, "data", None, ""),
    "digits.json": (lambda: b"[" + b"1" * 3_000_000 + b"]", "data", None, ""),
    "keys.json": (
        lambda: json.dumps({f"k{n}": n for n in range(200_000)}).encode(),
        "data",
        None,
        "",
    ),
    "blur.svg": (
        lambda: svg(
            f'<filter id="f">{BLUR * 200}</filter><rect width="9" height="9" filter="url(#f)"/>'
        ),
        *("image", "bad_file", "200 steps"),
    ),
    "deep.svg": (
        lambda: svg("<g>" * 200_000 + "</g>" * 200_000),
        "image",
        "bad_file",
        "can't be read",
    ),
    "subject.eml": (lambda: mail("Subject: " + "=?utf-8?q?a?= " * 200_000), "mail", None, ""),
    "parameters.eml": (
        lambda: mail("Content-Type: text/plain;" + "".join(f" a*{n}*=b;" for n in range(100_000))),
        *("mail", "bad_file", "16 KiB"),
    ),
    "parts.eml": (
        lambda: mail(PARTS, body="--b\n\nx\n" * 300_000),
        "mail",
        "bad_file",
        "boundaries",
    ),
    "deep.eml": (lambda: mail(HTML, body="words" + "<div>" * 300_000), "mail", None, ""),
    "attributes.eml": (
        lambda: mail(HTML, body=f"words<p {' '.join(f'a{n}=x' for n in range(300_000))}>"),
        *("mail", None, ""),
    ),
    "tangled.eml": (
        lambda: mail(HTML, body="words" + "<b><i><a href=x>" * 50_000),
        "mail",
        None,
        "",
    ),
    "deep.md": (lambda: b"# words\n\n" + b"<div>" * 300_000, "markdown", None, ""),
}
