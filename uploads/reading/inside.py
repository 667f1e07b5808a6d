"""What a file's page shows of the files that came out of it, and of the one it came out of."""

from typing import Any

from django.conf import settings

from uploads.models import UploadedFile
from uploads.processing import children
from uploads.publishing.describing import describe
from uploads.reading import rows

SHOWN = 100  # files that came out of one, in the page itself
HOLD_OTHERS = {"archive", "mail"}  # kinds of files that can be taken apart into others


def page(file: UploadedFile, space: str, *, may: bool) -> dict[str, Any]:
    """{parent {id, name}|null, inside [rows], may_expand}"""
    found = UploadedFile.objects.filter(parent=file.pk).order_by("created_at", "pk")[:SHOWN]
    return {
        "parent": _parent(file),
        "inside": [rows.row(describe(child, space), may_change=False) for child in found],
        "may_expand": may and children.depth(file) < settings.CHILD_DEPTH,
    }


def holds_others(file: UploadedFile) -> bool:
    """Whether there may be files inside."""
    return file.kind in HOLD_OTHERS


def _parent(file: UploadedFile) -> dict[str, str] | None:
    """Parents are of the same space, so who sees the one sees the other."""
    if file.parent_id is None:
        return None
    parent = UploadedFile.objects.filter(pk=file.parent_id).values("pk", "name").first()
    return None if parent is None else {"id": str(parent["pk"]), "name": parent["name"]}
