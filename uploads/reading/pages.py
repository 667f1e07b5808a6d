"""The pages for people who are signed in: the dashboard and one file."""

import uuid
from collections.abc import Callable
from typing import Any, cast

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from project import database
from uploads.access import identity, rights
from uploads.errors import ApiError
from uploads.models import IN_FLIGHT, Batch, Role, Space, Status, UploadedFile, User
from uploads.processing import known
from uploads.processing.jobs import wishes
from uploads.publishing import snapshot, standing
from uploads.publishing.describing import describe
from uploads.reading import failures, inside, own_views, rows, scripts, whose
from uploads.reading.files import detail
from uploads.reading.frame import Page, show
from uploads.reading.room import room
from uploads.reading.said import told

SHOWN_IN_FLIGHT = 60  # files in the page itself; the scripts bring the rest
SHOWN_ENDED = 200  # files, as in a snapshot: a large drop must not hide what ended before it
SHOWN_GROUPS = 40
ASIDE = {"identify", "checksum"}  # steps whose results stand among the facts
SAMPLES = (
    ("image", "waterwheel.jpg"),
    ("table", "rivers.csv"),
    ("pdf", "handbook.pdf"),
    ("text", "letter.txt"),
    ("other", "unknown.bin"),
)


def _samples(space: Space) -> list[dict[str, str]]:
    """What may be tried: those not yet sent, for as long as nothing else was."""
    if sum(space.counts.values()) > len(SAMPLES):
        return []
    sent = set(UploadedFile.objects.filter(space=space).values_list("name", flat=True))
    if not sent.issubset(name for _kind, name in SAMPLES):
        return []
    return [
        {"kind": kind, "name": name, "url": scripts.sample(name)}
        for kind, name in SAMPLES
        if name not in sent
    ]


class Dashboard(Page):
    """`/`: drop zone, what is in flight, what has just ended."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page as it is now; its script keeps it so."""
        space = Space.objects.get(pk=self.place.space_id)
        page = self.page("dashboard", "millrace/dashboard", "dashboard", "drop", "batch", "row")
        files = self._files(space)
        flight, ended = rows.groups(
            files, may_change=page["may_upload"], batches=_batches(space, files)
        )
        page["boot"]["reasons"] = {code: str(words) for code, words in rows.REASON_WORDS.items()}
        page["boot"]["storage"] = {"used": space.used_bytes, "quota": space.quota}
        pauses = standing.pauses(space.pk)
        samples = _samples(space)  # none where a file has come since the space was read
        page |= _storage(space) | {
            "max_size": rows.size_words(settings.UPLOAD_MAX_BYTES),
            "max_files": number_format(settings.BATCH_MAX_FILES, force_grouping=True),
            "batch": str(uuid.uuid4()),
            "first_run": bool(samples) and not sum(space.counts.values()),
            "mistakes": len(known.mistakes()) if cast("User", request.user).is_staff else 0,
            "pauses": [rows.pause_words(pause) for pause in pauses],
            "own_pause": any(pause.space_id is not None for pause in pauses),
            "reasons": failures.lines(space, page["and_space"]),
            "in_flight": sum(space.counts[status] for status in IN_FLIGHT),
            "samples": samples,
        }
        context = {
            "page": page,
            "flight": flight,
            "ended": ended[:SHOWN_GROUPS],
            "counts": _counts(space),
            "empty_row": rows.EMPTY_ROW,
            "empty_group": rows.EMPTY_GROUP,
        }
        return show(request, "dashboard.html", context)

    def _files(self, space: Space) -> list[dict[str, Any]]:
        mine = UploadedFile.objects.filter(space=space)
        flight = snapshot.in_flight(mine, SHOWN_IN_FLIGHT, space_id=space.pk)
        ended = mine.ended().order_by("-finished_at", "-id")[:SHOWN_ENDED]
        return [describe(file, space.slug) for file in (*flight, *ended)]


def _batches(space: Space, files: list[dict[str, Any]]) -> dict[str, Batch]:
    """The batches of these files, by key: what is listed may be a few of their files."""
    keys = {file["batch"] for file in files} - {None}
    return {batch.key: batch for batch in Batch.objects.filter(space=space, key__in=keys)}


def _counts(space: Space) -> list[dict[str, Any]]:
    return [
        {"status": status, "word": Status(status).label, "number": number}
        for status, number in space.counts.items()
    ]


def _storage(space: Space) -> dict[str, Any]:
    quota = space.quota
    used = rows.size_words(space.used_bytes)
    if not quota:
        return {"storage_words": _("%(used)s used") % {"used": used}, "storage_percent": None}
    words = _("%(used)s of %(quota)s used") % {"used": used, "quota": rows.size_words(quota)}
    return {"storage_words": words, "storage_percent": min(100, 100 * space.used_bytes // quota)}


class OneFile(Page):
    """`/files/ID/`: what is known of one file; a form for those without scripts."""

    def find_place(self, request: HttpRequest, **kwargs: Any) -> rights.Access:
        """The file's own space, whatever the address says, where the reader is a member of it."""
        self.file, place = whose.Asker(self.who, None).find(kwargs["file_id"])
        return place

    def get(self, request: HttpRequest, file_id: uuid.UUID) -> HttpResponse:
        """The page as it is now; its script keeps it so."""
        page = self.page("file", "millrace/file", "row", "file", "viewer")
        found = detail(self.file, self.place)
        page["boot"] |= {"file": found, "advice": rows.ADVICE}
        may, flight = page["may_upload"], self.file.status in IN_FLIGHT
        error = found["error"] if self.file.status == Status.FAILED else None
        page |= {
            "complete": self.file.complete,
            "in_flight": flight,
            "may_again": may and not flight,
            "may_remove": may,
            "error": error and error | {"message": told(error["message"])},
            "nothing_to_see": error is not None and found["results"].keys() <= ASIDE,
            "error_title": _error_title(error),
            "room": room(found),
            "whole_first": True,  # what scripts show of it would move the rest
            "advice": rows.ADVICE.get(error["code"], rows.ADVICE[""]) if error else "",
        }
        page |= inside.page(self.file, self.place.space_slug, may=may)
        page["boot"]["views"] = own_views.names()
        page["boot"]["mayExpand"] = page["may_expand"]
        page["shows_expand"] = page["may_expand"] and not flight and inside.holds_others(self.file)
        context = {
            "page": page,
            "row": rows.row(found, may_change=may),
            "facts": rows.facts(found),
            "steps": rows.steps(found),
            "artifacts": rows.artifacts(found),
        }
        return show(request, "file.html", context)

    def post(self, request: HttpRequest, file_id: uuid.UUID) -> HttpResponseBase:
        """Retry, unpack, cancel or delete, by a form."""
        action = request.POST.get("action", "")
        if action not in ACTIONS:
            return redirect(request.get_full_path())
        try:
            async_to_sync(database.write)(_act, self.who, file_id, action)
        except ApiError as error:
            messages.error(request, error.message)
        back = (
            f"/files/?space={self.place.space_slug}"
            if action == "delete"
            else request.get_full_path()
        )
        return redirect(back)


def _error_title(error: dict[str, Any] | None) -> str:
    """As `frontend/static/js/file.js` says it."""
    step = (error or {}).get("step")
    return _("The step “%(step)s” failed") % {"step": step} if step else _("Processing failed")


def _act(who: identity.Who, file_id: uuid.UUID, action: str) -> None:
    file, place = whose.Asker(who, None).find(file_id, Role.UPLOADER)
    if action == "delete":
        whose.check_deletable(file, place)
    ACTIONS[action](file_id)


ACTIONS: dict[str, Callable[[uuid.UUID], object]] = {
    "retry": wishes.retry,
    "expand": wishes.expand,
    "cancel": wishes.cancel,
    "delete": wishes.delete,
}
