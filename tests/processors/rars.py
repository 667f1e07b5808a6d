"""RAR archives, old and new, whose members are stored; made here, as no free program makes any."""

from __future__ import annotations

import struct
from zlib import crc32

MODIFIED = 1_700_000_000  # 2023-11-14T22:13:20Z


def rar5(members: dict[str, bytes]) -> bytes:
    """As RAR 5 and later write them."""
    blocks = [_block(_number(1) + _number(0) + _number(0))]
    for name, content in members.items():
        path = name.encode()
        head = [
            _number(2),  # a file
            _number(2),  # with data behind it
            _number(len(content)),
            _number(2 | 4),  # its time and its check sum are told
            _number(len(content)),
            _number(0o100644),
            struct.pack("<II", MODIFIED, crc32(content)),
            _number(0),  # stored
            _number(1),  # made on Unix
            _number(len(path)),
            path,
        ]
        blocks.append(_block(b"".join(head)) + content)
    return b"Rar!\x1a\x07\x01\0" + b"".join(blocks) + _block(_number(5) + _number(0) + _number(0))


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _block(head: bytes) -> bytes:
    sized = _number(len(head)) + head
    return struct.pack("<I", crc32(sized)) + sized


def rar4(members: dict[str, bytes]) -> bytes:
    """As RAR 1.5 to 4 wrote them."""
    blocks = [_old_block(0x73, 0, bytes(6))]
    for name, content in members.items():
        path = name.encode()
        sizes = struct.pack("<II", len(content), len(content))
        rest = struct.pack("<BIIBBHI", 3, crc32(content), 0x576EB1AA, 20, 0x30, len(path), 0o100644)
        blocks.append(_old_block(0x74, 0x8000, sizes + rest + path) + content)
    return b"Rar!\x1a\x07\0" + b"".join(blocks) + _old_block(0x7B, 0x4000, b"")


def _old_block(kind: int, flags: int, body: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(body)) + body
    return struct.pack("<H", crc32(head) & 0xFFFF) + head
