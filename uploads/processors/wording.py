"""What a text is: which textual media type its content has, with the extension as a hint.

The hint decides only among types that the content allows: anything can be a note or a program, but
only what begins like JSON can be JSON.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable

from uploads.processors.media_types import BY_EXTENSION, MEDIA_TYPES, TEXT

SAMPLE = 64 * 1024  # characters
PROLOG = 8192  # characters within which the first element must begin
JSON_LINES = "application/x-ndjson"  # which many programs call .json
TEXTUAL_KINDS = ("text", "code", "data", "table", "mail")
# Of these kinds, but never text: what a program exports as .xls is often a web page, or a table.
BINARY = frozenset(
    [
        "application/vnd.apache.arrow.file",
        "application/vnd.apache.arrow.stream",
        "application/vnd.apache.parquet",
        "application/vnd.ms-excel",
        "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        "application/vnd.ms-outlook",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.sqlite3",
    ]
)

_MAIL_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}:[ \t]?")
_MAIL_KNOWN = frozenset(
    [
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "received",
        "return-path",
        "mime-version",
        "delivered-to",
        "content-type",
        "reply-to",
        "sender",
        "dkim-signature",
    ]
)
_LOG_LINE = re.compile(
    r"(?:\x1b\[[0-9;]*m)*"
    r"(?:"
    r"\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d"
    r"|\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    r"|\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d"
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d\."
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d "
    r"|\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}:"
    r"|\[?\d\d:\d\d:\d\d[\].,]"
    r"|(?:DEBUG|INFO|WARN|WARNING|ERROR|FATAL|CRITICAL|TRACE)\b[:\] ]"
    r")"
)
_INTERPRETERS = (
    ("python", "text/x-python"),
    ("bash", "text/x-shellscript"),
    ("sh", "text/x-shellscript"),
    ("node", "text/javascript"),
    ("perl", "text/x-perl"),
    ("ruby", "text/x-ruby"),
    ("php", "text/x-php"),
    ("lua", "text/x-lua"),
)
_LITERALS = (
    ("%!PS-Adobe", "application/postscript"),
    ("{\\rtf", "application/rtf"),
    ("BEGIN:VCALENDAR", "text/calendar"),
    ("BEGIN:VCARD", "text/vcard"),
    ("WEBVTT", "text/vtt"),
    ("-----BEGIN ", "application/x-pem-file"),
    ("#EXTM3U", "application/vnd.apple.mpegurl"),
    ("diff --git ", "text/x-diff"),
    ("%YAML ", "application/yaml"),
    ("<?php", "text/x-php"),
)


def textual_media_type(text: str, extension: str, *, whole: bool) -> str:
    """The media type of a text from its first characters; `whole` where they are all of it."""
    text = text.lstrip("\ufeff")
    shape = _shape(text, whole=whole)
    hints = [
        hint
        for hint in BY_EXTENSION.get(extension, ())
        if (MEDIA_TYPES[hint].kind in TEXTUAL_KINDS or hint in SHAPED) and hint not in BINARY
    ]
    if shape in hints or (shape == JSON_LINES and "application/json" in hints):
        return shape
    for hint in hints:
        if hint == TEXT or (hint in SHAPED and SHAPED[hint](text)):
            return hint
        if hint not in SHAPED and not (shape and _contradicts(hint, shape)):
            return hint
    return shape or _unnamed(text)


def _contradicts(hint: str, shape: str) -> bool:
    """Whether a text of that shape is surely not what its extension says: a web page as a table."""
    if MEDIA_TYPES[hint].kind == "code":
        return shape in (
            "application/json",
            "message/rfc822",
            "application/rtf",
            "text/calendar",
            "text/vcard",
        )
    return shape not in ("text/x-log", "text/csv", "text/tab-separated-values", "application/yaml")


def _shape(text: str, *, whole: bool) -> str | None:
    """The type that the content alone gives away, or None."""
    stripped = text.lstrip()
    for words, media_type in _LITERALS:
        if stripped.startswith(words):
            return media_type
    if stripped.startswith("#!"):
        return _script(stripped)
    if stripped.startswith("<"):
        return _markup(stripped)
    if stripped.startswith(("{", "[")):
        return _json(stripped, whole=whole)
    if text.startswith("From ") and is_mail(text.partition("\n")[2]):
        return "application/mbox"
    return "message/rfc822" if is_mail(text) else None


def _script(text: str) -> str:
    line = text.partition("\n")[0]
    return next(
        (media_type for word, media_type in _INTERPRETERS if word in line), "text/x-shellscript"
    )


def _markup(text: str) -> str | None:
    rest, is_xml = _after_prolog(text[:PROLOG])
    if rest.lower().startswith("<!doctype html") and not is_xml:
        return "text/html"
    root = re.match(r"<(?:[\w.-]+:)?([\w.-]+)", rest)
    if root is None:
        return "application/xml" if is_xml else None
    name = root.group(1).lower()
    if name == "svg":
        return "image/svg+xml"
    if name in ("html", "head", "body") and not is_xml:
        return "text/html"
    if name == "document" and (flat := _FLAT.search(rest)):
        return f"{flat[1]}-flat-xml"
    closes = re.search(r"</[\w:.-]+>\s*$", text) is not None
    return "application/xml" if is_xml or closes or "xmlns" in rest[:1000] else None


_FLAT = re.compile(
    r"office:mimetype=.(application/vnd\.oasis\.opendocument"
    r"\.(?:text|presentation|graphics|spreadsheet))\b"
)


def _after_prolog(text: str) -> tuple[str, bool]:
    """The text from its first element on, and whether an XML declaration stands before it."""
    is_xml = text.startswith("<?xml")
    while text.startswith(("<?", "<!")) and not text.lower().startswith("<!doctype html"):
        end = (
            "?>" if text[1] == "?" else "-->" if text.startswith("<!--") else _end_of_doctype(text)
        )
        before, found, text = text.partition(end)
        if not found:
            return before, is_xml
        text = text.lstrip()
    return text, is_xml


def _end_of_doctype(text: str) -> str:
    subset = text.find("[")
    return "]>" if 0 <= subset < text.find(">") else ">"


def _json(text: str, *, whole: bool) -> str | None:
    lines = [line for line in text.split("\n", 20)[:20] if line.strip()]
    complete = lines if whole and len(lines) < 20 else lines[:-1]
    if len(complete) >= 2 and all(_parses(line) for line in complete[:10]):
        return JSON_LINES
    if whole:
        return "application/json" if _parses(text) else None
    return "application/json" if begins_like_json(text) else None


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def begins_like_json(text: str) -> bool:
    return (
        re.match(r"\s*(?:\{\s*(?:\"|\}|$)|\[\s*(?:[\[{\"\]\d-]|true|false|null|$))", text)
        is not None
    )


def is_mail(text: str) -> bool:
    """Whether the text begins with header fields (RFC 5322 §2.2), three of them well known."""
    known = set()
    for line in text.split("\n", 60)[:60]:
        if not line.strip():
            break
        if line[0] in " \t":
            continue
        if not _MAIL_FIELD.match(line):
            return False
        known.add(line.partition(":")[0].lower())
    return len(known & _MAIL_KNOWN) >= 3


def _unnamed(text: str) -> str:
    """For a text whose extension says nothing: a log, a table, YAML, or just text."""
    lines = [line for line in text.split("\n", 40)[:40] if line.strip()]
    if text.startswith("---\n") and re.search(r"^[\w-]+:(\s|$)", text, re.MULTILINE):
        return "application/yaml"
    if len(lines) >= 4 and sum(bool(_LOG_LINE.match(line)) for line in lines) > 0.7 * len(lines):
        return "text/x-log"
    for delimiter, media_type in (
        ("\t", "text/tab-separated-values"),
        (",", "text/csv"),
        (";", "text/csv"),
    ):
        if _is_regular(lines[: 40 if len(lines) < 40 else -1], delimiter):
            return media_type
    return TEXT


def _is_regular(lines: list[str], delimiter: str) -> bool:
    """At least three lines, all cut by the delimiter into the same number of fields."""
    if len(lines) < 3 or delimiter not in lines[0]:
        return False
    try:
        widths = {len(row) for row in csv.reader(lines, delimiter=delimiter)}
    except csv.Error:
        return False
    return len(widths) == 1 and min(widths) >= (2 if delimiter == "\t" else 3)


def _may_be_json(text: str) -> bool:
    """A document, however broken, a single value, or what begins with a comment, as settings of
    programs do.
    """
    rest = re.sub(r"\A(?:\s|//[^\n]*\n|/\*.*?\*/)+", "", text, flags=re.DOTALL)
    opens = rest.startswith(("{", "[")) and not rest.startswith("{\\rtf")
    return opens or re.match(_VALUE, rest) is not None


_VALUE = re.compile(r'(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|"[^"\n]*")\s*\Z')

# What a text must begin with to be what its extension says.
SHAPED: dict[str, Callable[[str], bool]] = {
    "application/json": _may_be_json,
    "application/x-ndjson": begins_like_json,
    "application/x-ipynb+json": lambda text: (
        text.lstrip().startswith("{") and '"cell_type"' in text
    ),
    "application/xml": lambda text: text.lstrip().startswith("<"),
    "image/svg+xml": lambda text: "<svg" in text[:8192].lower(),
    "text/html": lambda text: "<" in text[:8192],
    "message/rfc822": is_mail,
    "application/mbox": lambda text: text.startswith("From "),
    "application/rtf": lambda text: text.startswith("{\\rtf"),
    "application/postscript": lambda text: text.startswith("%!"),
    "application/x-pem-file": lambda text: (
        "-----BEGIN " in text or text.startswith(("ssh-", "ecdsa-"))
    ),
    "text/calendar": lambda text: text.startswith("BEGIN:VCALENDAR"),
    "text/vcard": lambda text: text.startswith("BEGIN:VCARD"),
    "text/vtt": lambda text: text.startswith("WEBVTT"),
    "application/vnd.apple.mpegurl": lambda text: True,
}
