"""The entries of a tar, compressed or not, and single files in gzip, bzip2, xz and Zstandard."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, BinaryIO

from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.listing import Enough, Entry, Listing
from uploads.processors.media_types import extension_of
from uploads.processors.members import goes_on

BLOCK = 256 * 1024  # bytes
HEADER_BYTES = 1024 * 1024  # of a name or attributes that stand before an entry

ERRORS = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, IndexError)


class _Zstd:
    """A reader of Zstandard that raises EOFError for what is broken, as the others do."""

    def __init__(self, file: BinaryIO) -> None:
        import zstandard

        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream = reader.stream_reader(file, read_across_frames=True)
        self._error = zstandard.ZstdError

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except self._error as error:
            raise EOFError(str(error)) from error


_OPENERS: dict[str, tuple[str | None, Callable[[BinaryIO], Any]]] = {
    "application/x-tar": (None, lambda file: file),
    "application/gzip": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    "application/x-bzip2": ("bzip2", bz2.BZ2File),
    "application/x-xz": ("xz", lzma.LZMAFile),
    "application/x-lzma": ("lzma", lzma.LZMAFile),
    "application/zstd": ("zstd", _Zstd),
}


def read(ctx: Context, listing: Listing) -> dict[str, Any]:
    """{format, compression, comment}; the entries go into the listing. Raises BadFile."""
    compression, opener = _OPENERS[ctx.media_type]
    with ctx.path.open("rb") as file:
        stream = Counted(opener(Watched(file, ctx)), listing)  # type: ignore[arg-type]
        try:
            first = stream.peek(512)
            is_tar = _begins_a_tar(first)
            if is_tar:
                _list(ctx, stream, listing)
            else:
                _single(ctx, stream, listing)
        except ERRORS as error:
            raise BadFile(f"The archive is broken: {_said(error)}.") from error
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {"format": "tar" if is_tar else compression, "compression": compression, "comment": None}


class Watched(io.RawIOBase):
    """The file below the decompressor: tells the progress in bytes."""

    def __init__(self, file: BinaryIO, ctx: Context) -> None:
        self._file = file
        self._ctx = ctx
        self._told = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        place = self._file.tell()
        if place - self._told > BLOCK:
            self._told = place
            self._ctx.progress(place, max(place, self._ctx.size), "bytes")
        return len(data)


class Counted:
    """The stream that comes out of the decompressor: every byte is counted by the listing."""

    def __init__(self, stream: Any, listing: Listing) -> None:
        self._stream = stream
        self._listing = listing
        self._ahead = b""

    def peek(self, size: int) -> bytes:
        self._ahead = self._take(size)
        return self._ahead

    def read(self, size: int) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data: bytes = self._stream.read(min(size, BLOCK))
        if not self._listing.count(len(data)):
            raise Enough
        return data


class _Member(tarfile.TarInfo):
    """A header whose name or attributes would fill the memory is refused."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        is_header = self.type not in tarfile.SUPPORTED_TYPES or self.type in (
            tarfile.GNUTYPE_LONGNAME,
            tarfile.GNUTYPE_LONGLINK,
        )
        if is_header and self.size > HEADER_BYTES:
            raise BadFile(f"A name or attribute in the archive claims {self.size:,} bytes.")
        return super()._proc_member(archive)  # type: ignore[misc,no-any-return]


def _list(ctx: Context, stream: Counted, listing: Listing) -> None:
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:  # type: ignore[call-overload]
            for member in archive:
                listing.add(entry := _entry(member))
                if goes_on(ctx, entry):
                    _send_on(ctx, archive, member)
                archive.members = []  # it would keep them all
                if listing.full:
                    break
    except Enough:
        pass


def _send_on(ctx: Context, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    content = archive.extractfile(member)
    if content is None:
        return
    try:
        ctx.child(member.name, iter(partial(content.read, BLOCK), b""))
    except Enough:
        ctx.children.leave_out(member.name, "bytes")
        raise


def _entry(member: tarfile.TarInfo) -> Entry:
    kind = "file"
    if member.isdir():
        kind = "directory"
    elif member.issym() or member.islnk():
        kind = "link"
    elif member.isdev():
        kind = "device"
    return Entry(
        path=member.name,
        type=kind,
        size=member.size if kind == "file" else 0,
        modified=_moment(member.mtime),
        # A hard link names another entry of the archive, from the top.
        target=member.linkname if member.issym() else None,
        mode=member.mode,
    )


def _single(ctx: Context, stream: Counted, listing: Listing) -> None:
    """One compressed file: it is sent on, or unpacked into nothing, to know its size."""
    name = ctx.name.rpartition("/")[2]
    extension = extension_of(name)
    inside = name[: -len(extension) - 1] if extension else name
    path = clip(inside, 255) or "content"
    blocks = iter(partial(stream.read, BLOCK), b"")
    wanted = ctx.sends_on("archive")
    try:
        if wanted:
            ctx.child(path, blocks)
        deque(blocks, maxlen=0)
    except Enough:
        if wanted:
            ctx.children.leave_out(path, "bytes")
    listing.add(Entry(path=path, type="file", size=listing.unpacked, packed=ctx.size))


def _begins_a_tar(first: bytes) -> bool:
    if len(first) < 512:
        return False
    if first[257:262] == b"ustar":
        return True
    try:
        tarfile.TarInfo.frombuf(first, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError):
        return False
    return True


def _moment(seconds: float) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return None


def _said(error: Exception) -> str:
    return (str(error).strip().rstrip(".") or type(error).__name__)[:200]
