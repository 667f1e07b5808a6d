"""The identify step: decides a file's media type and kind, from its content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uploads.processors import containers, encoding, media_types, signatures, wording
from uploads.processors.context import Context
from uploads.processors.registry import processor

START = 128 * 1024  # bytes read from the beginning
DIRECTORY = 4096  # bytes read of one that lies in between
END = 256 * 1024  # bytes read from the end: a zip's directory is there


@processor(name="identify", accepts=["*/*"], version=3, light=True)
def identify(ctx: Context) -> dict[str, Any]:
    """{media_type, kind, description, extension, extension_matches, expected}

    `extension_matches` is False where the name's extension belongs to something else; `expected`
    lists the extensions that the content goes by.
    """
    head = read_head(ctx.path)
    ctx.progress(0, min(head.size, START), "bytes")
    extension = media_types.extension_of(ctx.name)
    media_type = media_type_of(head, extension)
    row = media_types.describe(media_type)
    ctx.progress(min(head.size, START), min(head.size, START), "bytes")
    return {
        "media_type": media_type,
        "kind": row.kind,
        "description": row.description,
        "extension": extension,
        "extension_matches": extension_matches(extension, media_type),
        "expected": list(row.extensions[:4]),
    }


def read_head(path: Path) -> signatures.Head:
    with path.open("rb") as file:
        start = file.read(START)
        size = file.seek(0, 2)
        if size <= START:
            return signatures.Head(start, start, size)
        file.seek(max(0, size - END))
        end = file.read(END)
        place = containers.ole_directory(start)
        file.seek(place)
        return signatures.Head(start, end, size, file.read(DIRECTORY) if place else b"")


def media_type_of(head: signatures.Head, extension: str) -> str:
    """The media type of content, with the extension as a hint among textual types only."""
    if head.size == 0:
        return media_types.EMPTY
    found = signatures.media_type_of(head)
    if found and not _is_rather_text(found, head):
        return found
    if encoding.looks_like_text(head.start):
        coding = encoding.by_mark(head.start)
        name = coding.name if coding else _cheap_encoding(head.start)
        text = head.start.decode(name, "replace")[: wording.SAMPLE]
        binary = next((found for rule in signatures.TEXTUAL if (found := rule(head))), None)
        if binary and extension in media_types.MEDIA_TYPES[binary].extensions:
            return binary
        return wording.textual_media_type(
            text, extension, whole=head.size <= min(START, wording.SAMPLE)
        )
    return (
        found
        or _behind_something(head)
        or next((found for rule in signatures.TEXTUAL if (found := rule(head))), media_types.BINARY)
    )


def _behind_something(head: signatures.Head) -> str | None:
    """What may begin later: a zip behind a program, a PDF behind what a printer or a server said
    (readers look for it in the first 1,024 bytes).
    """
    if containers.ends_as_zip(head.end):
        return containers.zip_media_type(head.start, head.end, head.size)
    return "application/pdf" if b"%PDF-" in head.start[:1024] else None


# Made of letters, so that a text may begin with them by chance.
_LETTERS = {
    "application/vnd.ms-fontobject",
    "application/x-bzip2",
    "application/x-cpio",
    "application/x-lha",
    "application/x-orc",
    "application/x-shockwave-flash",
    "audio/mpeg",
    "audio/x-ape",
    "font/ttf",
    "image/qoi",
}


def _is_rather_text(found: str, head: signatures.Head) -> bool:
    return found in _LETTERS and encoding.looks_like_text(head.start)


def _cheap_encoding(start: bytes) -> str:
    """Good enough to look at structure: which letters the high bytes are doesn't matter here."""
    if encoding.is_utf8(start):
        return "utf-8"
    if b"\0" in start[:4096]:
        return "utf-16-le" if start[:4096:2].count(0) < start[1:4096:2].count(0) else "utf-16-be"
    return "cp1252"


def extension_matches(extension: str, media_type: str) -> bool:
    """False only where the extension is known, and belongs to something else."""
    claimed = media_types.BY_EXTENSION.get(extension)
    if media_type == media_types.EMPTY or not claimed or media_type in claimed:
        return True
    if extension == "log":  # programs write theirs in any form
        return media_types.describe(media_type).kind in wording.TEXTUAL_KINDS
    parent = media_types.CONTAINERS.get(extension)
    return parent is not None and _is_made_of(media_type, parent)


def _is_made_of(media_type: str, parent: str) -> bool:
    if parent == media_types.TEXT:
        return media_types.describe(media_type).kind in wording.TEXTUAL_KINDS
    if parent == "application/zip":
        return "openxml" in media_type or "opendocument" in media_type or media_type in _ZIPS
    if parent == "application/json":
        return media_type == wording.JSON_LINES
    return parent == "application/xml" and media_type in ("image/svg+xml", "text/html")


_ZIPS = {
    "application/epub+zip",
    "application/java-archive",
    "application/vnd.android.package-archive",
}
