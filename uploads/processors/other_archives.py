"""Archives that only libarchive opens: 7z, RAR, cpio, ISO images, cabinets, packages and others.

Imported before a child is locked down, since finding the library runs a program.
"""

from __future__ import annotations

import ctypes
from collections import deque
from datetime import UTC, datetime
from typing import Any

from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.failures import BadFile
from uploads.processors.listing import Enough, Entry, Listing
from uploads.processors.members import goes_on

try:
    import libarchive
except (ImportError, OSError, AttributeError, TypeError):  # no such library on this machine
    libarchive = None

LOCKED = "Its names are encrypted too: nothing can be listed without the password."
# What an ar archive has for the linker and for long names, as if they were members
_TABLES = ("/", "//", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED")


def read(ctx: Context, listing: Listing) -> dict[str, Any]:
    """{format, compression, comment, listed}; the entries go into the listing. Raises BadFile."""
    listing.verified = False
    if libarchive is None:
        ctx.progress(ctx.size, ctx.size, "bytes")
        missing = "Only libarchive opens this, and it isn't installed (Debian: libarchive13)."
        return {"format": ctx.media_type, "compression": None, "comment": missing, "listed": False}
    form = compression = None
    try:
        with libarchive.file_reader(str(ctx.path)) as archive:
            for entry in archive:
                form = form or _words(archive.format_name)
                if form.startswith("ar") and entry.pathname in _TABLES:
                    continue
                _take(ctx, entry, listing)
                done = min(max(archive.bytes_read, 0), ctx.size)
                ctx.progress(done, ctx.size, "bytes")
                if listing.full:
                    break
            compression = ", ".join(_words(name) for name in archive.filter_names) or None
    except libarchive.ArchiveError as error:
        return _unlisted(ctx, listing, error)
    except (UnicodeDecodeError, ValueError, OverflowError) as error:
        raise BadFile("The archive has names that can't be read.") from error
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {"format": form, "compression": compression, "comment": None, "listed": True}


def _take(ctx: Context, entry: Any, listing: Listing) -> None:
    listing.add(found := _entry(entry))
    if goes_on(ctx, found):
        _send_on(ctx, entry, found.path, listing)


def _unlisted(ctx: Context, listing: Listing, error: Exception) -> dict[str, Any]:
    """What to say where there are no entries. Raises BadFile where that is the file's fault."""
    if ctx.media_type == "application/x-lz4" and "Unrecognized" in str(error):
        return _single(ctx, listing)
    if "header is encrypted" in str(error):
        ctx.progress(ctx.size, ctx.size, "bytes")
        return {"format": "7-Zip", "compression": None, "comment": LOCKED, "listed": False}
    raise BadFile(f"The archive can't be read: {_said(error)}.") from error


def _single(ctx: Context, listing: Listing) -> dict[str, Any]:
    """One file, compressed, with no archive around it: counted as it unpacks. Raises BadFile."""
    name = ctx.name.rpartition("/")[2]
    path = clip(name[:-4] if name.lower().endswith(".lz4") else name, 255) or "content"
    wanted = ctx.sends_on("archive")
    try:
        with libarchive.file_reader(str(ctx.path), format_name="raw") as archive:
            for entry in archive:
                blocks = listing.counted(entry.get_blocks())
                if wanted:
                    ctx.child(path, blocks)
                deque(blocks, maxlen=0)
        listing.verified = True
    except Enough:
        if wanted:
            ctx.children.leave_out(path, "bytes")
    except libarchive.ArchiveError as error:
        raise BadFile(f"The archive is broken: {_said(error)}.") from error
    listing.add(Entry(path=path, type="file", size=listing.unpacked, packed=ctx.size))
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {"format": "lz4", "compression": "lz4", "comment": None, "listed": True}


def _send_on(ctx: Context, entry: Any, path: str, listing: Listing) -> None:
    try:
        ctx.child(path, listing.counted(entry.get_blocks()))
    except Enough:
        ctx.children.leave_out(path, "bytes")
    except libarchive.ArchiveError as error:
        locked = "encrypt" in str(error).lower() or "passphrase" in str(error).lower()
        ctx.children.leave_out(path, "locked" if locked else "broken")


def _entry(entry: Any) -> Entry:
    kind = "file"
    if entry.isdir:
        kind = "directory"
    elif entry.issym or entry.islnk:
        kind = "link"
    elif entry.isdev or entry.isfifo:
        kind = "device"
    return Entry(
        path=str(entry.pathname or "?"),
        type=kind,
        size=max(entry.size or 0, 0),
        modified=_moment(entry.mtime),
        target=entry.linkname if entry.issym else None,
        mode=entry.mode,
        encrypted=_is_encrypted(entry),
    )


def _is_encrypted(entry: Any) -> bool:
    ask = libarchive.ffi.libarchive.archive_entry_is_encrypted
    ask.argtypes, ask.restype = [ctypes.c_void_p], ctypes.c_int
    return bool(ask(entry._entry_p))


def _moment(seconds: Any) -> str | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError, TypeError):
        return None


def _words(name: Any) -> str:
    return name.decode("ascii", "replace") if isinstance(name, bytes) else str(name)


def _said(error: Exception) -> str:
    words = str(getattr(error, "msg", None) or error)
    if words.startswith("None"):  # the library says nothing where it runs out of bytes
        return "it is cut off, or one part of several"
    return words.partition(" (errno")[0].strip().rstrip(".")[:200] or "its headers are broken"
