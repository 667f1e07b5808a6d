"""Writes a document's text as Markdown while it is read: bounded, with its words,
outline and head.
"""

from __future__ import annotations

import re
from typing import Any, TextIO

from uploads.processors.bounds import clip, within

TEXT_BYTES = 16 * 1024 * 1024  # of the artifact
HEAD = 6000  # characters in the result
OUTLINE = 300
TITLE = 200  # characters
CELLS = 50  # of a table's row


class Markdown:
    """Takes headings, paragraphs, list items and rows of tables, in the order of the document."""

    def __init__(self, file: TextIO) -> None:
        self.words = self.characters = self.paragraphs = self.tables = 0
        self.outline: list[dict[str, Any]] = []
        self.head = ""
        self.truncated = False
        self._file = file
        self._written = 0
        self._in_table = False
        self._in_list = False

    def heading(self, level: int, text: str) -> None:
        text = _line(text)
        if not text:
            return
        if len(self.outline) < OUTLINE:
            self.outline.append({"level": level, "text": clip(text, TITLE)})
        self._block(f"{'#' * max(1, min(level, 6))} {text}", text)

    def paragraph(self, text: str) -> None:
        if text.strip():
            self.paragraphs += 1
            self._block(text.strip(), text)

    def item(self, text: str, depth: int = 1) -> None:
        text = _line(text)
        if text:
            self.paragraphs += 1
            self._write(f"{'  ' * min(depth - 1, 8)}- {text}\n", text)
            self._in_list = True

    def row(self, cells: list[str]) -> None:
        shown = [_line(cell).replace("|", "\\|") for cell in cells[:CELLS]]
        if not self._in_table:
            self.tables += 1
            self._in_list = False
            self._write("\n", "")
        self._write(f"| {' | '.join(shown)} |\n", " ".join(cells))
        if not self._in_table:
            self._write(f"|{'---|' * len(shown)}\n", "")
        self._in_table = True

    def note(self, number: int, text: str) -> None:
        """What `[^number]` in the text stands for."""
        if text.strip():
            self._block(f"[^{number}]: {_line(text)}", text)

    def end_table(self) -> None:
        if self._in_table:
            self._in_table = False
            self._write("\n", "")

    def result(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "characters": self.characters,
            "paragraphs": self.paragraphs,
            "tables": self.tables,
            "outline": within(self.outline, 32 * 1024),
            "head": clip(self.head.strip(), HEAD),
            "text_truncated": self.truncated,
        }

    def _block(self, text: str, plain: str) -> None:
        if self._in_list:  # or the text would go on in its last item
            self._in_list = False
            self._write("\n", "")
        self._write(f"{text}\n\n", plain)

    def _write(self, text: str, plain: str) -> None:
        self.words += len(plain.split())
        self.characters += len(plain)
        if len(self.head) < HEAD:
            self.head += text[: HEAD - len(self.head)]
        if self._written < TEXT_BYTES:
            text = text[: TEXT_BYTES - self._written]
            self._file.write(text)
            self._written += len(text)
        else:
            self.truncated = True


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
