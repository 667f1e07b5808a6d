"""How the bytes of a text become characters: marks, UTF-8 or not, and a guess for the rest."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

from uploads.processors import codepages

BLOCK = 1024 * 1024  # bytes
CHECKED = 64 * BLOCK  # how far a file is read to find out whether it is UTF-8
GUESSED = 16 * 1024  # bytes given to the guesser
ENOUGH = 256  # bytes without a single control character that can only be text

# UTF-32's little-endian mark begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

# What text has no use for; tab, line ends, form feed, backspace and escape are found in logs.
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b\x1a")) + b"\x7f"

# Of several bytes for every character: these are known before anything is guessed.
_WIDE = ("utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "utf_7")


class Encoding(NamedTuple):
    """`name` as Python knows it, `mark` bytes of a byte order mark; a guess isn't `certain`."""

    name: str
    mark: int
    certain: bool


def looks_like_text(head: bytes) -> bool:
    """Whether these first bytes are text in some encoding, rather than binary data."""
    if by_mark(head) or _utf16_without_mark(head):
        return True
    if b"\0" in head:
        return False
    controls = len(head) - len(head.translate(None, CONTROL))
    if controls * 200 > len(head):
        return False
    if controls == 0 and len(head) >= ENOUGH:
        return True  # one byte in nine of other data is a control character
    return is_utf8(head) or _looks_like_eight_bit_text(head)


def is_utf8(head: bytes) -> bool:
    """Whether it is UTF-8; a character cut at the end doesn't count against it."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def by_mark(head: bytes) -> Encoding | None:
    """What the byte order mark says, where what follows it is text indeed."""
    for mark, name in MARKS:
        if head.startswith(mark) and _is_printable(head[len(mark) : len(mark) + 4096], name):
            return Encoding(name, len(mark), certain=True)
    return None


def _is_printable(sample: bytes, name: str) -> bool:
    """Whether nearly all its characters are ones that text is made of; the last may be cut off."""
    try:
        decoded = codecs.getincrementaldecoder(name)().decode(sample)
    except UnicodeDecodeError:
        return False
    # The mark is within where such files were put together.
    printable = sum(char.isprintable() or char in "\t\r\n\f\ufeff" for char in decoded)
    return printable >= 0.95 * len(decoded)


def detect(path: Path) -> Encoding:
    """The encoding of a file's text, read in blocks; the first 64 MiB decide."""
    with path.open("rb") as file:
        head = file.read(BLOCK)
        marked = by_mark(head) or _utf16_without_mark(head)
        if marked:
            return marked
        decoder = codecs.getincrementaldecoder("utf-8")()
        foreign: list[bytes] = []
        done, block, ascii_only = 0, head, True
        while block and done < CHECKED:
            ascii_only = ascii_only and block.isascii()
            try:
                decoder.decode(block)
            except UnicodeDecodeError:
                foreign = _foreign_lines(block)
                break
            done += len(block)
            block = file.read(BLOCK)
    if foreign:
        return _guess(b"\n".join(foreign))
    return Encoding("ascii" if ascii_only else "utf-8", 0, certain=True)


def _utf16_without_mark(head: bytes) -> Encoding | None:
    """Western text in UTF-16 has a zero in every other byte."""
    sample = head[:4096]
    if len(sample) < 16 or b"\0" not in sample:
        return None
    even, odd = sample[0::2].count(0) / len(sample[0::2]), sample[1::2].count(0) / len(sample[1::2])
    if odd > 0.7 and even < 0.05:
        name = "utf-16-le"
    elif even > 0.7 and odd < 0.05:
        name = "utf-16-be"
    else:
        return None
    return Encoding(name, 0, certain=False) if _is_printable(sample, name) else None


def _looks_like_eight_bit_text(head: bytes) -> bool:
    """Text in an old encoding has mostly letters, and few bytes in a row that make no word."""
    letters = len(re.findall(rb"[\s\x20-\x7e]", head))
    high = len(re.findall(rb"[\x80-\xff]", head))
    undefined = len(re.findall(rb"[\x80-\x9f]", head))
    if letters > 0.7 * len(head):
        return undefined * 10 <= len(head) or codepages.single(head) is not None
    # Cyrillic, Greek and East Asian encodings: mostly high bytes, but lines and spaces among them.
    spaces = len(re.findall(rb"[ \r\n]", head))
    return (
        high + letters > 0.97 * len(head)
        and spaces > 0.02 * len(head)
        and undefined < 0.4 * len(head)
    )


def _foreign_lines(block: bytes) -> list[bytes]:
    lines: list[bytes] = []
    size = 0
    for match in re.finditer(rb"[^\r\n]{0,400}[\x80-\xff][^\r\n]{0,400}", block):
        lines.append(match.group())
        size += len(match.group())
        if size > GUESSED:
            break
    return lines


def _guess(sample: bytes) -> Encoding:
    sample = sample[:GUESSED]
    name = codepages.single(sample)
    if name is None:
        # Slow to import, and only texts of many bytes a letter need it.
        from charset_normalizer import from_bytes

        best = from_bytes(sample, cp_exclusion=[*_WIDE]).best()
        name = best.encoding if best is not None else "cp1252"
        if name in ("latin_1", "ascii", "utf_8") or _is_western(sample):
            name = "cp1252"
    return Encoding(codecs.lookup(name).name, 0, certain=False)


def _is_western(sample: bytes) -> bool:
    """Few high bytes, nearly all the accented letters and signs of cp1252, among Latin letters."""
    high = re.findall(rb"[\x80-\xff]", sample)
    usual = re.findall(
        rb"[\xe0-\xf6\xf8-\xff\xc0-\xd6\xd8-\xdf\x80\x85\x91-\x97\xa0\xa3\xa7\xa9\xab\xae\xb0\xb2\xb3\xb4\xb5\xb7\xbb]",
        sample,
    )
    return len(high) < 0.15 * len(sample) and len(usual) >= 0.95 * len(high)
