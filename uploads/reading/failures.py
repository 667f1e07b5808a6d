"""`/api/failures/`: why files failed, by reason, so that all of a reason can be tried again."""

from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Min
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponseBase
from django.utils.formats import number_format
from ninja import Router

from project import database
from uploads.access import rights
from uploads.models import Space, Status, UploadedFile
from uploads.reading import doors, rows
from uploads.reading.said import told
from uploads.reading.shapes import Reasons

LOOKED_AT = 20_000  # newest failed files
REASONS = 50
SHOWN = 6  # on the dashboard

router = Router(tags=["files"])


@doors.get(router, "failures/", Reasons, operation_id="listFailures", summary="Why files failed")
async def list_failures(request: HttpRequest) -> HttpResponseBase:
    """By code and step; `POST /api/files/retry/` with both tries all of a reason again."""
    return doors.answer(await database.read(reasons, rights.here(request).space_id))


def reasons(space_id: int) -> dict[str, Any]:
    """The JSON of a space's failures (`shapes.Reasons`). Sync."""
    failed = UploadedFile.objects.filter(space=space_id, status=Status.FAILED)
    newest = failed.order_by("-created_at", "-id").values_list("pk", flat=True)
    more = newest[LOOKED_AT : LOOKED_AT + 1].exists()
    if more:
        failed = failed.filter(pk__in=newest[:LOOKED_AT])
    rows = (
        failed.values(code=KT("error__code"), at=KT("error__step"))
        .annotate(message=Min(KT("error__message")), count=Count("pk"))
        .order_by("-count", "code", "at")[:REASONS]
    )
    return {
        "items": [
            {
                "code": row["code"] or "internal",
                "step": row["at"],
                "message": row["message"] or "",
                "count": row["count"],
            }
            for row in rows
        ],
        "more": more,
    }


def lines(space: Space, and_space: str) -> list[dict[str, Any]]:
    """As `frontend/static/js/failures.js` shows them; `and_space` ends each address. Sync."""
    if not space.counts[Status.FAILED]:
        return []
    found = []
    for one in reasons(space.pk)["items"][:SHOWN]:
        code, step = one["code"], one["step"] or ""
        words = str(rows.REASON_WORDS.get(code, code))
        query = urlencode({"status": Status.FAILED, "error": code, "step": step})
        found.append(
            {
                "code": code,
                "step": step,
                "words": f"{words} · {step}" if step else words,
                "message": told(one["message"]),
                "number": number_format(one["count"], force_grouping=True),
                "url": f"/files/?{query}{and_space}",
            }
        )
    return found
