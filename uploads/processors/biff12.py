"""Records of a binary Excel workbook ([MS-XLSB] 2.1.4), read as they stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

ROW, MERGED = 0x00, 0xB0
CELLS = range(0x01, 0x0C)
FORMULAS = range(0x08, 0x0C)
SHOWN = 8  # bytes of a record's content


def records(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(type, the first bytes of the content) of each; a last one that is cut is left out."""
    rest = bytearray()
    skipped = 0
    for block in blocks:
        taken = min(skipped, len(block))
        skipped -= taken
        rest += block[taken:]
        at = 0
        while (head := _head(rest, at)) and len(rest) - head[2] >= min(head[1], SHOWN):
            kind, size, place = head
            yield kind, bytes(rest[place : place + min(size, SHOWN)])
            at = min(place + size, len(rest))
            skipped = place + size - at
        del rest[:at]


def _head(data: bytearray, at: int) -> tuple[int, int, int] | None:
    """(type, bytes of the content, where it begins); None where the head is not all there."""
    kind, at = _number(data, at, 2)
    size, at = _number(data, at, 4)
    return None if at < 0 else (kind, size, at)


def _number(data: bytearray, at: int, most: int) -> tuple[int, int]:
    """Groups of seven bits, the lowest first, and the place behind them; -1 where they are cut."""
    number = 0
    for group in range(most):
        if not 0 <= at < len(data):
            return 0, -1
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << 7 * group
        if byte < 0x80:
            break
    return number, at
