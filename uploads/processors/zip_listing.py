"""The entries of a zip file, each unpacked as a stream to be counted, checked, perhaps sent on."""

from __future__ import annotations

import stat
import zipfile
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from uploads.processors import codepages, encoding, zips
from uploads.processors.bounds import clip
from uploads.processors.context import Context
from uploads.processors.listing import Enough, Entry, Listing
from uploads.processors.members import goes_on

LINK_TARGET = 4096  # bytes
_COMPRESSIONS = {
    0: "stored",
    8: "deflate",
    9: "deflate64",
    12: "bzip2",
    14: "lzma",
    93: "zstd",
    99: "AES-encrypted",
}
_ENCRYPTED = 0x1
_UTF8 = 1 << 11


def read(ctx: Context, listing: Listing) -> dict[str, Any]:
    """{format, compression, comment}; the entries go into the listing. Raises BadFile."""
    with zips.opened(ctx.path) as archive:
        members = archive.infolist()
        total = sum(max(member.compress_size, 0) for member in members)
        done = 0
        for member in members:
            if listing.full:
                break
            listing.add(entry := _entry(archive, member))
            _unpack(ctx, archive, member, entry, listing)
            done += max(member.compress_size, 0)
            ctx.progress(done, total, "bytes")
        ctx.progress(total, total, "bytes")
        kinds = sorted({_COMPRESSIONS.get(m.compress_type, "unknown") for m in members})
        return {
            "format": "zip",
            "compression": ", ".join(kinds) or None,
            "comment": clip(archive.comment.decode("utf-8", "replace"), 500) or None,
        }


def _is_encrypted(member: zipfile.ZipInfo) -> bool:
    return bool(member.flag_bits & _ENCRYPTED)


def _entry(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Entry:
    mode = member.external_attr >> 16
    kind, target = "directory" if member.filename.endswith("/") else "file", None
    if stat.S_ISLNK(mode):
        kind, target = "link", _target(archive, member)
    return Entry(
        path=_name(member),
        type=kind,
        size=max(member.file_size, 0),
        packed=max(member.compress_size, 0),
        modified=_moment(member),
        encrypted=_is_encrypted(member),
        target=target,
        mode=mode or None,
    )


def _name(member: zipfile.ZipInfo) -> str:
    """As it was written. What isn't said to be UTF-8 is read as code page 437, but hardly ever is:
    many programs write UTF-8 all the same, older ones the encoding of their machine.
    """
    name = member.filename
    if name.isascii() or member.flag_bits & _UTF8:
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name  # from the field for names in Unicode
    if encoding.is_utf8(raw):
        return raw.decode("utf-8", "replace")
    found = codepages.single(raw)
    return raw.decode(found, "replace") if found else name


def _target(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    try:
        with archive.open(member) as content:
            return content.read(LINK_TARGET).decode("utf-8", "replace")
    except zips.ERRORS:
        return "?"


def _moment(member: zipfile.ZipInfo) -> str | None:
    try:
        return datetime(*member.date_time).isoformat()  # noqa: DTZ001 - zip has no zones
    except ValueError:
        return None


def _unpack(
    ctx: Context,
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    entry: Entry,
    listing: Listing,
) -> None:
    """Send the member on, or unpack it into nothing; its checksum is compared at its end."""
    wanted = goes_on(ctx, entry)
    why = "bytes"
    if listing.verified and not entry.encrypted:
        blocks = listing.counted(_blocks(archive, member))
        try:
            if wanted:
                ctx.child(entry.path, blocks)
            deque(blocks, maxlen=0)  # what was not sent on is counted all the same
        except Enough:
            pass
        except zips.ERRORS as error:
            listing.broken.append(entry.path)
            listing.warn("broken", entry.path, zips.said(error))
            why = "broken"
        else:
            return
    if wanted:
        ctx.children.leave_out(entry.path, why)


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(member) as content:
        while block := content.read(zips.BLOCK):
            yield block
