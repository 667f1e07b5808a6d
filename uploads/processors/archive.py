"""The archive step: what lies in a zip, tar, 7z or other archive, and what is dangerous in it.

Contents are only counted, and checked against their checksums, as they stream by. Where members
are sent on, each is written down on its way: under a name of ours, regular files alone.
"""

from __future__ import annotations

from typing import Any

from uploads.processors import other_archives, tars, zip_listing
from uploads.processors.context import Context
from uploads.processors.listing import Listing
from uploads.processors.registry import LONG, processor

ZIPS = (
    "application/zip",
    "application/java-archive",
    "application/vnd.android.package-archive",
)
TARS = (
    "application/x-tar",
    "application/gzip",
    "application/x-bzip2",
    "application/x-xz",
    "application/x-lzma",
    "application/zstd",
)
OTHERS = (
    "application/x-lz4",
    "application/x-7z-compressed",
    "application/vnd.rar",
    "application/x-archive",
    "application/vnd.debian.binary-package",
    "application/x-rpm",
    "application/x-cpio",
    "application/x-iso9660-image",
    "application/vnd.ms-cab-compressed",
    "application/x-lha",
    "application/x-xar",
)


@processor(
    name="archive",
    accepts=[*ZIPS, *TARS, *OTHERS],
    version=2,
    after=["identify", "checksum"],
    seconds=LONG,
)
def archive(ctx: Context) -> dict[str, Any]:
    """{format, compression, entries, files, directories, links, total_size, packed_size, ratio,
    encrypted, verified, broken [names], warnings [{kind, entry, message}], types [{extension,
    count, size}], largest [{path, size}], nested [names], tree [{path, type, size, …}], truncated,
    comment}

    `verified`: every content was unpacked and counted; otherwise sizes are what the archive claims.
    Raises BadFile for what is broken, locked as a whole, or unpacks without end.
    """
    if ctx.size == 0:
        return {"empty": True, "entries": 0, "tree": []}
    listing = Listing(ctx.size)
    if ctx.media_type in ZIPS:
        found = zip_listing.read(ctx, listing)
    elif ctx.media_type in TARS:
        found = tars.read(ctx, listing)
    else:
        found = other_archives.read(ctx, listing)
    return {**found, **listing.result()}
