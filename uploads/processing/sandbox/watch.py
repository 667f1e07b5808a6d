"""Measures what no limit of the kernel bounds: memory in use, threads, the whole of a folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from uploads.processing.sandbox.contract import MIB, Caps, Reason

LOOK_SECONDS = 0.05
DEPTH = 32  # folders within folders; deeper ones count as too much
# A file that is deleted while it is open or mapped fills the disk unseen, so the bytes written
# count too.
_WRITTEN_TIMES = 2
_WRITTEN_SPARE = 64 * MIB
# Looking at folders takes at most this part of the watcher's time.
_FOLDER_PART = 10


@dataclass
class Watched:
    """One child under watch. `base` is the memory that it had from its fork on, in bytes."""

    pid: int
    folder: Path  # of the whole run
    caps: Caps
    base: int
    _folder_at: float = field(default_factory=time.monotonic)

    def excess(self) -> Reason | None:
        """The cap that is exceeded now, if any."""
        return self._of_process() or self._of_writing() or self._of_folder()

    def _of_process(self) -> Reason | None:
        try:
            status = status_of(self.pid)
        except OSError:
            return None  # it has just ended
        if memory_in(status) - self.base > self.caps.memory:
            return "memory_cap"
        if status.get(b"Threads", 0) > self.caps.threads:
            return "thread_cap"
        return None

    def _of_writing(self) -> Reason | None:
        try:
            lines = Path(f"/proc/{self.pid}/io").read_bytes().split(b"\n")
        except OSError:
            return None  # not ours to see where Landlock is missing, or it has just ended
        counts = dict(line.split(b": ") for line in lines if b": " in line)
        written = int(counts.get(b"write_bytes", 0)) - int(counts.get(b"cancelled_write_bytes", 0))
        return "disk_cap" if written > self.caps.disk * _WRITTEN_TIMES + _WRITTEN_SPARE else None

    def _of_folder(self) -> Reason | None:
        began = time.monotonic()
        if began < self._folder_at:
            return None
        within = folder_within(self.folder, self.caps)
        took = time.monotonic() - began
        self._folder_at = began + took * _FOLDER_PART
        return None if within else "disk_cap"


def folder_within(folder: Path, caps: Caps) -> bool:
    """Whether a folder with all that is in it keeps to the caps. Follows no link."""
    room = _Room(caps.disk, caps.files)
    try:
        _count(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), room, DEPTH)
    except _Full:
        return False
    except OSError:
        return True  # it is being removed, or not made yet
    return True


class _Full(Exception):
    """There is more than the caps allow."""


@dataclass
class _Room:
    size: int
    files: int

    def take(self, status: os.stat_result) -> None:
        self.size -= status.st_blocks * 512
        self.files -= 1
        if self.size < 0 or self.files < 0:
            raise _Full


def _count(folder: int, room: _Room, depth: int) -> None:
    if depth == 0:
        os.close(folder)
        raise _Full
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                _count_entry(folder, entry, room, depth)
    finally:
        os.close(folder)


def _count_entry(folder: int, entry: os.DirEntry[str], room: _Room, depth: int) -> None:
    try:
        room.take(entry.stat(follow_symlinks=False))
        if not entry.is_dir(follow_symlinks=False):
            return
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
        inner = os.open(entry.name, flags, dir_fd=folder)
    except PermissionError:
        raise _Full from None  # a folder that is closed to its own owner hides something
    except OSError:
        return  # gone meanwhile
    _count(inner, room, depth - 1)


def status_of(pid: int) -> dict[bytes, int]:
    """The numbers of /proc/PID/status; sizes in KiB. Raises OSError when it has ended."""
    numbers = {}
    for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
        name, _, value = line.partition(b":")
        first = value.split(None, 1)[:1]
        if first and first[0].isdigit():
            numbers[name] = int(first[0])
    return numbers


def memory_in(status: Mapping[bytes, int]) -> int:
    """Bytes in use. Pages of files don't count: those of a big one that is mapped can go."""
    return (status.get(b"RssAnon", 0) + status.get(b"RssShmem", 0)) * 1024
