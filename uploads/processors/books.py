"""EPUB: which chapters a book has, in which order, and their text (EPUB 3.3 §4 and §5)."""

from __future__ import annotations

import io
import posixpath
import zipfile
from typing import Any
from urllib.parse import unquote

from uploads.processors import zips
from uploads.processors.documents import Fields, Target, attribute, parse
from uploads.processors.failures import BadFile
from uploads.processors.markdown import Markdown

PART = 4 * 1024 * 1024  # bytes that the list of contents may unpack to
CHAPTER = 16 * 1024 * 1024
BOOK = 256 * 1024 * 1024  # bytes of all chapters
CHAPTERS = 1000
_BLOCKS = {"p", "div", "li", "blockquote", "pre", "td", "th", "figcaption", "dt", "dd"}


class Book:
    """`chapters` in reading order, `fields` of the title page, `cover` if there is one."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        container = _Container()
        parse(container, zips.blocks(archive, "META-INF/container.xml", PART), "The container")
        if not container.place:
            raise BadFile("The book doesn't say where its contents are.")
        folder = posixpath.dirname(container.place)
        package = _Package()
        parse(package, zips.blocks(archive, container.place, PART), "The list of contents")
        names = set(archive.namelist())
        items = {
            key: posixpath.normpath(posixpath.join(folder, unquote(href)))
            for key, href in package.items.items()
        }
        chapters = dict.fromkeys(items[key] for key in package.spine if items.get(key) in names)
        self.chapters = list(chapters)[:CHAPTERS]
        cover = items.get(package.cover or "")
        self.cover = cover if cover in names else None
        self.pictures = package.pictures
        self.fields = package.found


class _Container(Target):
    def __init__(self) -> None:
        super().__init__(Markdown(io.StringIO()))
        self.place = ""

    def opened(self, name: str, attributes: Any) -> None:
        if name == "rootfile" and not self.place:
            self.place = attribute(attributes, "full-path")


class _Package(Fields):
    def __init__(self) -> None:
        super().__init__(Markdown(io.StringIO()))
        self.items: dict[str, str] = {}
        self.spine: list[str] = []
        self.cover: str | None = None
        self._property = ""

    def opened(self, name: str, attributes: Any) -> None:
        super().opened(name, attributes)
        if name == "item" and len(self.items) < 20_000:
            key = attribute(attributes, "id")
            self.items[key] = attribute(attributes, "href")
            self.pictures += attribute(attributes, "media-type").startswith("image/")
            if "cover-image" in attribute(attributes, "properties"):
                self.cover = key
        elif name == "itemref" and len(self.spine) < 20_000:
            self.spine.append(attribute(attributes, "idref"))
        elif name == "meta" and attribute(attributes, "name") == "cover":
            self.cover = self.cover or attribute(attributes, "content")
        if name == "meta":
            self._property = attribute(attributes, "property")

    def closed(self, name: str) -> None:
        """A `meta` is named by its property: dcterms:modified."""
        super().closed(self._property.rpartition(":")[2] or name if name == "meta" else name)


def write_chapter(archive: zipfile.ZipFile, name: str, out: Markdown) -> None:
    """A chapter's headings and paragraphs; HTML is forgiving, so nothing here is broken."""
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(zips.content(archive, name, CHAPTER, BOOK))
    body = page.body
    if body is None:
        return
    for node in body.traverse():
        tag = node.tag or ""
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            out.heading(int(tag[1]), node.text(separator=" "))
        elif tag in _BLOCKS and not any(child.tag in _BLOCKS for child in node.iter()):
            text = node.text(separator="")
            if tag == "li":
                out.item(text)
            else:
                out.paragraph(text)
