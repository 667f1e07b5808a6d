"""The text step: encoding, line ends, lines, words, the longest line, the head, the language."""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import Any

from uploads.processors import encoding
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.languages import natural_language
from uploads.processors.registry import LONG, processor

BLOCK = 256 * 1024  # bytes; a line of any length is counted in blocks, never held
HEAD_LINES = 200
HEAD_CHARACTERS = 32 * 1024
HEAD_LINE_CHARACTERS = 2000
SAMPLE = 64 * 1024  # characters that the language is guessed from


@processor(
    name="text",
    accepts=[
        "text/plain",
        "text/markdown",
        "text/x-*",
        "text/html",
        "text/css",
        "text/javascript",
        "text/vtt",
        "text/calendar",
        "text/vcard",
        "application/x-subrip",
        "application/x-pem-file",
        "application/vnd.apple.mpegurl",
        "application/x-bibtex",
        "application/postscript",
    ],
    version=2,
    after=["identify"],
    seconds=LONG,
    light=True,
)
def text(ctx: Context) -> dict[str, Any]:
    """{encoding, encoding_certain, bom, eol, eols, lines, blank_lines, words, characters, bytes,
    longest_line, longest_line_number, ends_with_newline, invalid, head, head_truncated, language}

    `eol` is lf, crlf, cr, mixed or none; `invalid` counts characters that couldn't be decoded;
    `language` is {code, name} or null.
    """
    coding = encoding.detect(ctx.path)
    counts = Counts()
    decoder = codecs.getincrementaldecoder(coding.name)("replace")
    done = coding.mark
    with ctx.path.open("rb", buffering=0) as file:
        file.seek(coding.mark)
        while block := file.read(BLOCK):
            counts.add(decoder.decode(block))
            done += len(block)
            ctx.progress(done, max(done, ctx.size), "bytes")
    counts.add(decoder.decode(b"", final=True))
    counts.end()
    ctx.progress(done, done, "bytes")
    return {
        "encoding": coding.name,
        "encoding_certain": coding.certain,
        "bom": coding.mark > 0,
        "bytes": done,
        **counts.result(),
        "language": None if ctx.media_type == "text/x-log" else natural_language(counts.sample),
    }


@dataclass
class Counts:
    """What is counted while the text goes by, in blocks cut anywhere."""

    characters: int = 0
    words: int = 0
    invalid: int = 0
    crlf: int = 0
    lf: int = 0
    cr: int = 0
    blank: int = 0
    longest: int = 0
    longest_number: int = 0
    sample: str = ""
    _line: int = 0  # characters of the line that isn't over yet
    _line_blank: bool = True
    _in_word: bool = False
    _kept: str = field(default="", repr=False)  # a \r whose \n may be in the next block

    def add(self, text: str) -> None:
        text = self._kept + text
        self._kept = "\r" if text.endswith("\r") else ""
        self._count(text[: len(text) - len(self._kept)])

    def end(self) -> None:
        self._count(self._kept)
        self._kept = ""

    @property
    def ends(self) -> int:
        return self.crlf + self.lf + self.cr

    @property
    def lines(self) -> int:
        return self.ends + (self._line > 0)

    def _count(self, text: str) -> None:
        if not text:
            return
        if len(self.sample) < SAMPLE:
            self.sample += text[: SAMPLE - len(self.sample)]
        self.characters += len(text)
        self.invalid += text.count("\N{REPLACEMENT CHARACTER}")
        self.words += len(text.split()) - (self._in_word and not text[0].isspace())
        self._in_word = not text[-1].isspace()
        self._count_lines(text)

    def _count_lines(self, text: str) -> None:
        number = self.ends
        crlf = text.count("\r\n")
        cr = text.count("\r") - crlf
        self.crlf += crlf
        self.cr += cr
        self.lf += text.count("\n") - crlf
        if cr or crlf:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        first, *rest = text.split("\n")
        self._line += len(first)
        self._line_blank = self._line_blank and (not first or first.isspace())
        self._longest(self._line, number + 1)
        if not rest:
            return
        self.blank += self._line_blank + sum(not line or line.isspace() for line in rest[:-1])
        widest = max(map(len, rest))
        if widest > self.longest:
            self._longest(
                widest, number + 2 + next(at for at, line in enumerate(rest) if len(line) == widest)
            )
        self._line = len(rest[-1])
        self._line_blank = not rest[-1] or rest[-1].isspace()

    def _longest(self, characters: int, number: int) -> None:
        if characters > self.longest:
            self.longest, self.longest_number = characters, number

    def result(self) -> dict[str, Any]:
        head, cut = self._head()
        return {
            "characters": self.characters,
            "words": self.words,
            "lines": self.lines,
            "blank_lines": self.blank,
            "eol": self._eol(),
            "eols": {"lf": self.lf, "crlf": self.crlf, "cr": self.cr},
            "ends_with_newline": self.ends > 0 and self._line == 0,
            "longest_line": self.longest,
            "longest_line_number": self.longest_number,
            "invalid": self.invalid,
            "head": head,
            "head_truncated": cut,
        }

    def _eol(self) -> str:
        used = [
            name for name, count in (("lf", self.lf), ("crlf", self.crlf), ("cr", self.cr)) if count
        ]
        return used[0] if len(used) == 1 else ("mixed" if used else "none")

    def _head(self) -> tuple[str, bool]:
        """The first lines, each of bearable length."""
        lines = (
            self.sample[:HEAD_CHARACTERS]
            .replace("\r\n", "\n")
            .replace("\r", "\n")
            .split("\n")[:HEAD_LINES]
        )
        head = "\n".join(clip(line, HEAD_LINE_CHARACTERS) for line in lines)
        return head, len(head) < self.characters - self.crlf
