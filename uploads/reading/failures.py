"""`/api/failures/`: why files failed, by reason, so that all of a reason can be tried again."""

from typing import Any

from django.db.models import Count, Min
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponseBase
from ninja import Router

from project import database
from uploads import access
from uploads.models import Status, UploadedFile
from uploads.reading import doors
from uploads.reading.shapes import Reasons

LOOKED_AT = 20_000  # newest failed files
REASONS = 50

router = Router(tags=["files"])


@doors.get(router, "failures/", Reasons, operation_id="listFailures", summary="Why files failed")
async def list_failures(request: HttpRequest) -> HttpResponseBase:
    """By code and step; `POST /api/files/retry/` with both tries all of a reason again."""
    return doors.answer(await database.read(reasons, access.here(request).space_id))


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
