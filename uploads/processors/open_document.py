"""The XML of OpenDocument texts, presentations and drawings as Markdown (ODF 1.3 part 3), packed or
flat.
"""

from __future__ import annotations

from typing import Any

from uploads.processors.documents import MANY_NOTES, NOTE, Target, attribute
from uploads.processors.markdown import CELLS, Markdown

LINKS = 100
SPACES = 100  # in a row
# Comments, deleted text, a note's own number, headers and footers, pictures as text.
ASIDE = ("annotation", "tracked-changes", "note-citation", "master-styles", "binary-data")


class OpenDocument(Target):
    """content.xml of an .odt or .odp, or the whole of an .fodt"""

    def __init__(self, out: Markdown) -> None:
        super().__init__(out)
        self.slides = 0
        self.links: list[str] = []
        self._lists = 0
        self._level = 0
        self._cells: list[str] | None = None
        self._aside = 0  # depth of what is left out around us
        self._around: list[tuple[list[str], int, int]] = []  # paragraphs that others lie in
        self._notes: list[str] = []
        self._in_note = False
        self._slide: str | None = None  # the heading that a slide still waits for
        self._is_title = False

    def data(self, text: str) -> None:
        if not self._aside:
            super().data(text)

    def opened(self, name: str, attributes: Any) -> None:
        if name in ASIDE:
            self._aside += 1
            self.comments += name == "annotation"
        elif name == "changed-region":
            self.changes += 1
        elif self._aside:
            return
        elif name in ("h", "p"):
            self._around.append((self.text, self.size, self._level))
            self.text, self.size, self.reads = [], 0, True
            self._level = _number(attribute(attributes, "outline-level")) if name == "h" else 0
        elif name in ("tab", "line-break"):
            self.put("\t" if name == "tab" else "\n")
        elif name == "s":
            self.put(" " * min(_number(attribute(attributes, "c")), SPACES))
        else:
            self._structure(name, attributes)

    def _structure(self, name: str, attributes: Any) -> None:
        if name == "list":
            self._lists += 1
        elif name == "table-row":
            self._cells = []
        elif name in ("table-cell", "covered-table-cell") and self._cells is not None:
            repeated = _number(attribute(attributes, "number-columns-repeated"))
            self._cells += [""] * min(repeated, CELLS)
        elif name == "image":
            self.pictures += 1
        elif name == "a":
            self._link(attribute(attributes, "href"))
        elif name == "note" and len(self._notes) < MANY_NOTES:
            self._notes.append("")
            self.put(f"[^{len(self._notes)}]")
            self._in_note = True
        else:
            self._on_slide(name, attributes)

    def _on_slide(self, name: str, attributes: Any) -> None:
        if name == "page":
            self._untitled()
            self.slides += 1
            self._slide = attribute(attributes, "name") or f"Slide {self.slides}"
        elif name == "frame":
            self._is_title = attribute(attributes, "class") == "title"
        elif name == "notes" and self._slide is None:
            self._slide = "Notes"

    def _link(self, target: str) -> None:
        if (
            target.startswith(("http://", "https://", "ftp://", "file:"))
            and len(self.links) < LINKS
        ):
            self.links.append(target)

    def closed(self, name: str) -> None:
        if name in ASIDE:
            self._aside -= 1
        elif self._aside:
            return
        elif name in ("h", "p"):
            self._end_paragraph()
        elif name == "list":
            self._lists -= 1
        elif name == "note":
            self._in_note = False
        else:
            self._end_structure(name)

    def _end_paragraph(self) -> None:
        text, level = self.taken(), self._level
        self.text, self.size, self._level = self._around.pop()
        self.reads = bool(self._around)
        self._paragraph(text, level)

    def _end_structure(self, name: str) -> None:
        if name == "table-row" and self._cells is not None:
            self.out.row(self._cells)
            self._cells = None
        elif name == "table":
            self.out.end_table()
        elif name == "notes" and self._slide == "Notes":
            self._slide = None  # there was nothing in them
        elif name == "page":
            self._untitled()

    def close(self) -> None:
        super().close()
        for number, text in enumerate(self._notes, 1):
            self.out.note(number, text)

    def _paragraph(self, text: str, level: int) -> None:
        if self._in_note:
            self._notes[-1] = f"{self._notes[-1]} {text}"[:NOTE]
        elif self._cells:
            self._cells[-1] += (" " if self._cells[-1] else "") + text
        elif text.strip():
            self._block(text, level)

    def _block(self, text: str, level: int) -> None:
        if self._is_title and self._slide is not None:
            self.out.heading(2, f"Slide {self.slides}: {text}")
            self._slide = None
            return
        self._untitled()
        if level:
            self.out.heading(level, text)
        elif self._lists:
            self.out.item(text, self._lists)
        else:
            self.out.paragraph(text)

    def _untitled(self) -> None:
        """A slide without a title of its own still begins with a heading."""
        if self._slide is not None:
            self.out.heading(2, self._slide)
            self._slide = None


def _number(value: str) -> int:
    return int(value) if value.isdecimal() and 0 < len(value) < 5 else 1
