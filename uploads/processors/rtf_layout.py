"""How rich text is laid out: what a group passes on to those inside, and what ends a paragraph, a
cell or a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from uploads.processors.markdown import Markdown
from uploads.processors.rtf_words import TEXT

LEVELS = 9  # of headings and of lists
WESTERN = "cp1252"


@dataclass(slots=True)
class Group:
    """How its inside is read; what lies in it begins with the same."""

    to: str = TEXT
    encoding: str = WESTERN
    fallback: int = 1  # characters after one in Unicode, for readers that know none
    deleted: bool = False
    style: int = 0
    level: int = 0  # of a heading
    depth: int = 0  # of a list
    in_table: bool = False
    opens: bool = False  # whether its text goes elsewhere than that around it

    def inside(self) -> Group:
        """A group that begins in this one; `dataclasses.replace` takes three times as long."""
        return Group(
            self.to,
            self.encoding,
            self.fallback,
            self.deleted,
            self.style,
            self.level,
            self.depth,
            self.in_table,
        )


def _begin(group: Group, _number: int) -> None:
    group.style = group.level = group.depth = 0
    group.in_table = False


def _choose_style(group: Group, number: int) -> None:
    group.style = number


def _choose_level(group: Group, number: int) -> None:
    group.level = number + 1 if 0 <= number < LEVELS else 0


def _into_list(group: Group, number: int) -> None:
    group.depth = max(1, group.depth) if number else 0


def _choose_depth(group: Group, number: int) -> None:
    group.depth = max(1, min(number + 1, LEVELS))


def _into_table(group: Group, _number: int) -> None:
    group.in_table = True


CHOICES: dict[str, Callable[[Group, int], None]] = {
    "pard": _begin,
    "s": _choose_style,
    "outlinelevel": _choose_level,
    "ls": _into_list,
    "ilvl": _choose_depth,
    "intbl": _into_table,
}


class Layout:
    """Writes paragraphs as what they are."""

    def __init__(self, out: Markdown) -> None:
        self.levels: dict[int, int] = {}  # of headings, by the number of their style
        self._out = out
        self._cells: list[str] = []

    def paragraph(self, text: str, group: Group) -> None:
        """One that lies in no table."""
        self.end_row()
        self._out.end_table()
        if level := group.level or self.levels.get(group.style, 0):
            self._out.heading(level, text)
        elif group.depth:
            self._out.item(text, group.depth)
        else:
            self._out.paragraph(text)

    def cell(self, text: str) -> None:
        """The next one of its row."""
        self._cells.append(text.strip())

    def end_row(self) -> None:
        """Write its cells, if it has any."""
        if self._cells:
            self._out.row(self._cells)
            self._cells = []

    def notes(self, texts: list[str]) -> None:
        """What stands below the text."""
        for number, text in enumerate(texts, 1):
            self._out.note(number, text)
