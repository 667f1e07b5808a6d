"""Writes small OLE compound files ([MS-CFB]), all of whose streams lie in the mini stream."""

from __future__ import annotations

import struct
from typing import Any

END, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
Tree = dict[str, Any]  # name → bytes, or a Tree


def compound(tree: Tree) -> bytes:
    entries: list[dict[str, Any]] = []
    mini = bytearray()
    mini_fat: list[int] = []
    _storage("Root Entry", tree, 5, entries, mini, mini_fat)
    directory = b"".join(_entry(**entry) for entry in entries)
    directory += bytes(-len(directory) % 512)
    directories, tables = len(directory) // 512, -(-len(mini_fat) // 128) or 1
    streams = -(-len(mini) // 512)
    first_table, first_stream = 1 + directories, 1 + directories + tables
    fat = [
        FAT,
        *_chain(1, directories),
        *_chain(first_table, tables),
        *_chain(first_stream, streams),
    ]
    # The root entry owns the mini stream.
    directory = directory[:116] + struct.pack("<IQ", first_stream, len(mini)) + directory[128:]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack(
        "<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, first_table, tables, END, 0
    )
    header += struct.pack("<109I", 0, *[FREE] * 108)
    return (
        header
        + _table(fat)
        + directory
        + _table(mini_fat).ljust(512 * tables, b"\xff")
        + bytes(mini)
        + bytes(-len(mini) % 512)
    )


def _chain(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), END] if count else []


def _table(numbers: list[int]) -> bytes:
    data = struct.pack(f"<{len(numbers)}I", *numbers)
    return data + b"\xff" * (-len(data) % 512 or (0 if data else 512))


def _storage(
    name: str,
    tree: Tree,
    kind: int,
    entries: list[dict[str, Any]],
    mini: bytearray,
    mini_fat: list[int],
) -> int:
    number = len(entries)
    entry: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "child": FREE,
        "right": FREE,
        "start": 0,
        "size": 0,
    }
    entries.append(entry)
    previous = None
    for child, content in tree.items():
        if isinstance(content, dict):
            added = _storage(child, content, 1, entries, mini, mini_fat)
        else:
            added = len(entries)
            start = len(mini) // 64 if content else END
            entries.append(
                {
                    "name": child,
                    "kind": 2,
                    "child": FREE,
                    "right": FREE,
                    "start": start,
                    "size": len(content),
                }
            )
            mini_fat += _chain(len(mini) // 64, -(-len(content) // 64))
            mini += content + bytes(-len(content) % 64)
        if previous is None:
            entry["child"] = added
        else:
            entries[previous]["right"] = added
        previous = added
    return number


def _entry(name: str, kind: int, child: int, right: int, start: int, size: int) -> bytes:
    coded = (name + "\0").encode("utf-16-le")
    return coded.ljust(64, b"\0") + struct.pack(
        "<HBBIII16xI16xIQ", len(coded), kind, 1, FREE, right, child, 0, start, size
    )


def outlook_message(
    subject: str, body: str, sender: str, attached: tuple[str, bytes | Tree]
) -> bytes:
    """[MS-OXMSG]: one recipient, one attachment: of bytes, or an object in a storage of its own."""
    return compound(outlook_tree(subject, body, sender, attached, header=32))


def outlook_tree(
    subject: str, body: str, sender: str, attached: tuple[str, bytes | Tree], header: int = 24
) -> Tree:
    """A message inside another one. `header`: bytes before its properties, 32 in a whole file."""

    def text(number: int, words: str) -> tuple[str, bytes]:
        return f"__substg1.0_{number:04X}001F", words.encode("utf-16-le")

    def properties(header: int, *numbers: tuple[int, int, int]) -> bytes:
        rows = [struct.pack("<HHIQ", kind, number, 6, value) for number, kind, value in numbers]
        return bytes(header) + b"".join(rows)

    def strings(*numbers: int) -> list[tuple[int, int, int]]:
        return [(number, 0x1F, 0) for number in numbers]

    name, content = attached
    kind = 0x102 if isinstance(content, bytes) else 0x0D
    inside: Tree = {f"__substg1.0_3701{kind:04X}": content}
    return {
        "__properties_version1.0": properties(header, *strings(0x37, 0x1000, 0x5D01, 0x1A)),
        **dict(
            [
                text(0x37, subject),
                text(0x1000, body),
                text(0x5D01, sender),
                text(0x1A, "IPM.Note"),
            ]
        ),
        "__nameid_version1.0": {"__substg1.0_00020102": b"", "__substg1.0_00030102": b""},
        "__recip_version1.0_#00000000": {
            "__properties_version1.0": properties(8, *strings(0x3001, 0x39FE)),
            **dict([text(0x3001, "Bob"), text(0x39FE, "bob@example.org")]),
        },
        "__attach_version1.0_#00000000": {
            "__properties_version1.0": properties(
                8, *strings(0x3707), (0x3705, 3, 1), (0x3701, kind, 0)
            ),
            **dict([text(0x3707, name)]),
            **inside,
        },
    }
