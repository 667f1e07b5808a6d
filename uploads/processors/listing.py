"""The entries of an archive as they come by: counted, weighed, and looked at with suspicion."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from uploads.processors.bounds import clip, within
from uploads.processors.failures import BadFile
from uploads.processors.media_types import BY_EXTENSION, MEDIA_TYPES, extension_of

ENTRIES = 200_000  # listed at most
TREE = 2000  # entries shown
TREE_BUDGET = 128 * 1024  # bytes of JSON
UNPACKED = 2 * 1024**3  # bytes that are unpacked to be counted; about 7 s
BOMB_RATIO = 60  # times its own size: no sensible content of 2 GiB shrinks that much
WARNINGS = 50
NAME = 300  # characters shown of a path
LARGEST = 10


@dataclass(frozen=True)
class Entry:
    """One member. `size` is unpacked, `packed` what it takes in the archive, None where unknown."""

    path: str
    type: str  # file, directory, link, device
    size: int
    packed: int | None = None
    modified: str | None = None
    encrypted: bool = False
    target: str | None = None  # of a link
    mode: int | None = None


class Enough(Exception):
    """Enough was unpacked: the rest is left uncounted."""


class Listing:
    """Takes every entry with `add`; `count` is told of every unpacked byte."""

    def __init__(self, archive_bytes: int) -> None:
        self.archive_bytes = archive_bytes
        self.unpacked = 0
        self.verified = True
        self.broken: list[str] = []
        self.warnings: list[dict[str, str]] = []
        self._types: Counter[str] = Counter()
        self._extensions: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._names: set[str] = set()
        self._shown: list[Entry] = []
        self._largest: list[tuple[int, str]] = []
        self._nested: list[str] = []
        self._entries = self._size = self._encrypted = 0

    @property
    def full(self) -> bool:
        return self._entries >= ENTRIES

    def add(self, entry: Entry) -> None:
        self._entries += 1
        self._types[entry.type] += 1
        self._encrypted += entry.encrypted
        if len(self._shown) < TREE:
            self._shown.append(entry)
        self._suspect(entry)
        if entry.type == "file":
            self._weigh(entry)

    def count(self, unpacked: int) -> bool:
        """Note so many unpacked bytes; False once there are too many to go on counting.

        Raises BadFile where they are out of all proportion to the archive.
        """
        self.unpacked += unpacked
        if self.unpacked <= UNPACKED:
            return True
        ratio = self.unpacked / max(self.archive_bytes, 1)
        if ratio > BOMB_RATIO:
            raise BadFile(
                f"It unpacks to more than {UNPACKED / 1024**3:.0f} GiB, over {ratio:,.0f} times "
                "its size: it looks like a bomb and wasn't unpacked further."
            )
        self.verified = False
        return False

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks. Raises Enough in place of the first one that is too many, BadFile as
        `count` does.
        """
        for block in blocks:
            if not self.count(len(block)):
                raise Enough
            yield block

    def warn(self, kind: str, path: str, message: str) -> None:
        if len(self.warnings) < WARNINGS:
            self.warnings.append({"kind": kind, "entry": clip(path, NAME), "message": message})

    def result(self) -> dict[str, Any]:
        total = max(self._size, self.unpacked) if self.verified else self._size
        return {
            "entries": self._entries,
            "files": self._types["file"],
            "directories": self._types["directory"],
            "links": self._types["link"],
            "total_size": total,
            "packed_size": self.archive_bytes,
            "ratio": round(total / self.archive_bytes, 2) if self.archive_bytes else None,
            "encrypted": self._encrypted,
            "verified": self.verified and not self._encrypted,
            "broken": [clip(name, NAME) for name in self.broken[:WARNINGS]],
            "warnings": self.warnings,
            "types": [
                {"extension": extension, "count": count, "size": self._bytes[extension]}
                for extension, count in self._extensions.most_common(20)
            ],
            "largest": [{"path": clip(path, NAME), "size": size} for size, path in self._largest],
            "nested": self._nested,
            **self._tree(),
        }

    def _tree(self) -> dict[str, Any]:
        rows = within((_row(entry) for entry in self._shown), TREE_BUDGET)
        return {"tree": rows, "truncated": len(rows) < self._entries}

    def _weigh(self, entry: Entry) -> None:
        extension = extension_of(entry.path)
        if extension in self._extensions or len(self._extensions) < 1000:
            self._extensions[extension] += 1
            self._bytes[extension] += entry.size
        self._size += entry.size
        self._largest = sorted([*self._largest, (entry.size, entry.path)], reverse=True)[:LARGEST]
        kinds = {MEDIA_TYPES[known].kind for known in BY_EXTENSION.get(extension, ())}
        if "archive" in kinds and len(self._nested) < 50:
            self._nested.append(clip(entry.path, NAME))

    def _suspect(self, entry: Entry) -> None:
        for kind, message in suspicions(entry):
            self.warn(kind, entry.path, message)
        plain = entry.path.rstrip("/")
        if plain in self._names and entry.type == "file":
            self.warn("duplicate", entry.path, "the name is in the archive twice")
        self._names.add(plain)


def suspicions(entry: Entry) -> list[tuple[str, str]]:
    """(kind, message) for what could harm where the archive is unpacked carelessly."""
    found = []
    if _leaves(entry.path):
        found.append(("path", "leads outside of the folder where it is unpacked"))
    if entry.target is not None:
        inside = entry.target.startswith("/") or _leaves(
            posixpath.join(posixpath.dirname(entry.path), entry.target)
        )
        if inside:
            found.append(("link", f"points outside, to {clip(entry.target, 100)}"))
    if entry.type == "device":
        found.append(("device", "is a device or pipe"))
    if entry.mode is not None and entry.mode & 0o6000 and entry.type == "file":
        found.append(("mode", "would run with its owner's rights (setuid or setgid)"))
    if any(unicodedata.category(char) in ("Cc", "Cf") for char in entry.path):
        found.append(("name", "has invisible characters in its name"))
    return found


def _leaves(path: str) -> bool:
    plain = path.replace("\\", "/")
    if plain.startswith("/") or re.match(r"[A-Za-z]:", plain):
        return True
    return posixpath.normpath(plain).startswith("..")


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"path": clip(entry.path, NAME), "type": entry.type, "size": entry.size}
    if entry.packed is not None:
        row["packed"] = entry.packed
    if entry.modified is not None:
        row["modified"] = entry.modified
    if entry.encrypted:
        row["encrypted"] = True
    if entry.target is not None:
        row["target"] = clip(entry.target, NAME)
    return row
