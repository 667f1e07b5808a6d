"""The only module that changes many files in one request, a few in each transaction.

So uploads and jobs that wait to be written get their turn in between. Files that can't be changed
are named with the reason; the others are changed all the same.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction

from project import database
from uploads.access.rights import Access
from uploads.errors import ApiError, NotFound
from uploads.models import UploadedFile
from uploads.processing.jobs import wishes
from uploads.reading import listing, whose
from uploads.reading.shapes import BULK_FILES, Selection

AT_ONCE = 25  # files in one transaction
PAGES = 20  # of the list that one request looks through

Change = Callable[[Access, UploadedFile], None]


def retry(_place: Access, file: UploadedFile) -> None:
    """Process it again."""
    wishes.retry(file.pk)


def cancel(_place: Access, file: UploadedFile) -> None:
    """Stop it."""
    wishes.cancel(file.pk)


def delete(place: Access, file: UploadedFile) -> None:
    """Delete it for good."""
    whose.check_deletable(file, place)
    wishes.delete(file.pk)


async def change(place: Access, selection: Selection, one: Change) -> dict[str, Any]:
    """Do it to every file of a selection; what became of them (`shapes.Changed`)."""
    ids, further = await database.read(_chosen, place, selection)
    refused: list[dict[str, Any]] = []
    for start in range(0, len(ids), AT_ONCE):
        refused += await database.write(_change, place, ids[start : start + AT_ONCE], one)
    changed = len(ids) - len(refused)
    return {
        "changed": changed,
        "refused": refused,
        "more": further is not None,
        "next": further,
    }


def _chosen(place: Access, selection: Selection) -> tuple[list[UUID], str | None]:
    """Files, oldest first, and the cursor of those that are left."""
    if selection.ids is not None:
        return list(dict.fromkeys(selection.ids)), None
    files: list[UUID] = []
    cursor = selection.cursor
    for _ in range(PAGES):  # a reason may be rare among very many failures
        page = listing.page(
            place.space_id,
            selection.filters(),
            sort="created_at",
            cursor=cursor,
            limit=BULK_FILES - len(files),
        )
        files += [file.pk for file in page.files]
        cursor = page.next
        if cursor is None or len(files) == BULK_FILES:
            break
    return files, cursor


def _change(place: Access, ids: list[UUID], one: Change) -> list[dict[str, Any]]:
    """Those of `ids` that could not be changed. In a transaction."""
    files = UploadedFile.objects.filter(space=place.space_id).in_bulk(ids)
    refused = []
    for file_id in ids:
        try:
            if file_id not in files:
                raise NotFound
            with transaction.atomic():
                one(place, files[file_id])
        except ApiError as error:
            refused.append({"id": str(file_id), **error.as_json()})
    return refused
