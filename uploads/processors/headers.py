"""What files of measurements, models and maps say in their first bytes, for the binary step."""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uploads.processors.bounds import clip

HEAD = 64 * 1024  # bytes
TORRENT = 8 * 1024 * 1024  # bytes: the sums of a large one take some
DEEP = 20  # levels of a torrent's lists
WORDS = 300  # characters

_BROKEN = (
    *(struct.error, IndexError, KeyError, ValueError, OverflowError),
    *(SyntaxError, TypeError, AttributeError),
)


def header(path: Path, media_type: str, size: int) -> dict[str, Any] | None:
    """What the header says, or None where nothing here reads it or it is broken."""
    read = _READERS.get(media_type)
    if read is None:
        return None
    with path.open("rb") as file:
        data = file.read(TORRENT if read is _torrent else HEAD)
    try:
        return read(data, size)
    except (*_BROKEN, RecursionError, MemoryError):
        return None


def _numpy(data: bytes, size: int) -> dict[str, Any]:
    """numpy.lib.format: a dictionary as Python writes it."""
    start, form = (10, "<H") if data[6] == 1 else (12, "<I")
    (length,) = struct.unpack_from(form, data, 8)
    said = ast.literal_eval(data[start : start + length][:4096].decode("latin-1").strip())
    shape = tuple(int(side) for side in said["shape"])
    return {
        "format": "NumPy",
        "shape": " × ".join(map(str, shape)) or "one value",
        "type": clip(str(said["descr"]), 100),
        "order": "by columns" if said["fortran_order"] else "by rows",
    }


def _stl(data: bytes, size: int) -> dict[str, Any]:
    return {
        "format": "STL",
        "triangles": struct.unpack_from("<I", data, 80)[0],
        "title": clip(data[:80].split(b"\0")[0].decode("latin-1").strip(), 80) or None,
    }


_SHAPES = {0: "nothing", 1: "points", 3: "lines", 5: "polygons", 8: "many points", 31: "surfaces"}


def _shapefile(data: bytes, size: int) -> dict[str, Any]:
    """ESRI Shapefile Technical Description, table 1"""
    (kind,) = struct.unpack_from("<i", data, 32)
    west, south, east, north = struct.unpack_from("<4d", data, 36)
    return {
        "format": "Shapefile",
        "shapes": _SHAPES.get(kind % 10 if kind != 31 else 31, f"type {kind}"),
        "from": f"{west:g}, {south:g}",
        "to": f"{east:g}, {north:g}",
    }


def _dbase(data: bytes, size: int) -> dict[str, Any]:
    rows, length = struct.unpack_from("<IH", data, 4)
    places = range(32, min(length, len(data)) - 32, 32)
    names = [data[place : place + 11].split(b"\0")[0].decode("latin-1") for place in places]
    changed = f"{1900 + data[1]}-{data[2]:02}-{data[3]:02}"
    return {
        "format": "dBase",
        "rows": rows,
        "columns": clip(", ".join(names), WORDS),
        "changed": changed,
    }


# Group, element: what it holds (DICOM PS3.6); of the first ones, who it is about.
_DICOM = {
    b"\x10\x00\x10\x00": "patient",
    b"\x10\x00\x30\x00": "born",
    b"\x08\x00\x20\x00": "date",
    b"\x08\x00\x60\x00": "modality",
    b"\x08\x00\x70\x00": "maker",
    b"\x08\x00\x80\x00": "institution",
    b"\x08\x00\x30\x10": "study",
}
_SIDES = {b"\x28\x00\x10\x00": "rows", b"\x28\x00\x11\x00": "columns"}


def _dicom(data: bytes, size: int) -> dict[str, Any]:
    """Elements whose type is written beside them; their order in the file is by number."""
    found: dict[str, Any] = {"format": "DICOM"}
    for tag, name in _DICOM.items():
        place = data.find(tag, 132)
        if place >= 0 and data[place + 4 : place + 6] in (b"PN", b"DA", b"CS", b"LO"):
            (length,) = struct.unpack_from("<H", data, place + 6)
            text = data[place + 8 : place + 8 + length].decode("utf-8", "replace")
            found[name] = clip(text.strip("\0 ").replace("^", " "), 100) or None
    for tag, name in _SIDES.items():
        place = data.find(tag + b"US\x02\0", 132)
        if place >= 0:
            (found[name],) = struct.unpack_from("<H", data, place + 8)
    found["tells_who"] = bool(found.get("patient") or found.get("born"))
    return found


def _torrent(data: bytes, size: int) -> dict[str, Any]:
    """BEP 3"""
    said = _bencoded(data)
    info = said[b"info"]
    files = info.get(b"files") or [info]
    return {
        "format": "BitTorrent",
        "name": _words(info.get(b"name")),
        "files": len(files),
        "bytes": sum(int(one.get(b"length", 0)) for one in files),
        "tracker": _words(said.get(b"announce")),
        "comment": _words(said.get(b"comment")),
        "made_with": _words(said.get(b"created by")),
        "private": bool(info.get(b"private")),
        "first_file": _words(b"/".join(files[0].get(b"path", [])) if b"files" in info else None),
    }


def _words(value: Any) -> str | None:
    return clip(value.decode("utf-8", "replace"), WORDS) if isinstance(value, bytes) else None


_MARK = re.compile(rb"i(-?\d{1,19})e|(\d{1,8}):|[dle]")


def _bencoded(data: bytes) -> Any:
    """The first value, without recursion. Raises ValueError, TypeError or IndexError."""
    open_lists: list[tuple[bool, list[Any]]] = []
    place = 0
    while True:
        mark = _MARK.match(data, place)
        if mark is None or len(open_lists) > DEEP:
            raise ValueError("not bencoded")
        place = mark.end()
        value: Any
        if mark[0] in (b"d", b"l"):
            open_lists.append((mark[0] == b"d", []))
            continue
        if mark[1]:
            value = int(mark[1])
        elif mark[2]:
            value = data[place : place + int(mark[2])]
            place += int(mark[2])
        else:
            keyed, items = open_lists.pop()
            value = dict(zip(items[::2], items[1::2], strict=True)) if keyed else items
        if not open_lists:
            return value
        open_lists[-1][1].append(value)


_READERS: dict[str, Callable[[bytes, int], dict[str, Any]]] = {
    "application/x-numpy-data": _numpy,
    "model/stl": _stl,
    "application/x-shapefile": _shapefile,
    "application/x-dbf": _dbase,
    "application/dicom": _dicom,
    "application/x-bittorrent": _torrent,
}
