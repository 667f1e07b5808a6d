"""The one event that every server in the comparison sends, and the frame that it is sent in."""

import json

EVENT = {
    "type": "file.updated",
    "at": "2026-01-01T00:00:00.000Z",
    "file": {
        "id": "0133cca6-db3b-42ed-bcea-e4f8fefb4d7d",
        "space": "alice",
        "name": "quarterly report.pdf",
        "path": "",
        "size": 1_048_576,
        "received": 1_048_576,
        "media_type": "application/pdf",
        "kind": "pdf",
        "sha256": "ab" * 32,
        "status": "processing",
        "batch": "b-41d8cd98f00b204e",
        "parent": None,
        "attempt": 1,
        "created_at": "2026-01-01T00:00:00.000Z",
        "finished_at": None,
        "step": {"name": "pdf", "done": 3, "total": 12, "unit": "pages", "eta_s": 1.5},
        "error": None,
        "thumbnail": None,
    },
}
STATUSES = ("receiving", "queued", "processing", "processed", "failed", "cancelled")
COUNTS = dict.fromkeys(STATUSES, 1)


def event(seq: int) -> str:
    """The event of this number, as JSON."""
    return json.dumps({"seq": seq} | EVENT, separators=(",", ":"))


def frame(seq: int) -> str:
    """The frame that brings it."""
    counts = json.dumps(COUNTS, separators=(",", ":"))
    return (
        f'{{"type":"events","cursor":"00000000:{seq}","events":[{event(seq)}],"counts":{counts}}}'
    )
