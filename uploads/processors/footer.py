"""The footer of a Parquet file: row groups, codecs and maker, which the table reader doesn't tell.

It is written in Thrift's compact protocol (thrift-compact-protocol.md); the fields are those of
parquet.thrift. Only what is shown is kept, the rest is stepped over.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from uploads.processors.bounds import clip

FOOTER_BYTES = 16 * 1024 * 1024
DEPTH = 32
CODECS = ("uncompressed", "snappy", "gzip", "lzo", "brotli", "lz4", "zstd", "lz4 raw")

_STOP, _TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = (
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    10,
    11,
    12,
)


def read(path: Path) -> dict[str, Any]:
    """{row_groups, codecs, created_by}, each null where the footer can't be read."""
    unknown: dict[str, Any] = {"row_groups": None, "codecs": None, "created_by": None}
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        (length,) = struct.unpack("<I", file.read(4).ljust(4, b"\0"))
        if not 0 < length < min(size, FOOTER_BYTES):
            return unknown
        file.seek(size - 8 - length)
        data = file.read(length)
    try:
        fields = Compact(data).struct(0)
        return _shown(fields)
    except (IndexError, ValueError, TypeError, KeyError, AttributeError):
        return unknown


def _shown(fields: dict[int, Any]) -> dict[str, Any]:
    """FileMetaData: 4 row_groups, 6 created_by; RowGroup: 1 columns; ColumnChunk: 3
    meta_data, 4 codec.
    """
    groups = fields.get(4, [])
    codecs = {
        column[3][4] for group in groups[:100] for column in group.get(1, [])[:1000] if 3 in column
    }
    maker = fields.get(6)
    return {
        "row_groups": len(groups),
        "codecs": sorted(CODECS[code] if 0 <= code < len(CODECS) else f"{code}" for code in codecs),
        "created_by": clip(maker.decode("utf-8", "replace"), 200) if maker else None,
    }


class Compact:
    """Reads Thrift's compact protocol; raises IndexError or ValueError where the bytes
    don't fit it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def struct(self, depth: int) -> dict[int, Any]:
        """{field number: value}"""
        if depth > DEPTH:
            raise ValueError("nested too deep")
        fields: dict[int, Any] = {}
        number = 0
        while (head := self._byte()) != _STOP:
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 15, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind in (4, 5, 6):
            return self._signed()
        if kind == _BINARY:
            return self._bytes(self._number())
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_BYTE, _DOUBLE):
            return self._bytes(1 if kind == _BYTE else 8)
        raise ValueError(f"type {kind} doesn't occur in a footer")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 15 else self._number()
        if count > len(self._data):
            raise ValueError("more items than bytes")
        if head & 15 in (_TRUE, _FALSE):
            return [self._byte() == _TRUE for _ in range(count)]
        return [self._value(head & 15, depth + 1) for _ in range(count)]

    def _byte(self) -> int:
        self._place += 1
        return self._data[self._place - 1]

    def _bytes(self, count: int) -> bytes:
        if count > len(self._data) - self._place:
            raise ValueError("longer than what is left")
        self._place += count
        return self._data[self._place - count : self._place]

    def _number(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._number()
        return (value >> 1) ^ -(value & 1)
