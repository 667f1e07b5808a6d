"""The office step: documents and presentations as Markdown, with what hides in them named."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from typing import Any, TypeVar

from uploads.processors import books, legacy, pixels, zips
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.documents import Fields, Links, Notes, Slide, Target, Word, parse
from uploads.processors.failures import BadFile
from uploads.processors.markdown import Markdown
from uploads.processors.open_document import OpenDocument
from uploads.processors.registry import processor
from uploads.processors.rich_text import rich_text

PART = 256 * 1024 * 1024  # bytes that one part may unpack to
SMALL_PART = 4 * 1024 * 1024
SLIDES = 2000
THUMBNAIL = 320
FIRST = 64 * 1024  # bytes of a flat document: its properties come first
BLOCK = 256 * 1024
PICTURE = 32 * 1024 * 1024  # bytes of a preview that lies inside

T = TypeVar("T", bound=Target)

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."

LOCKED = "application/x-ooxml-protected"
FLAT = tuple(f"{_ODF}{what}-flat-xml" for what in ("text", "presentation", "graphics"))

_PROPERTIES = {
    "title": "title",
    "initial-creator": "author",
    "creator": "author",
    "lastModifiedBy": "last_modified_by",
    "subject": "subject",
    "keywords": "keywords",
    "keyword": "keywords",
    "description": "description",
    "language": "language",
    "created": "created",
    "creation-date": "created",
    "modified": "modified",
    "date": "modified",
    "Application": "application",
    "generator": "application",
    "Pages": "pages",
    "Company": "company",
    "revision": "revision",
}


@processor(
    name="office",
    accepts=[
        f"{_OOXML}wordprocessingml.document",
        f"{_OOXML}presentationml.presentation",
        f"{_ODF}text",
        f"{_ODF}presentation",
        f"{_ODF}graphics",
        "application/epub+zip",
        "application/rtf",
        "application/msword",
        "application/vnd.ms-powerpoint",
        "application/x-ole-storage",
        LOCKED,
        *FLAT,
    ],
    version=5,
    after=["identify", "checksum"],
)
def office(ctx: Context) -> dict[str, Any]:
    """{format, metadata {title, author, created, …, pages}, words, characters, paragraphs, tables,
    outline [{level, text}], head, text_truncated, slides|null, pictures, comments, changes
    (tracked), macros, embedded, outside_links, locked (with a password)} and text.md;
    thumbnail.webp where the document has a preview inside

    Raises BadFile for a document that is broken or unpacks without end.
    """
    if ctx.size == 0:
        return {"empty": True, "words": 0}
    ctx.progress(0, ctx.size, "bytes")
    with ctx.save("text.md", "text/markdown").open("w", encoding="utf-8", errors="replace") as file:
        out = Markdown(file)
        found = _READERS[ctx.media_type](ctx, out)
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {**NOTHING, **found, **out.result()}


NOTHING: dict[str, Any] = {
    "metadata": {},
    "slides": None,
    "pictures": 0,
    "comments": 0,
    "changes": 0,
    "macros": False,
    "embedded": 0,
    "outside_links": [],
    "locked": False,
}


def _docx(ctx: Context, out: Markdown) -> dict[str, Any]:
    with zips.opened(ctx.path) as archive:
        names = archive.namelist()
        target = Word(out)
        main = next((name for name in names if re.fullmatch(r"word/document\d*\.xml", name)), None)
        if main is None:
            raise BadFile("The document has no text inside.")
        parse(target, zips.blocks(archive, main, PART), "The text")
        _write_notes(archive, names, target)
        return {
            "format": "docx",
            "pictures": target.pictures,
            "comments": target.comments,
            "changes": target.changes,
            **_package(ctx, archive, names),
        }


def _write_notes(archive: zipfile.ZipFile, names: list[str], text: Word) -> None:
    found: dict[str, str] = {}
    for name in ("word/footnotes.xml", "word/endnotes.xml"):
        if text.notes and name in names:
            notes = Notes(Markdown(io.StringIO()))
            parse(notes, zips.blocks(archive, name, PART), "The notes")
            found |= notes.found
    for number, name in enumerate(text.notes, 1):
        text.out.note(number, found.get(name, ""))


def _pptx(ctx: Context, out: Markdown) -> dict[str, Any]:
    with zips.opened(ctx.path) as archive:
        names = archive.namelist()
        slides = sorted(
            (int(found[1]), name)
            for name in names
            if (found := re.fullmatch(r"ppt/slides/slide(\d{1,6})\.xml", name))
        )
        pictures = 0
        for number, (_, name) in enumerate(slides[:SLIDES], 1):
            target = Slide(out, title=f"Slide {number}")
            parse(target, zips.blocks(archive, name, PART), f"Slide {number}")
            pictures += target.pictures
            notes = name.replace("slides/slide", "notesSlides/notesSlide")
            if notes in names:
                spoken = Slide(out, title="Notes", notes=True)
                parse(spoken, zips.blocks(archive, notes, PART), f"The notes of slide {number}")
        comments = sum("comments/" in name for name in names)
        return {
            "format": "pptx",
            "slides": len(slides),
            "pictures": pictures,
            "comments": comments,
            **_package(ctx, archive, names),
        }


def _open_document(ctx: Context, out: Markdown) -> dict[str, Any]:
    with zips.opened(ctx.path) as archive:
        names = archive.namelist()
        package = _package(ctx, archive, names)
        found = {"format": _FORMATS[ctx.media_type[len(_ODF) :]], **package}
        if _is_locked(archive, names):
            return found | {"locked": True}
        target = OpenDocument(out)
        parse(target, zips.blocks(archive, "content.xml", PART), "The text")
        return found | _counted(target)


_FORMATS = {
    what + flat: short
    for what, short in (("text", "odt"), ("presentation", "odp"), ("graphics", "odg"))
    for flat in ("", "-flat-xml")
}


def _counted(target: OpenDocument) -> dict[str, Any]:
    links = [clip(link, 200) for link in dict.fromkeys(target.links)]
    return {
        "slides": target.slides or None,
        "pictures": target.pictures,
        "comments": target.comments,
        "changes": target.changes,
        "outside_links": links[:50],
    }


def _is_locked(archive: zipfile.ZipFile, names: list[str]) -> bool:
    """Whether the manifest says that the parts are encrypted (ODF 1.3 part 2, §4.8)."""
    if "META-INF/manifest.xml" not in names:
        return False
    return b"encryption-data" in zips.content(archive, "META-INF/manifest.xml", SMALL_PART)


def _flat(ctx: Context, out: Markdown) -> dict[str, Any]:
    """A document in one piece of XML."""
    if ctx.size > PART:
        raise BadFile(f"The document is larger than {PART // 1024**2} MiB.")
    fields = Fields(Markdown(io.StringIO()))
    with ctx.path.open("rb") as file:
        try:
            # what follows has names and dates of its own
            parse(fields, [file.read(FIRST).partition(b"</office:meta>")[0]], "The beginning")
        except BadFile:
            pass  # it was cut in the middle
    target = OpenDocument(out)
    with ctx.path.open("rb") as file:
        parse(target, iter(lambda: file.read(BLOCK), b""), "The text")
    metadata = _named(fields.found)
    kind = _FORMATS[ctx.media_type[len(_ODF) :]]
    return {"format": f"f{kind}", "metadata": metadata, **_counted(target)}


def _locked(ctx: Context, out: Markdown) -> dict[str, Any]:
    """A document of Microsoft's with a password, of which nothing can be read."""
    return {"format": "locked", "locked": True}


def _package(ctx: Context, archive: zipfile.ZipFile, names: list[str]) -> dict[str, Any]:
    """Properties, powers and the preview of a zip of parts, Microsoft's or OpenDocument's."""
    links: list[str] = []
    for name in names:
        if name.endswith(".rels") and len(links) < 100:
            links += _read_part(archive, name, Links(Markdown(io.StringIO()))).outside
    shown = [clip(link, 200) for link in dict.fromkeys(links) if not link.startswith("mailto:")]
    _preview(ctx, archive, names)
    return {
        "metadata": _metadata(archive, names),
        "macros": any("vbaProject" in name or name.startswith("Basic/") for name in names),
        "embedded": sum("/embeddings/" in name or name.startswith("Object ") for name in names),
        "outside_links": shown[:50],
    }


def _read_part(archive: zipfile.ZipFile, name: str, target: T) -> T:
    parse(target, zips.blocks(archive, name, SMALL_PART), name[:100])
    return target


def _metadata(archive: zipfile.ZipFile, names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("docProps/core.xml", "docProps/app.xml", "meta.xml"):
        if name in names:
            found = _read_part(archive, name, Fields(Markdown(io.StringIO()))).found | found
    return _named(found)


def _named(found: dict[str, str]) -> dict[str, str]:
    if "initial-creator" in found and "creator" in found:  # who wrote it last
        found = found | {"lastModifiedBy": found["creator"]}
    return {
        ours: clip(found[theirs], 300)
        for theirs, ours in reversed(_PROPERTIES.items())
        if theirs in found
    }


def _preview(ctx: Context, archive: zipfile.ZipFile, names: list[str]) -> None:
    """The picture of the first page that some programs put inside; a broken one is left out."""
    for name in names:
        if re.fullmatch(r"docProps/thumbnail\.(jpe?g|png)|Thumbnails/thumbnail\.png", name):
            try:
                show(ctx, zips.content(archive, name, PICTURE))
            except BadFile:
                continue
            return


def show(ctx: Context, picture: bytes) -> None:
    """Save a picture from inside as the file's thumbnail. Raises BadFile where it can't be read."""
    try:
        with pixels.open_with_pillow(io.BytesIO(picture), ("JPEG", "PNG", "GIF", "WEBP")) as opened:
            pixels.check_size(opened.width, opened.height, in_memory=True)
            image = pixels.rgb(opened)
            image.thumbnail((THUMBNAIL, THUMBNAIL))
            coded = pixels.encode(image)
    except pixels.READ_ERRORS as error:
        raise BadFile("The picture inside is broken.") from error
    ctx.save("thumbnail.webp", "image/webp").write_bytes(coded.webp)


def _epub(ctx: Context, out: Markdown) -> dict[str, Any]:
    with zips.opened(ctx.path) as archive:
        book = books.Book(archive)
        for number, chapter in enumerate(book.chapters, 1):
            books.write_chapter(archive, chapter, out)
            ctx.progress(ctx.size * number / (len(book.chapters) + 1), ctx.size, "bytes")
        if book.cover:
            try:
                show(ctx, zips.content(archive, book.cover, PICTURE))
            except BadFile:
                pass  # a book without its cover is still a book
        found = {_PROPERTIES.get(name, name): text for name, text in book.fields.items()}
        return {
            "format": "epub",
            "metadata": {name: clip(text, 300) for name, text in found.items()},
            "chapters": len(book.chapters),
            "pictures": book.pictures,
        }


_READERS: dict[str, Callable[[Context, Markdown], dict[str, Any]]] = {
    f"{_OOXML}wordprocessingml.document": _docx,
    f"{_OOXML}presentationml.presentation": _pptx,
    f"{_ODF}text": _open_document,
    f"{_ODF}presentation": _open_document,
    f"{_ODF}graphics": _open_document,
    **dict.fromkeys(FLAT, _flat),
    LOCKED: _locked,
    "application/epub+zip": _epub,
    "application/rtf": rich_text,
    "application/msword": legacy.ole,
    "application/vnd.ms-powerpoint": legacy.ole,
    "application/x-ole-storage": legacy.ole,
}
