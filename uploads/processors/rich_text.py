"""Rich text (RTF 1.9.1) as Markdown.

A document is a tree of groups in braces; each changes how its inside is read and where its text
goes, until it ends. Control words that mean nothing here change how things look.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from typing import Any

from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.markdown import Markdown
from uploads.processors.rtf_layout import CHOICES, WESTERN, Group, Layout
from uploads.processors.rtf_words import (
    CHARSETS,
    ELSEWHERE,
    FIELD,
    FONTS,
    LETTERS,
    MOMENT,
    NOTE,
    NOWHERE,
    PLATFORMS,
    PROPERTIES,
    STYLE,
    TEMPLATE,
    TEXT,
    WANTED,
)

BYTES = 16 * 1024 * 1024
DEEP = 500  # groups inside each other
LINKS = 50
TOLD = 4096  # tokens between two words of progress

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})"
    r"|\\(?P<symbol>[^a-zA-Z])|(?P<open>\{)|(?P<close>\})|[\r\n\0]+|(?P<text>[^\\{}\r\n\0]+)|\\"
)
_HEADING = re.compile(r"\s*heading (\d)\s*;", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:https?|ftp|file)://[^\s\"']+|\\{2,4}[\w.-]+\\+[^\s\"']+", re.IGNORECASE)
_DDE = re.compile(r"\s*DDE(?:AUTO)?\s", re.IGNORECASE)  # runs a program where the reader agrees


def rich_text(ctx: Context, out: Markdown) -> dict[str, Any]:
    """Write the text; what else is said of the document. Raises BadFile."""
    if ctx.size > BYTES:
        raise BadFile(f"The rich text is larger than {BYTES // 1024**2} MiB.")
    reader = Reader(ctx.path.read_bytes().decode("latin-1"), out)
    for place in reader.read():
        ctx.progress(place, ctx.size, "bytes")
    return {
        "format": "rtf",
        "metadata": {name: text for name, text in reader.properties.items() if text},
        "pictures": reader.seen["pict"],
        "embedded": reader.seen["object"],
        "comments": reader.seen["annotation"],
        "changes": reader.seen["changes"],
        "outside_links": [clip(link, 200) for link in dict.fromkeys(reader.links)][:LINKS],
    }


class Reader:
    """Takes the tokens of one document, in order."""

    def __init__(self, source: str, out: Markdown) -> None:
        self.properties: dict[str, str] = {}
        self.links: list[str] = []
        self.seen = {"pict": 0, "object": 0, "annotation": 0, "changes": 0}
        self._source = source
        self._layout = Layout(out)
        self._group = Group()
        self._around: list[Group] = []
        self._said: dict[str, list[str]] = {}
        self._bytes = bytearray()  # of letters that are not whole yet
        self._skip = 0  # characters that stand for one which was read
        self._starred = False
        self._encoding = WESTERN
        self._font = 0
        self._fonts: dict[int, str] = {}
        self._moment: dict[str, int] = {}
        self._notes: list[str] = []
        self._words: dict[str, Callable[[int], None]] = {
            "u": self._unicode,
            "uc": self._fall_back,
            "f": self._choose_font,
            "fcharset": self._know_font,
            "ansicpg": lambda number: self._encode(f"cp{number}"),
            "plain": lambda _: self._delete(0),
            "deleted": self._delete,
            "revised": self._revise,
            "par": self._end_paragraph,
            "sect": self._end_paragraph,
            "page": self._end_paragraph,
            "cell": lambda _: self._layout.cell(self._text_of(TEXT)),
            "row": lambda _: self._layout.end_row(),
        }

    def read(self) -> Iterator[int]:
        """Read all of it; yields the place now and then. Raises BadFile."""
        at = count = 0
        while match := _TOKEN.match(self._source, at):
            at = match.end()
            if match["word"] == "bin":  # so many bytes that are no tokens
                at += max(0, int(match["number"] or 0))
            elif match["close"] and not self._around[1:]:
                break  # whatever follows is none of the document's
            else:
                self._take(match)
            count += 1
            if count % TOLD == 0:
                yield at
        self._finish()

    def _take(self, match: re.Match[str]) -> None:
        if match["text"] is not None:
            self._plain(match["text"])
        elif match["hex"] is not None:
            self._byte(int(match["hex"], 16))
        elif match.lastgroup is not None:
            self._decode()
            self._skip = 0
            if match["word"] is not None:
                self._word(match["word"], match["number"])
            elif match["symbol"] is not None:
                self._symbol(match["symbol"])
            elif match["open"]:
                self._open()
            else:
                self._close()

    # -- groups ------------------------------------------------------------------------------------

    def _open(self) -> None:
        if len(self._around) >= DEEP:
            raise BadFile("The rich text can't be read: its groups nest without end.")
        self._around.append(self._group)
        self._group = self._group.inside()

    def _close(self) -> None:
        ended, self._group = self._group, self._around.pop()
        self._starred = False
        if ended.opens:
            self._collect(ended.to)
        elif ended.to == STYLE:
            self._know_style(ended)

    def _collect(self, to: str) -> None:
        text = self._text_of(to)
        if to == NOTE:
            self._notes.append(text)
        elif to in {FIELD, TEMPLATE}:
            self.links += [text.strip()] if _DDE.match(text) else _ADDRESS.findall(text)
        elif to in PROPERTIES:
            if self._moment:
                text, self._moment = _moment(self._moment), {}
            self.properties[PROPERTIES[to]] = clip(text.strip().removesuffix(";"), 300)

    def _know_style(self, style: Group) -> None:
        named = _HEADING.match(self._text_of(STYLE))
        self._layout.levels[style.style] = style.level or (int(named[1]) if named else 0)

    def _text_of(self, to: str) -> str:
        text = "".join(self._said.pop(to, []))
        if re.search("[\ud800-\udfff]", text):  # halves of a letter
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    # -- words -------------------------------------------------------------------------------------

    def _word(self, word: str, number: str | None) -> None:
        starred, self._starred = self._starred, False
        if self._group.to == NOWHERE:
            return
        if word in self.seen:
            self.seen[word] += 1
        if word in ELSEWHERE:
            self._elsewhere(word)
        elif starred and word not in WANTED:
            self._group.to, self._group.opens = NOWHERE, True
        elif word in LETTERS:
            self._say(LETTERS[word])
        elif word in PLATFORMS:
            self._encode(PLATFORMS[word])
        else:
            self._obey(word, int(number) if number else _ABSENT.get(word, 1))

    def _obey(self, word: str, number: int) -> None:
        if word in self._words:
            self._words[word](number)
        elif word in CHOICES:
            CHOICES[word](self._group, number)
        elif word in MOMENT and self._group.to in PROPERTIES:
            self._moment[word] = number

    def _elsewhere(self, word: str) -> None:
        group, to = self._group, ELSEWHERE[word]
        if word in {"listtext", "pntext"} and self._around:  # what stands before an item of a list
            self._around[-1].depth = max(1, group.depth)
        if to == NOTE:
            self._say(f"[^{len(self._notes) + 1}]")
        group.to, group.opens = to, True

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._starred = True
        elif symbol in "\r\n":
            self._end_paragraph(1)
        elif symbol in LETTERS:
            self._say(LETTERS[symbol])

    # -- letters -----------------------------------------------------------------------------------

    def _plain(self, text: str) -> None:
        passed = min(self._skip, len(text))
        self._skip -= passed
        if self._bytes or not text.isascii():  # the second half of a letter may look like one
            self._bytes += text[passed:].encode("latin-1")
        else:
            self._say(text[passed:])

    def _byte(self, byte: int) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._bytes.append(byte)

    def _decode(self) -> None:
        if self._bytes:
            self._say(self._bytes.decode(self._group.encoding, "replace"))
            self._bytes.clear()

    def _say(self, text: str) -> None:
        group = self._group
        if group.to != NOWHERE and not group.deleted:
            self._said.setdefault(group.to, []).append(text)

    def _unicode(self, number: int) -> None:
        number += 0x10000 if number < 0 else 0
        if not 0 <= number <= 0x10FFFF:
            raise BadFile("The rich text can't be read: its control words are broken.")
        self._say(chr(number))
        self._skip = self._group.fallback

    def _fall_back(self, number: int) -> None:
        self._group.fallback = max(0, number)

    def _encode(self, name: str) -> None:
        try:
            self._encoding = self._group.encoding = codecs.lookup(name).name
        except LookupError:
            pass  # one that Python doesn't know: western letters are right at least

    def _choose_font(self, number: int) -> None:
        self._font = number
        self._group.encoding = self._fonts.get(number, self._encoding)

    def _know_font(self, number: int) -> None:
        if self._group.to == FONTS and number in CHARSETS:
            self._fonts[self._font] = CHARSETS[number]

    def _delete(self, number: int) -> None:
        self._group.deleted = number != 0
        self.seen["changes"] += number != 0

    def _revise(self, number: int) -> None:
        self.seen["changes"] += number != 0

    # -- paragraphs --------------------------------------------------------------------------------

    def _end_paragraph(self, _number: int) -> None:
        if self._group.to != TEXT or self._group.in_table:
            self._say("\n")
        else:
            self._layout.paragraph(self._text_of(TEXT), self._group)

    def _finish(self) -> None:
        self._decode()
        self._layout.paragraph(self._text_of(TEXT), self._group)
        self._layout.notes(self._notes)


_ABSENT = dict.fromkeys(["f", "s", "ls", "ilvl", "outlinelevel", "u", *MOMENT], 0)  # left out


def _moment(parts: dict[str, int]) -> str:
    year, month, day, hour, minute = (parts.get(part, 0) for part in MOMENT)
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}" if year else ""
