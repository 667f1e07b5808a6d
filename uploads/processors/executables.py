"""The headers of programs: ELF, Windows PE, Mach-O and WebAssembly, for the binary step."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HEAD = 64 * 1024  # bytes

_ELF_MACHINES = {
    3: "x86",
    8: "MIPS",
    20: "PowerPC",
    21: "PowerPC 64",
    40: "ARM",
    62: "x86-64",
    183: "ARM 64",
    243: "RISC-V",
}
_ELF_KINDS = {1: "object", 2: "program", 3: "shared library or program", 4: "core dump"}
_ELF_SYSTEMS = {0: "System V", 3: "Linux", 9: "FreeBSD", 12: "OpenBSD"}
_PE_MACHINES = {0x14C: "x86", 0x8664: "x86-64", 0x1C0: "ARM", 0x1C4: "ARM Thumb", 0xAA64: "ARM 64"}
_PE_SUBSYSTEMS = {1: "driver", 2: "window", 3: "console", 9: "Windows CE", 10: "EFI"}
_MACH_MACHINES = {7: "x86", 0x01000007: "x86-64", 12: "ARM", 0x0100000C: "ARM 64"}
_MACH_KINDS = {1: "object", 2: "program", 4: "core dump", 6: "shared library", 8: "bundle"}
_WASM_SECTIONS = (
    "custom",
    "type",
    "import",
    "function",
    "table",
    "memory",
    "global",
    "export",
    "start",
    "element",
    "code",
    "data",
)


def header(path: Path) -> dict[str, Any] | None:
    """What a program's header says, or None where the file isn't one or its header is broken."""
    with path.open("rb") as file:
        data = file.read(HEAD)
    for mark, read in ((b"\x7fELF", _elf), (b"MZ", _pe), (b"\x00asm", _wasm)):
        if data.startswith(mark):
            return _or_none(read, data)
    if data[:4] in (
        b"\xce\xfa\xed\xfe",
        b"\xcf\xfa\xed\xfe",
        b"\xfe\xed\xfa\xce",
        b"\xfe\xed\xfa\xcf",
    ):
        return _or_none(_mach, data)
    return None


def _or_none(read: Any, data: bytes) -> dict[str, Any] | None:
    try:
        return dict(read(data))
    except (struct.error, IndexError, KeyError, ValueError, OverflowError):
        return None


def _elf(data: bytes) -> dict[str, Any]:
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    kind, machine = struct.unpack_from(order + "HH", data, 16)
    (entry,) = struct.unpack_from(order + ("Q" if wide else "I"), data, 24)
    sections = struct.unpack_from(order + "H", data, 60 if wide else 48)[0]
    return {
        "format": "ELF",
        "bits": 64 if wide else 32,
        "order": "little-endian" if order == "<" else "big-endian",
        "system": _ELF_SYSTEMS.get(data[7], f"{data[7]}"),
        "machine": _ELF_MACHINES.get(machine, f"machine {machine}"),
        "type": _ELF_KINDS.get(kind, f"type {kind}"),
        "entry": hex(entry),
        "sections": sections,
    }


def _pe(data: bytes) -> dict[str, Any]:
    (place,) = struct.unpack_from("<I", data, 60)
    if data[place : place + 4] != b"PE\0\0":
        raise ValueError("no PE header")
    machine, sections, made, _, _, optional, flags = struct.unpack_from("<HHIIIHH", data, place + 4)
    wide = struct.unpack_from("<H", data, place + 24)[0] == 0x20B
    (subsystem,) = struct.unpack_from("<H", data, place + 24 + 68)
    table = place + 24 + optional
    names = [
        data[table + 40 * at : table + 40 * at + 8].rstrip(b"\0").decode("ascii", "replace")
        for at in range(min(sections, 40))
    ]
    return {
        "format": "PE",
        "bits": 64 if wide else 32,
        "machine": _PE_MACHINES.get(machine, hex(machine)),
        "type": "library" if flags & 0x2000 else "program",
        "subsystem": _PE_SUBSYSTEMS.get(subsystem, f"{subsystem}"),
        "made_at": datetime.fromtimestamp(made, UTC).isoformat(),
        "sections": names,
    }


def _mach(data: bytes) -> dict[str, Any]:
    order = "<" if data[3] == 0xFE else ">"
    machine, _, kind, commands = struct.unpack_from(order + "IIII", data, 4)
    return {
        "format": "Mach-O",
        "bits": 64 if 0xCF in data[:4] else 32,
        "machine": _MACH_MACHINES.get(machine, hex(machine)),
        "type": _MACH_KINDS.get(kind, f"type {kind}"),
        "commands": commands,
    }


def _wasm(data: bytes) -> dict[str, Any]:
    (version,) = struct.unpack_from("<I", data, 4)
    place = 8
    found: list[dict[str, Any]] = []
    while place < len(data) and len(found) < 100:
        section = data[place]
        length, used = _leb128(data, place + 1)
        name = _WASM_SECTIONS[section] if section < len(_WASM_SECTIONS) else f"section {section}"
        found.append({"name": name, "bytes": length})
        place += 1 + used + length
    return {"format": "WebAssembly", "version": version, "sections": found}


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    """An unsigned LEB128 number and how many bytes it took."""
    value = 0
    for used in range(5):
        byte = data[place + used]
        value |= (byte & 0x7F) << (7 * used)
        if byte < 0x80:
            return value, used + 1
    raise ValueError("a number of more than five bytes")
