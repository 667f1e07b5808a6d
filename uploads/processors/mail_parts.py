"""What a mail leaves behind, whichever program wrote it: its text, a harmless body, attachments."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from uploads.processors import hypertext
from uploads.processors.bounds import clip
from uploads.processors.context import Context

TEXT = 8 * 1024 * 1024  # characters of the text artifact
HEAD = 6000  # characters of it in the result
ATTACHMENTS = 100


def attachment(
    ctx: Context,
    number: int,
    name: str | None,
    kind: str,
    content: bytes,
    *,
    sent_on: bool = True,
) -> dict[str, Any]:
    """Save an attachment as an artifact under a name of ours, and describe it."""
    suffix = PurePosixPath((name or "").replace("\\", "/")).suffix.lower()
    suffix = suffix if re.fullmatch(r"\.[a-z0-9]{1,10}", suffix) else ".bin"
    saved = f"attachment-{number}{suffix}"
    # Its declared type is a stranger's word: it is downloaded as bytes.
    ctx.save(saved, "application/octet-stream").write_bytes(content)
    if sent_on and ctx.sends_on("mail"):
        ctx.child(name or saved, artifact=saved)
    return {
        "name": clip(name or f"part {number}", 200),
        "media_type": clip(kind, 100),
        "size": len(content),
        "artifact": saved,
    }


def bodies(ctx: Context, plain: str, html: str) -> dict[str, Any]:
    """The text as an artifact, and the HTML without anything that acts or calls home."""
    safe = hypertext.harmless(html) if html.strip() else None
    text = plain if plain.strip() or safe is None else hypertext.text_of(html)
    text = text.replace("\r\n", "\n")
    ctx.save("text.txt", "text/plain").write_text(text[:TEXT], encoding="utf-8", errors="replace")
    if safe is not None:
        page = ctx.save("body.html", "text/html")
        page.write_text(safe.html, encoding="utf-8", errors="replace")
    return {
        "head": clip(text.strip(), HEAD),
        "words": len(text.split()),
        "html": safe is not None,
        "links": safe.links if safe else [],
        "blocked": safe.blocked if safe else 0,
    }


def eml_name(name: str) -> str:
    """The name of a message that is saved as a file."""
    return name if name.lower().endswith(".eml") else f"{clip(name, 150)}.eml"


def plain_name(subject: str) -> str:
    """A subject as a name of a file."""
    return re.sub(r"[/\\]", "-", subject)
