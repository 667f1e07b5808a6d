"""A file's media type comes from its content; its name only helps among what the content allows."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import pytest

from uploads.processors.media_types import BY_EXTENSION, KINDS, MEDIA_TYPES

MAIL = "From: a@example.org\nTo: b@example.org\nSubject: Hi\n\nHello\n"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def zipped(*names: str, first: tuple[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if first:
            archive.writestr(*first)
        for name in names:
            archive.writestr(name, "x" * 5000)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO())
    return buffer.getvalue()


BINARY = [
    (b"\x89PNG\r\n\x1a\n" + bytes(20), "image/png"),
    (b"\xff\xd8\xff\xe0" + bytes(20), "image/jpeg"),
    (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    (b"RIFF\x10\0\0\0WAVEfmt ", "audio/wav"),
    (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "image/avif"),
    (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif"),
    (b"\0\0\0\x18ftypheic\0\0\0\0heic", "image/heic"),
    (b"\0\0\0\x18ftypM4A \0\0\0\0mp42", "audio/mp4"),
    (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "video/mp4"),
    (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "video/quicktime"),
    (b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm" + bytes(20), "video/webm"),
    (b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska" + bytes(20), "video/x-matroska"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
    (zipped("a.txt"), "application/zip"),
    (zipped("[Content_Types].xml", "word/document.xml"), WORD),
    (zipped("docProps/app.xml", *(f"x{n}" for n in range(40)), "xl/workbook.xml"), SHEET),
    (zipped(first=("mimetype", "application/epub+zip")), "application/epub+zip"),
    (
        zipped(first=("mimetype", "application/vnd.oasis.opendocument.text")),
        "application/vnd.oasis.opendocument.text",
    ),
    (zipped("META-INF/MANIFEST.MF"), "application/java-archive"),
    (gzip.compress(b"hello"), "application/gzip"),
    (bz2.compress(b"hello"), "application/x-bzip2"),
    (lzma.compress(b"hello"), "application/x-xz"),
    (tarred(), "application/x-tar"),
    (b"7z\xbc\xaf\x27\x1c\0\x04", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x01\0", "application/vnd.rar"),
    (b"SQLite format 3\0" + bytes(90), "application/vnd.sqlite3"),
    (b"PAR1" + bytes(20) + b"PAR1", "application/vnd.apache.parquet"),
    (b"\x7fELF\x02\x01\x01" + bytes(60), "application/x-executable"),
    (b"\0asm\x01\0\0\0", "application/wasm"),
    (b"\xca\xfe\xba\xbe\0\0\0\x41" + bytes(20), "application/java-vm"),
    (b"OTTO\0\x0a" + bytes(60), "font/otf"),
    (b"II*\0\x08\0\0\0\0\0", "image/tiff"),
    (b"ID3\x04\0\0" + bytes(40), "audio/mpeg"),
    (b"OggS\0\x02" + bytes(22) + b"\x01\x13OpusHead", "audio/ogg"),
    (bytes(range(256)) * 4, "application/octet-stream"),
    (bytes(100), "application/octet-stream"),
]

TEXTUAL = [
    ("Hello there, this is a note.\n", "note.txt", "text/plain"),
    ("Hello there", "", "text/plain"),
    ("Grüße aus Köln und Übersee".encode("cp1252").decode("latin-1"), "", "text/plain"),
    ("a,b,c\n1,2,3\n4,5,6\n", "", "text/csv"),
    ("a,b,c\n1,2,3\n4,5,6\n", "notes.txt", "text/plain"),
    ("just one column\n", "x.csv", "text/csv"),
    ("a\tb\n1\t2\n3\t4\n", "", "text/tab-separated-values"),
    ('{"a": [1, 2]}', "", "application/json"),
    ('{"a": [1, 2}', "x.json", "application/json"),
    ('{"a": 1}\n{"a": 2}\n', "", "application/x-ndjson"),
    ('{"a": 1}\n{"a": 2}\n', "x.json", "application/x-ndjson"),
    ('{"a": 1}\n{"a": 2\n', "x.json", "application/json"),
    ("<?xml version='1.0'?>\n<a/>", "", "application/xml"),
    ("<!DOCTYPE html><html></html>", "", "text/html"),
    ("<?xml version='1.0'?><!-- c --><svg xmlns='x'/>", "", "image/svg+xml"),
    ("#!/usr/bin/env python3\nprint(1)\n", "run", "text/x-python"),
    ("def f():\n    return 1\n", "a.py", "text/x-python"),
    ("name: x\nlist:\n  - 1\n", "a.yml", "application/yaml"),
    ("---\nname: x\n", "", "application/yaml"),
    ('[a]\nb = "c"\n', "a.toml", "application/toml"),
    ("# Title\n\nText\n", "README.md", "text/markdown"),
    (MAIL, "", "message/rfc822"),
    ("From a@example.org Mon Jan  1 00:00:00 2024\n" + MAIL, "", "application/mbox"),
    ("{\\rtf1 Hello}", "", "application/rtf"),
    ("2024-05-01 12:00:00 INFO started\n" * 5, "", "text/x-log"),
    ("FROM debian\nRUN true\n", "Dockerfile", "text/x-dockerfile"),
    ("BM25 is a ranking function\n", "x.txt", "text/plain"),
    ("ID3 tags are found in music\n", "", "text/plain"),
    ("P3 is a post code\n", "", "text/plain"),
    ("P3\n1 1\n255\n1 2 3\n", "x.ppm", "image/x-portable-anymap"),
]


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("city\tpeople\nBern\t1\nChur\t2\n", "report.xls", "text/tab-separated-values"),
        ("<html><body><table></table></body></html>", "report.xls", "text/html"),
        ("namespace eval ::tk {}\n", "en_gb.msg", "text/plain"),
        ("just a note\n", "x.db", "text/plain"),
        ("just a note\n", "x.parquet", "text/plain"),
    ],
)
def test_a_text_is_no_workbook_whatever_its_name_says(take, content, name, expected):
    found = take(content, name)
    assert found.media_type == expected
    assert found["identify"]["extension_matches"] is False


@pytest.mark.parametrize(
    "content", ["42", "true", '"a word"', "// settings\n{}", '/* more\n */ {"a": 1}']
)
def test_a_single_value_and_settings_with_comments_are_json_where_the_name_says_so(take, content):
    assert take(content, "settings.json").media_type == "application/json"
    assert take(content, "settings").media_type == "text/plain"


def test_a_log_may_be_written_in_any_form(take):
    found = take('{"level": "info"}\n' * 3, "app.log")
    assert found.media_type == "application/x-ndjson"
    assert found["identify"]["extension_matches"] is True


@pytest.mark.parametrize(("content", "expected"), BINARY, ids=map(str, range(len(BINARY))))
def test_binary_content_decides_whatever_the_name_says(take, content, expected):
    assert take(content, "holiday.txt").media_type == expected


@pytest.mark.parametrize(
    ("content", "name", "expected"), TEXTUAL, ids=map(str, range(len(TEXTUAL)))
)
def test_text_takes_its_name_as_a_hint_only_where_the_content_allows_it(
    take, content, name, expected
):
    assert take(content.encode("latin-1"), name).media_type == expected


@pytest.mark.parametrize(
    "coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]
)
def test_text_is_text_in_any_encoding(take, coding):
    assert take("Héllo wörld, this is a text\n".encode(coding)).media_type == "text/plain"


@pytest.mark.parametrize(
    ("content", "name", "matches"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "photo.png", True),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "photo.JPG", False),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "photo", True),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "photo.v2", True),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "data.csv", False),
        (b'{"error": "no"}', "data.csv", False),
        (b"a,b\n1,2\n", "data.json", False),
        (zipped("word/document.xml"), "letter.zip", True),
        (zipped("a.txt"), "letter.docx", False),
        (b"%PDF-1.4\n", "x.doc", False),
        (b'{"a": 1}', "x.txt", True),
        (b"", "x.csv", True),
    ],
)
def test_a_wrong_extension_is_said(take, content, name, matches):
    assert take(content, name)["identify"]["extension_matches"] is matches


def test_what_it_really_is_is_said(take):
    found = take(b"%PDF-1.4\n", "x.docx")["identify"]
    assert found["description"] == "PDF document"
    assert found["expected"] == ["pdf"]
    assert found["kind"] == "pdf"


def test_an_empty_file_has_a_type_of_its_own(take):
    found = take(b"", "x.csv")
    assert found["identify"]["media_type"] == "application/x-empty"
    assert found["identify"]["kind"] == "other"
    assert found["binary"]["empty"] is True
    assert found["checksum"]["sha256"].startswith("e3b0c442")


def test_the_table_is_whole():
    assert {row.kind for row in MEDIA_TYPES.values()} == set(KINDS)
    assert all(row.description for row in MEDIA_TYPES.values())
    assert all(extension == extension.lower() for extension in BY_EXTENSION)


def test_a_deep_json_text_does_not_exhaust_the_stack(take):
    assert take("[" * 50_000, "deep").media_type == "text/plain"
    assert take(json.dumps([1]), "x").media_type == "application/json"
