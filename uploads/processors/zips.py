"""The only way into a zip file: sizes are counted while they stream, never believed
from a header.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from uploads.processors.failures import BadFile

BLOCK = 256 * 1024  # bytes
DIRECTORY_BYTES = 64 * 1024 * 1024  # of the central directory
ENTRIES = 200_000
TOTAL = 2 * 1024**3  # bytes that all reading together unpacks

# What zipfile and the decompressors below it raise for broken archives.
ERRORS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
)


class Archive(zipfile.ZipFile):
    """One that counts what was unpacked of it by `blocks`: parts may be read again and again."""

    unpacked = 0


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """A zip file whose directory is of bearable size. Raises BadFile where it can't be read."""
    check_directory(path)
    try:
        archive = Archive(path)
    except ERRORS as error:
        raise BadFile(f"The zip file can't be opened: {said(error)}.") from error
    with archive:
        yield archive


def check_directory(path: Path) -> None:
    """Raises BadFile where the directory alone would take too much memory (zipfile
    reads it whole).
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 65_557 - 20))  # the longest end record, and its 64-bit locator
        end = file.read()
        mark = end.rfind(b"PK\x05\x06")
        if mark < 0 or mark + 22 > len(end):
            raise BadFile("The zip file ends before its directory: it is cut off or damaged.")
        entries, length = struct.unpack_from("<HI", end, mark + 10)
        if (entries == 0xFFFF or length == 0xFFFFFFFF) and (found := _wide(file, end, mark)):
            entries, length = found
    if entries > ENTRIES or length > DIRECTORY_BYTES:
        raise BadFile(
            f"The zip file claims {entries:,} entries in a directory of {length:,} bytes; "
            f"at most {ENTRIES:,} in {DIRECTORY_BYTES // 1024**2} MiB are read."
        )


def _wide(file: object, end: bytes, mark: int) -> tuple[int, int] | None:
    """Entries and length from the 64-bit record (APPNOTE 4.3.14), where there is one."""
    if end[mark - 20 : mark - 16] != b"PK\x06\x07":
        return None
    (place,) = struct.unpack_from("<Q", end, mark - 12)
    file.seek(place)  # type: ignore[attr-defined]
    record = file.read(56)  # type: ignore[attr-defined]
    if record[:4] != b"PK\x06\x06" or len(record) < 56:
        return None
    _, entries, length = struct.unpack_from("<QQQ", record, 24)
    return entries, length


def blocks(archive: zipfile.ZipFile, name: str, limit: int, total: int = TOTAL) -> Iterator[bytes]:
    """A member's content in blocks. Raises BadFile once it has more than `limit` bytes, or all that
    was read so far more than `total`, or where it is broken.
    """
    done = 0
    try:
        with archive.open(name) as member:
            while block := member.read(BLOCK):
                done += len(block)
                if done > limit:
                    raise BadFile(
                        f"{name[:100]!r} inside unpacks to more than {limit / 1024**2:,.0f} MiB."
                    )
                if isinstance(archive, Archive):
                    archive.unpacked += len(block)
                    if archive.unpacked > total:
                        raise BadFile(
                            f"What is inside unpacks to more than {total / 1024**2:,.0f} MiB."
                        )
                yield block
    except ERRORS as error:
        raise BadFile(f"{name[:100]!r} inside can't be read: {said(error)}.") from error


def content(archive: zipfile.ZipFile, name: str, limit: int, total: int = TOTAL) -> bytes:
    """A member's whole content, of at most `limit` bytes. Raises BadFile as `blocks` does."""
    return b"".join(blocks(archive, name, limit, total))


def said(error: Exception) -> str:
    """The library's words without a full stop and a name from inside."""
    words = str(error).strip().splitlines()
    line = words[0] if words else type(error).__name__
    return line.partition(": ")[0].strip("'\" .")[:150] or type(error).__name__
