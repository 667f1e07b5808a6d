"""Reads the rows of a delimited text in blocks: bounded in memory, with the number of every broken
line.

Almost all lines are whole rows of the right width; they pass through as bytes, uncut, to the fast
parser. Only a line with something odd in it (a quote left open, too few or too many fields) is
parsed here.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from uploads.processors.dialect import Dialect
from uploads.processors.encoding import Encoding

BLOCK = 4 * 1024 * 1024  # bytes read at a time
LONGEST_LINE = 1024 * 1024  # bytes; a longer line is left out
LONGEST_QUOTE = 1000  # lines that a quoted field may span
ERRORS_KEPT = 100


@dataclass
class Chunk:
    """Whole rows, in UTF-8, as many fields in each as the dialect says."""

    data: bytes
    rows: int
    lines: range | list[int]  # the line in the file on which each row begins, from 1


@dataclass
class Reader:
    """`done` bytes are read; `problems` keeps the first of `wrong` rows; `blank` lines
    are left out.
    """

    path: Path
    coding: Encoding
    dialect: Dialect
    done: int = 0
    line: int = 0
    wrong: int = 0
    blank: int = 0
    problems: list[dict[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mark = self.dialect.delimiter.encode()
        self._quote = self.dialect.quote.encode()
        quote, mark = re.escape(self._quote), re.escape(self._mark)
        # A whole quoted field, from a delimiter to a delimiter.
        inside = rb"(?:[^" + self._quote + rb"]|" + quote * 2 + rb")*"
        self._quoted = re.compile(
            rb"(^|" + mark + rb")" + quote + inside + quote + rb"(?=" + mark + rb"|$)"
        )
        self._opened = re.compile(rb"(?:^|" + mark + rb")\s*" + quote)
        self._skip_header = self.dialect.header
        self._held: list[bytes] = []  # lines of a row that may go on in the next block
        self._last = False

    def chunks(self) -> Iterator[Chunk]:
        """All rows below the header, in order."""
        tail: list[bytes] = []
        with self.path.open("rb", buffering=0) as file:
            skipped = self.dialect.skipped
            self.done = self.coding.mark + len(skipped.encode(self.coding.name, "replace"))
            self.line = len(re.findall("\r\n|\r|\n", skipped))
            file.seek(self.done)
            for block in self._blocks(file.read):
                lines = block.split(b"\n")
                tail.append(lines[0])
                if len(lines) > 1:
                    lines[0] = b"".join(tail)
                    tail = [lines.pop()]
                    yield from self._chunk(self._held + lines)
                elif sum(map(len, tail)) > LONGEST_LINE:
                    # Only its length matters now, and that it is one line.
                    tail = [b"".join(tail)[: LONGEST_LINE + 1]]
        rest = b"".join(tail)
        self._last = True
        yield from self._chunk([*self._held, rest] if rest else self._held)

    def _blocks(self, read: Callable[[int], bytes]) -> Iterator[bytes]:
        """Blocks in UTF-8, with \\n for every line end."""
        decode = None
        if self.coding.name not in ("utf-8", "ascii"):
            decode = codecs.getincrementaldecoder(self.coding.name)("replace").decode
        held = b""
        while block := read(BLOCK):
            self.done += len(block)
            block = held + (decode(block).encode() if decode else block)
            held = b"\r" if block.endswith(b"\r") else b""
            block = block[: len(block) - len(held)]
            if b"\r" in block:
                block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            yield block
        if held:
            yield b"\n"

    def _chunk(self, lines: list[bytes]) -> Iterator[Chunk]:
        self._held = []
        if self._skip_header:
            lines = self._without_header(lines)
        if not lines:
            return
        first = self.line + 1
        odd = self._odd(lines)
        if not odd:
            self.line += len(lines)
            yield Chunk(b"\n".join(lines) + b"\n", len(lines), range(first, self.line + 1))
            return
        rows: list[bytes] = []
        numbers: list[int] = []
        self._gather(lines, odd, rows, numbers)
        if rows:
            yield Chunk(b"\n".join(rows) + b"\n", len(rows), numbers)

    def _odd(self, lines: list[bytes]) -> list[int]:
        """Where the lines are that may not be a row as they are."""
        mark, quote, wanted = self._mark, self._quote, self.dialect.width - 1
        odd = [
            place
            for place, line in enumerate(lines)
            if line.count(mark) != wanted or quote in line or not line
        ]
        if max(map(len, lines), default=0) > LONGEST_LINE:
            long = {place for place, line in enumerate(lines) if len(line) > LONGEST_LINE}
            odd = sorted(long.union(odd))
        return odd

    def _gather(
        self, lines: list[bytes], odd: list[int], rows: list[bytes], numbers: list[int]
    ) -> None:
        """Fill `rows` and the `numbers` of their lines: runs of whole ones at once, odd
        ones alone.
        """
        first = self.line + 1
        place = 0
        for at in [*odd, len(lines)]:
            if at < place:
                continue  # a quote took it in
            rows += lines[place:at]
            numbers += range(first + place, first + at)
            place = at
            if at == len(lines):
                break
            row, used = self._joined(lines, at)
            if used == 0:
                self._held = lines[at:]
                break
            whole = self._made_whole(first + at, row)
            if whole is not None:
                rows.append(whole)
                numbers.append(first + at)
            place = at + used
        self.line += place

    def _without_header(self, lines: list[bytes]) -> list[bytes]:
        """The header may follow blank lines, and may have line ends inside its quotes."""
        self._skip_header = False
        while lines and not lines[0].strip():
            lines = lines[1:]
            self.line += 1
            self.blank += 1
        if not lines:
            self._skip_header = True
            return []
        _, used = self._joined(lines, 0)
        used = max(used, 1)
        self.line += used
        if len(lines[0]) > LONGEST_LINE:
            self._say(self.line, f"longer than {LONGEST_LINE // 1024} KiB, cut")
        return lines[used:]

    def _joined(self, lines: list[bytes], place: int) -> tuple[bytes, int]:
        """The line at `place` with those that an open quote takes in, and how many they are.

        None of them, where the quote may be closed in the next block only.
        """
        row = lines[place]
        if self._quote not in row or len(row) > LONGEST_LINE or not self._is_open(row):
            return row, 1
        size = len(row)
        odd = True
        for used, following in enumerate(lines[place + 1 : place + LONGEST_QUOTE], 2):
            size += len(following)
            if size > LONGEST_LINE:
                return row, 1
            odd ^= following.count(self._quote) % 2 == 1
            if not odd:
                return b"\n".join(lines[place : place + used]), used
        return row, int(self._last or place + LONGEST_QUOTE <= len(lines))

    def _is_open(self, row: bytes) -> bool:
        if row.count(self._quote) % 2 == 0:
            return False
        rest = self._quoted.sub(rb"\1", row)
        return self._opened.search(rest) is not None

    def _made_whole(self, number: int, row: bytes) -> bytes | None:
        """The row with the right number of fields, quoted as the fast parser wants it, or None."""
        if not row.strip():
            self.blank += 1
            return None
        if len(row) > LONGEST_LINE:
            self._say(number, f"longer than {LONGEST_LINE // 1024} KiB, left out")
            return None
        rest = self._quoted.sub(rb"\1", row) if self._quote in row else row
        if self._quote not in rest and rest.count(self._mark) + 1 == self.dialect.width:
            return row
        return self._rewritten(number, row)

    def _rewritten(self, number: int, row: bytes) -> bytes:
        text = row.decode("utf-8", "replace")
        delimiter, quote, width, *_ = self.dialect
        try:
            cells = next(
                csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote)
            )
        except (csv.Error, StopIteration):
            cells = text.split(delimiter)
        if self._is_open(row):
            self._say(number, "a quote is never closed")
        elif len(cells) != width:
            self._say(number, f"{len(cells)} fields instead of {width}")
        out = io.StringIO()
        writer = csv.writer(
            out, delimiter=delimiter, quotechar=quote, lineterminator="", quoting=csv.QUOTE_MINIMAL
        )
        writer.writerow((cells + [""] * width)[:width])
        return out.getvalue().replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")

    def _say(self, number: int, problem: str) -> None:
        self.wrong += 1
        if len(self.problems) < ERRORS_KEPT:
            self.problems.append({"line": number, "problem": problem})
