"""The binary step, for files that no other step opens: hex, strings, entropy, what was tried."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from uploads.processors import executables, headers, signatures
from uploads.processors.bounds import within
from uploads.processors.context import Context
from uploads.processors.registry import processor

BLOCK = 1024 * 1024  # bytes
READ = 16 * 1024 * 1024  # bytes: counting them takes a second; a larger file is sampled
HEX_BYTES = 512
STRINGS = 200
STRING_CHARACTERS = 200
STRINGS_BUDGET = 32 * 1024  # bytes of JSON
MAP_CELLS = 256  # entropy is shown for at most so many parts of the file
PART = 4096  # bytes at least in one part

_PRINTABLE = re.compile(rb"[\x20-\x7e]{6,}")
_WIDE = re.compile(rb"(?:[\x20-\x7e]\x00){6,}")


@processor(
    name="binary",
    accepts=["*/*"],
    version=2,
    after=["identify", "checksum"],
    fallback=True,
    light=True,
)
def binary(ctx: Context) -> dict[str, Any]:
    """{empty, bytes, sampled, hex [{offset, hex, text}], strings [{offset, text}],
    strings_truncated, entropy, entropy_map […], entropy_part (bytes in a part), reading, zeros
    (share), printable (share), header {…}|null, tried}; entropy is in bits per byte, 0 to 8.
    """
    survey = Survey(ctx.size)
    total = min(ctx.size, READ)
    done = 0
    for offset, block in _blocks(ctx):
        survey.add(offset, block)
        done += len(block)
        ctx.progress(min(done, total), total, "bytes")
    ctx.progress(total, total, "bytes")
    return {
        "empty": ctx.size == 0,
        "bytes": ctx.size,
        "sampled": ctx.size > READ,
        **survey.result(),
        "header": executables.header(ctx.path)
        or headers.header(ctx.path, ctx.media_type, ctx.size),
        "tried": f"{len(signatures.SIGNATURES)} signatures, and the structure of text; "
        f"no step opens {ctx.media_type or 'this'}",
    }


def _blocks(ctx: Context) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes): all of a file, or of a large one the beginning of each part."""
    with ctx.path.open("rb", buffering=0) as file:
        if ctx.size <= READ:
            while block := file.read(BLOCK):
                yield file.tell() - len(block), block
            return
        part = part_bytes(ctx.size)
        for offset in range(0, ctx.size, part):
            file.seek(offset)
            yield offset, file.read(READ // MAP_CELLS)


def part_bytes(size: int) -> int:
    """How many bytes of the file one cell of the map stands for."""
    return max(PART, -(-size // MAP_CELLS))


class Survey:
    """What is gathered while the bytes go by."""

    def __init__(self, size: int) -> None:
        self.part = part_bytes(size)
        self.parts: list[float] = []
        self.head = b""
        self.strings: list[dict[str, Any]] = []
        self.more_strings = False
        self._totals = Counter[int]()
        self._part = Counter[int]()
        self._number = 0  # of the part that is open

    def add(self, offset: int, block: bytes) -> None:
        """Take bytes from that place of the file on; places never go back."""
        if offset < HEX_BYTES:
            self.head += block[: HEX_BYTES - len(self.head)]
        self._find_strings(offset, block)
        place = 0
        while place < len(block):
            number = (offset + place) // self.part
            if number != self._number:
                self._close_part()
                self._number = number
            end = (number + 1) * self.part - offset
            self._part.update(block[place:end])
            place = end

    def result(self) -> dict[str, Any]:
        self._close_part()
        total = self._totals.total()
        entropy = entropy_of(self._totals)
        return {
            "hex": hex_lines(self.head),
            "strings": within(self.strings, STRINGS_BUDGET),
            "strings_truncated": self.more_strings,
            "entropy": entropy,
            "entropy_map": self.parts,
            "entropy_part": self.part,
            "reading": _reading(entropy, total),
            "zeros": _share(self._totals[0], total),
            "printable": _share(
                sum(self._totals[byte] for byte in (*range(32, 127), 9, 10, 13)), total
            ),
        }

    def _close_part(self) -> None:
        if self._part:
            self.parts.append(entropy_of(self._part))
            self._totals.update(self._part)
            self._part.clear()

    def _find_strings(self, offset: int, block: bytes) -> None:
        for pattern, coding in ((_PRINTABLE, "ascii"), (_WIDE, "utf-16-le")):
            for match in pattern.finditer(block):
                if len(self.strings) >= STRINGS:
                    self.more_strings = True
                    return
                found = match.group()[
                    : STRING_CHARACTERS * 2 if coding != "ascii" else STRING_CHARACTERS
                ]
                self.strings.append(
                    {"offset": offset + match.start(), "text": found.decode(coding)}
                )


def entropy_of(counts: Counter[int]) -> float:
    """Shannon entropy in bits per byte: 0 for one repeated byte, 8 for noise."""
    total = counts.total()
    if not total:
        return 0.0
    bits = -sum(count / total * math.log2(count / total) for count in counts.values() if count)
    return round(abs(bits), 3)


def hex_lines(data: bytes) -> list[dict[str, Any]]:
    """The usual dump: sixteen bytes a line, with what of them is printable."""
    return [
        {
            "offset": place,
            "hex": data[place : place + 16].hex(" "),
            "text": "".join(
                chr(byte) if 32 <= byte < 127 else "." for byte in data[place : place + 16]
            ),
        }
        for place in range(0, len(data), 16)
    ]


def _reading(entropy: float, total: int) -> str:
    if total == 0:
        return "empty"
    if total < 1024:
        return "too short to say"
    if entropy > 7.9:
        return "compressed, encrypted or random"
    if entropy > 6.5:
        return "dense, such as compressed data or machine code with data"
    return (
        "structured, such as tables or machine code"
        if entropy > 3.5
        else "repetitive or mostly text"
    )


def _share(count: int, total: int) -> float:
    return round(count / total, 4) if total else 0.0
