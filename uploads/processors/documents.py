"""The XML of Word and PowerPoint files as Markdown, element by element.

Each class is a parser's target: no tree is built, entities stay unresolved, nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uploads.processors.failures import BadFile
from uploads.processors.markdown import CELLS, Markdown

DEPTH = 400  # of elements
PARAGRAPH = 200_000  # characters of one paragraph that are kept
NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
MANY_NOTES = 2000
NOTE = 4000  # characters of one that are kept


def parse(target: Target, blocks: Iterable[bytes], what: str) -> None:
    """Feed the target. Raises BadFile where the XML is broken; what came before it is kept."""
    from lxml import etree

    reader: Any = target
    parser = etree.XMLParser(
        target=reader, resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False
    )
    try:
        for block in blocks:
            parser.feed(block)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise BadFile(
            f"{what} inside is broken: {str(error.msg).partition(', line')[0]}."
        ) from error


class Target:
    """What is common to all of them: the text of the paragraph that is open."""

    def __init__(self, out: Markdown) -> None:
        self.out = out
        self.pictures = self.comments = self.changes = 0
        self.text: list[str] = []
        self.size = 0
        self.reads = False
        self.depth = 0

    def start(self, tag: str, attributes: Any) -> None:
        self.depth += 1
        if self.depth > DEPTH:
            raise BadFile("The document is nested without end.")
        self.opened(tag.rpartition("}")[2], attributes)

    def end(self, tag: str) -> None:
        self.depth -= 1
        self.closed(tag.rpartition("}")[2])

    def data(self, text: str) -> None:
        if self.reads:
            self.put(text)

    def close(self) -> None:
        self.out.end_table()

    def put(self, text: str) -> None:
        if self.size < PARAGRAPH:
            self.text.append(text)
            self.size += len(text)

    def taken(self) -> str:
        text = "".join(self.text)
        self.text, self.size = [], 0
        return text

    def opened(self, name: str, attributes: Any) -> None:
        """An element begins."""

    def closed(self, name: str) -> None:
        """An element ends."""


def attribute(attributes: Any, name: str) -> str:
    """An attribute by its name without its namespace; "" where it isn't there."""
    for key, value in attributes.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return ""


class Word(Target):
    """word/document.xml (ECMA-376 part 1 §17)"""

    def __init__(self, out: Markdown) -> None:
        super().__init__(out)
        self.notes: list[str] = []  # names of footnotes and endnotes, in their order
        self._style = ""
        self._listed = False
        self._depth = 1  # of the list's item
        self._span = 1  # columns of the cell that is open
        self._rows: list[list[str]] = []  # one open row for each table around us

    def opened(self, name: str, attributes: Any) -> None:
        if name == "t":
            self.reads = True
        elif name in ("ilvl", "gridSpan"):
            self._measure(name, attribute(attributes, "val"))
        elif name in NOTES and len(self.notes) < MANY_NOTES:
            self.notes.append(f"{NOTES[name]} {attribute(attributes, 'id')}")
            self.put(f"[^{len(self.notes)}]")
        elif name == "pStyle":
            self._style = attribute(attributes, "val")
            self._listed = self._listed or is_list(self._style)
        elif name == "numPr":
            self._listed = True
        elif name in ("tab", "br", "cr"):
            self.put("\t" if name == "tab" else "\n")
        else:
            self._count(name)

    def _measure(self, name: str, value: str) -> None:
        number = int(value) if value.isdecimal() and len(value) < 5 else 0
        if name == "ilvl":
            self._depth = number + 1
        else:
            self._span = max(1, min(number, CELLS))

    def _count(self, name: str) -> None:
        if name == "tr":
            self._rows.append([])
        elif name == "tc" and self._rows:
            self._rows[-1].append("")
        elif name in ("drawing", "pict"):
            self.pictures += 1
        elif name in ("ins", "del"):
            self.changes += 1
        elif name == "commentReference":
            self.comments += 1

    def closed(self, name: str) -> None:
        if name == "t":
            self.reads = False
        elif name == "p":
            self._paragraph()
        elif name == "tc" and self._rows:
            # what lies over several columns stands in the first of them
            self._rows[-1] += [""] * (self._span - 1)
            self._span = 1
        elif name == "tr" and self._rows:
            row = self._rows.pop()
            if self._rows and self._rows[-1]:
                self._rows[-1][-1] += " ".join(row)
            else:
                self.out.row(row)
        elif name == "tbl" and not self._rows:
            self.out.end_table()

    def _paragraph(self) -> None:
        text, style, listed, depth = self.taken(), self._style, self._listed, self._depth
        self._style, self._listed, self._depth = "", False, 1
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] += (" " if self._rows[-1][-1] else "") + text
            return
        level = heading_level(style)
        if level:
            self.out.heading(level, text)
        elif listed:
            self.out.item(text, depth)
        else:
            self.out.paragraph(text)


class Notes(Target):
    """word/footnotes.xml or endnotes.xml: {"footnote 2": its text}"""

    def __init__(self, out: Markdown) -> None:
        super().__init__(out)
        self.found: dict[str, str] = {}
        self._name = ""

    def opened(self, name: str, attributes: Any) -> None:
        if name in NOTES.values():
            self._name = f"{name} {attribute(attributes, 'id')}"
        self.reads = name == "t"

    def closed(self, name: str) -> None:
        if name == "t":
            self.reads = False
        elif name == "p":
            self.put(" ")
        elif name in NOTES.values():
            text = self.taken()[:NOTE]
            if len(self.found) < MANY_NOTES:
                self.found[self._name] = text


def heading_level(style: str) -> int:
    """1 for a Title or Heading1, in the languages that Word translates it to; 0 for
    other styles.
    """
    plain = style.lower().replace(" ", "")
    if plain in ("title", "titel", "titre", "título", "titolo"):
        return 1
    for word in (
        "heading",
        "überschrift",
        "berschrift",
        "titre",
        "ttulo",
        "título",
        "titolo",
        "kop",
    ):
        if plain.startswith(word) and plain[len(word) :].isdecimal():
            return min(int(plain[len(word) :][:2]) or 1, 6)
    return 0


def is_list(style: str) -> bool:
    """Whether it is one of Word's styles for lists, by their English or German id."""
    plain = style.lower().replace(" ", "").replace("-", "")
    return plain.startswith(("listbullet", "listnumber", "aufzhlungszeichen", "listennummer"))


class Slide(Target):
    """ppt/slides/slideN.xml, and its notes (ECMA-376 part 1 §19)"""

    def __init__(self, out: Markdown, *, title: str, notes: bool = False) -> None:
        super().__init__(out)
        self._title: str | None = title
        self._notes = notes
        self._is_title = False
        self._skipped = False
        self._row: list[str] | None = None

    def opened(self, name: str, attributes: Any) -> None:
        if name == "t":
            self.reads = True
        elif name == "sp":
            self._is_title = self._skipped = False
        elif name == "ph":
            kind = attribute(attributes, "type")
            self._is_title = kind in ("title", "ctrTitle")
            self._skipped = kind in ("sldNum", "dt", "ftr", "sldImg")
        elif name == "tr":
            self._row = []
        elif name == "tc" and self._row is not None:
            self._row.append("")
        elif name in ("pic", "chart"):
            self.pictures += 1

    def closed(self, name: str) -> None:
        if name == "t":
            self.reads = False
        elif name == "p":
            self._paragraph(self.taken())
        elif name == "tr" and self._row is not None:
            self._untitled()
            self.out.row(self._row)
            self._row = None
        elif name == "tbl":
            self.out.end_table()

    def close(self) -> None:
        self._untitled()
        super().close()

    def _paragraph(self, text: str) -> None:
        if self._row:
            self._row[-1] += text
        elif not text.strip() or self._skipped:
            return
        elif self._is_title and not self._notes:
            self.out.heading(2, f"{self._title}: {text}" if self._title else text)
            self._title = None
        else:
            self._untitled()
            self.out.item(text)

    def _untitled(self) -> None:
        """A slide without a title of its own still begins with a heading."""
        if self._title is not None:
            self.out.heading(2, self._title)
            self._title = None


class Fields(Target):
    """Small files of properties: {name of the element: its text}"""

    def __init__(self, out: Markdown) -> None:
        super().__init__(out)
        self.found: dict[str, str] = {}

    def opened(self, name: str, attributes: Any) -> None:
        self.reads = True
        self.taken()

    def closed(self, name: str) -> None:
        text = self.taken().strip()
        if text and len(self.found) < 100:
            self.found.setdefault(name, text)
        self.reads = False


class Links(Target):
    """*.rels: where the document points to outside of itself."""

    def __init__(self, out: Markdown) -> None:
        super().__init__(out)
        self.outside: list[str] = []

    def opened(self, name: str, attributes: Any) -> None:
        if name == "Relationship" and attribute(attributes, "TargetMode") == "External":
            self.outside.append(attribute(attributes, "Target"))
