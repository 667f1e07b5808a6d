"""Web fonts are compressed: what comes out is counted here before a library takes it whole."""

from __future__ import annotations

import struct
import zlib

from uploads.processors.failures import BadFile

UNPACKED = 256 * 1024 * 1024  # bytes of all tables
TABLES = 1000
_BLOCK = 1024 * 1024
_WOFF_HEAD, _WOFF_ROW, _WOFF2_HEAD = 44, 20, 48


def check(content: bytes) -> None:
    """Raises BadFile for a web font that unpacks to more than a font can be. What is broken
    otherwise is left to who reads it.
    """
    if content[:4] not in (b"wOFF", b"wOF2"):
        return
    tables = int.from_bytes(content[12:14], "big")
    if tables > TABLES:
        raise BadFile(f"The font claims {tables:,} tables.")
    if content[:4] == b"wOFF":
        _check_woff(content, tables)
    else:
        _check_woff2(content, tables)


def _check_woff(content: bytes, tables: int) -> None:
    left = UNPACKED
    for number in range(tables):
        at = _WOFF_HEAD + number * _WOFF_ROW
        row = content[at : at + _WOFF_ROW]
        if len(row) < _WOFF_ROW:
            return
        _, place, packed, size, _ = struct.unpack(">4sIIII", row)
        data = content[place : place + packed]
        left -= _inflated(data, left) if packed < size else len(data)
        if left < 0:
            raise _too_much()


def _inflated(data: bytes, room: int) -> int:
    """Bytes that come out, as soon as there are more than `room`."""
    unpacker = zlib.decompressobj()
    size = 0
    try:
        while size <= room and not unpacker.eof:
            block = unpacker.decompress(data, _BLOCK)
            if not block:
                break
            size += len(block)
            data = unpacker.unconsumed_tail
    except zlib.error:
        pass
    return size


def _check_woff2(content: bytes, tables: int) -> None:
    """All tables are one stream, behind their directory."""
    import brotli  # type: ignore[import-untyped]
    from fontTools.ttLib import TTLibError
    from fontTools.ttLib.woff2 import WOFF2DirectoryEntry

    rest = content[_WOFF2_HEAD:]
    try:
        for _ in range(tables):
            rest = WOFF2DirectoryEntry().fromString(rest)
        unpacker, data, size = brotli.Decompressor(), rest, 0
        while not unpacker.is_finished() and size <= UNPACKED:
            block = unpacker.process(data, output_buffer_limit=_BLOCK)
            if not block and not data:
                break
            data = b""
            size += len(block)
    except (brotli.error, TTLibError, IndexError, struct.error, AssertionError):
        return
    if size > UNPACKED:
        raise _too_much()


def _too_much() -> BadFile:
    return BadFile(f"The font unpacks to more than {UNPACKED // 1024**2} MiB.")
