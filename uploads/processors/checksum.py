"""The checksum step: SHA-256 of the stored bytes, in hexadecimal."""

from __future__ import annotations

import hashlib
from typing import Any

from uploads.processors.context import Context
from uploads.processors.registry import LONG, processor

BLOCK = 1024 * 1024  # bytes; larger ones aren't faster


@processor(
    name="checksum", accepts=["*/*"], version=1, after=["identify"], seconds=LONG, light=True
)
def checksum(ctx: Context) -> dict[str, Any]:
    """{sha256: 64 hex digits, bytes: how many were read}"""
    digest = hashlib.sha256()
    done = 0
    with ctx.path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            digest.update(block)
            done += len(block)
            ctx.progress(done, max(done, ctx.size), "bytes")
    ctx.progress(done, done, "bytes")
    return {"sha256": digest.hexdigest(), "bytes": done}
