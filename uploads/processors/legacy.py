"""The OLE compound files of Word and PowerPoint 97."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from uploads.processors import word97
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.markdown import Markdown


def ole(ctx: Context, out: Markdown) -> dict[str, Any]:
    """The formats of 1997: their properties and streams, and the text of documents and
    presentations; `text_read` is false where it is locked, or older still.
    """
    import olefile

    try:
        with olefile.OleFileIO(ctx.path.read_bytes()) as opened:
            names = ["/".join(parts) for parts in opened.listdir()[:500]]
            properties = opened.get_metadata()
            slides = _text(opened, names, out)
    except Exception as error:  # olefile raises whatever broken sectors lead to
        raise BadFile("The document can't be read: its sectors are damaged.") from error
    if not names:
        raise BadFile("The document can't be read: its directory is damaged.")
    fields = {
        "title": properties.title,
        "author": properties.author,
        "last_modified_by": properties.last_saved_by,
        "application": properties.creating_application,
        "created": properties.create_time,
        "modified": properties.last_saved_time,
        "pages": properties.num_pages,
        "words": properties.num_words,
        "slides": properties.slides,
    }
    return {
        "format": {"application/msword": "doc", "application/vnd.ms-powerpoint": "ppt"}.get(
            ctx.media_type, "ole"
        ),
        "metadata": {
            name: clip(words, 300)
            for name, value in fields.items()
            if value and (words := _plain(value, properties.codepage))
        },
        "slides": slides or (properties.slides if isinstance(properties.slides, int) else None),
        "macros": any("VBA" in name or "Macros" in name for name in names),
        "embedded": sum(name.startswith("ObjectPool/") for name in names),
        "streams": [clip(name, 100) for name in names[:100]],
        "text_read": slides is not None,
    }


def _text(opened: Any, names: list[str], out: Markdown) -> int | None:
    """Write the text; the number of slides (0 for a document), None where it can't be read."""
    try:
        if "WordDocument" in names:
            document = opened.openstream("WordDocument").read()
            table = opened.openstream(word97.table_of(document)).read()
            word97.write_document(document, table, out)
            return 0
        if "PowerPoint Document" in names:
            return word97.write_presentation(opened.openstream("PowerPoint Document").read(), out)
    except (word97.Unreadable, OSError):  # olefile: a stream is not there
        pass
    return None


# Numbers of code pages that Python knows by another name; properties keep them in 16 bits, signed.
_PAGES = {65001: "utf-8", 1200: "utf-16-le", 10000: "mac-roman", 20127: "ascii"}
_NEVER = 1601  # the year where the clock of Windows begins


def _plain(value: Any, page: int | None) -> str:
    if isinstance(value, datetime):
        return value.isoformat() if value.year > _NEVER else ""
    if not isinstance(value, bytes):
        return str(value)
    number = (page or 1252) & 0xFFFF
    try:
        return value.decode(_PAGES.get(number, f"cp{number}"), "replace")
    except LookupError:
        return value.decode("cp1252", "replace")
