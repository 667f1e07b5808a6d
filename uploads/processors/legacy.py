"""Documents of older make: rich text, and the OLE compound files of Word and PowerPoint 97."""

from __future__ import annotations

import re
from typing import Any

from uploads.processors import word97
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.markdown import Markdown

RTF_BYTES = 16 * 1024 * 1024


def rtf(ctx: Context, out: Markdown) -> dict[str, Any]:
    """Rich text (RTF 1.9.1). Raises BadFile."""
    from striprtf.striprtf import rtf_to_text

    if ctx.size > RTF_BYTES:
        raise BadFile(f"The rich text is larger than {RTF_BYTES // 1024**2} MiB.")
    source = ctx.path.read_bytes().decode("latin-1")
    try:
        read: Any = rtf_to_text
        text = str(read(source, errors="replace"))
    except Exception as error:  # striprtf raises whatever broken control words lead to
        raise BadFile("The rich text can't be read: its control words are broken.") from error
    for line in text.split("\n"):
        out.paragraph(line)
    info = {
        ours: clip(found[1].strip(), 300)
        for word, ours in (("title", "title"), ("author", "author"), ("company", "company"))
        if (found := re.search(r"\{\\" + word + r" ([^{}\\]{1,300})\}", source[:100_000]))
    }
    return {
        "format": "rtf",
        "metadata": info,
        "pictures": source.count("{\\pict"),
        "embedded": source.count("{\\object"),
    }


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
        "metadata": {name: clip(_plain(value), 300) for name, value in fields.items() if value},
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


def _plain(value: Any) -> str:
    return value.decode("cp1252", "replace") if isinstance(value, bytes) else str(value)
