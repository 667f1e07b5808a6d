"""The one page that a child shares with the fork server: the measure that it holds back for now.

A child sends its progress no more often than can be seen. What it measured last, and has not sent,
stands here meanwhile: were it to fall silent, somebody else can tell. Writing it costs a
microsecond and wakes nobody. Whoever reads it takes it for an enemy's: it may be torn, or anything.
"""

from __future__ import annotations

import mmap
import struct
import zlib

_HEAD = struct.Struct("<IH")  # checksum, bytes of the line
LINE_BYTES = 1024
_EMPTY = bytes(_HEAD.size)


class Page:
    """Made before the fork; of anonymous memory, so that there is no descriptor to it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size + LINE_BYTES)
        self._seen = b""
        self._told = False

    def own(self) -> None:
        """After the fork, in the parent: children that are forked later don't get this one."""
        self._memory.madvise(mmap.MADV_DONTFORK)

    def close(self) -> None:
        self._memory.close()

    def write(self, line: bytes) -> None:
        """In the child. A line that is too long is not written."""
        if len(line) <= LINE_BYTES:
            head = _HEAD.pack(zlib.crc32(line), len(line))
            self._memory[: _HEAD.size + len(line)] = head + line

    def clear(self) -> None:
        """In the child: what stood there has been sent."""
        self._memory[: _HEAD.size] = _EMPTY

    def read(self) -> bytes:
        """The line that stands there; empty where there is none, or half of one."""
        checksum, size = _HEAD.unpack(self._memory[: _HEAD.size])
        line = self._memory[_HEAD.size : _HEAD.size + min(size, LINE_BYTES)]
        return line if zlib.crc32(line) == checksum else b""

    def left_standing(self) -> bytes:
        """The line, once, when it stands there since the last look: its child has fallen silent.
        Of a child that goes on by itself there is nothing to tell.
        """
        line = self.read()
        if line != self._seen:
            self._seen, self._told = line, False
            return b""
        told, self._told = self._told, True
        return b"" if told else line
