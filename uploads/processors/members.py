"""Members of an archive that may be sent on, whichever its format."""

from __future__ import annotations

from uploads.processors.context import Context
from uploads.processors.listing import Entry


def goes_on(ctx: Context, entry: Entry) -> bool:
    """Whether this entry is to be sent on. One that was wanted and can't be is noted."""
    if entry.type == "directory" or not ctx.sends_on("archive"):
        return False
    if entry.encrypted or entry.type != "file":
        ctx.children.leave_out(entry.path, "locked" if entry.encrypted else "link")
        return False
    return True
