"""The pages for people who are signed in: the dashboard, the files, one file."""

import uuid
from collections.abc import Callable
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from project import database
from uploads import access
from uploads.errors import ApiError
from uploads.models import IN_FLIGHT, Role, Space, Status, UploadedFile
from uploads.processing import jobs, queue
from uploads.publishing.events import describe
from uploads.reading import inside, listing, rows, scripts, whose
from uploads.reading.files import detail
from uploads.reading.frame import Page, show

SHOWN_IN_FLIGHT = 60  # files in the page itself; the scripts bring the rest
SHOWN_ENDED = 40
SHOWN_IN_LIST = 50
SAMPLES = (
    ("image", "waterwheel.jpg"),
    ("table", "rivers.csv"),
    ("pdf", "handbook.pdf"),
    ("text", "letter.txt"),
    ("other", "unknown.bin"),
)
SORTS = {
    "-created_at": gettext_lazy("Newest first"),
    "created_at": gettext_lazy("Oldest first"),
    "-finished_at": gettext_lazy("Last finished first"),
    "name": gettext_lazy("Name, A to Z"),
    "-name": gettext_lazy("Name, Z to A"),
    "-size": gettext_lazy("Largest first"),
    "size": gettext_lazy("Smallest first"),
}
NEWEST = "-created_at"


class Dashboard(Page):
    """`/`: drop zone, what is in flight, what has just ended."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page as it is now; its script keeps it so."""
        space = Space.objects.get(pk=self.place.space_id)
        page = self.page("dashboard", "millrace/dashboard", "dashboard", "drop", "batch", "row")
        flight, ended = rows.groups(self._files(space), may_change=page["may_upload"])
        page["boot"]["storage"] = {"used": space.used_bytes, "quota": _quota(space)}
        page |= _storage(space) | {
            "max_size": rows.size_words(settings.UPLOAD_MAX_BYTES),
            "max_files": number_format(settings.BATCH_MAX_FILES, force_grouping=True),
            "batch": str(uuid.uuid4()),
            "first_run": not sum(space.counts.values()),
            "pauses": [rows.pause_words(pause) for pause in queue.pauses(space.pk)],
            "in_flight": sum(space.counts[status] for status in IN_FLIGHT),
            "samples": [
                {"kind": kind, "name": name, "url": scripts.sample(name)} for kind, name in SAMPLES
            ],
        }
        context = {
            "page": page,
            "flight": flight,
            "ended": ended,
            "counts": _counts(space),
            "empty_row": rows.EMPTY_ROW,
            "empty_group": rows.EMPTY_GROUP,
        }
        return show(request, "dashboard.html", context)

    def _files(self, space: Space) -> list[dict[str, Any]]:
        mine = UploadedFile.objects.filter(space=space)
        flight = mine.in_flight().order_by("-created_at", "-id")[:SHOWN_IN_FLIGHT]
        ended = mine.ended().order_by("-finished_at", "-id")[:SHOWN_ENDED]
        return [describe(file, space.slug) for file in (*flight, *ended)]


def _counts(space: Space) -> list[dict[str, Any]]:
    return [
        {"status": status, "word": rows.STATUS_WORDS[status], "number": number}
        for status, number in space.counts.items()
    ]


def _quota(space: Space) -> int:
    return settings.SPACE_QUOTA_BYTES if space.quota_bytes is None else space.quota_bytes


def _storage(space: Space) -> dict[str, Any]:
    quota = _quota(space)
    used = rows.size_words(space.used_bytes)
    if not quota:
        return {"storage_words": _("%(used)s used") % {"used": used}, "storage_percent": None}
    words = _("%(used)s of %(quota)s used") % {"used": used, "quota": rows.size_words(quota)}
    return {"storage_words": words, "storage_percent": min(100, 100 * space.used_bytes // quota)}


class Files(Page):
    """`/files/`: every file of the space; the address holds the view."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The first rows of the view; its script brings the rest and keeps them true."""
        view = _view(request)
        page = self.page("files", "millrace/files", "row", "files")
        found = self._find(request, view)
        page |= {
            "filtered": any(view[name] for name in ("q", "status", "kind", "batch")),
            "total_words": f"{len(found.files)}+" if found.next else len(found.files),
            "next": self._next_address(request, found.next),
        }
        described = [describe(file, self.place.space_slug) for file in found.files]
        context = {
            "page": page,
            "view": view,
            "rows": [rows.row(file, may_change=False) for file in described],
            "statuses": rows.STATUS_WORDS.items(),
            "kinds": rows.KIND_WORDS.items(),
            "sorts": SORTS.items(),
            "empty_row": rows.EMPTY_ROW,
        }
        return show(request, "files.html", context)

    def _find(self, request: HttpRequest, view: dict[str, str]) -> listing.Page:
        filters = listing.Filters(
            status=(view["status"],) if view["status"] else (),
            kind=(view["kind"],) if view["kind"] else (),
            batch=view["batch"] or None,
            q=view["q"],
        )
        cursor = request.GET.get("cursor") or None
        try:
            return listing.page(
                self.place.space_id, filters, sort=view["sort"], cursor=cursor, limit=SHOWN_IN_LIST
            )
        except ApiError:  # an old cursor: begin anew
            return listing.page(
                self.place.space_id, filters, sort=view["sort"], limit=SHOWN_IN_LIST
            )

    def _next_address(self, request: HttpRequest, cursor: str | None) -> str:
        if cursor is None:
            return ""
        parameters = request.GET.copy()
        parameters["cursor"] = cursor
        return f"?{parameters.urlencode()}"


def _view(request: HttpRequest) -> dict[str, str]:
    """What the address asks for; words that mean nothing are left out."""
    given = {name: request.GET.get(name, "")[:200] for name in ("q", "batch")}
    status, kind = request.GET.get("status", ""), request.GET.get("kind", "")
    sort, view = request.GET.get("sort", ""), request.GET.get("view", "")
    return given | {
        "status": status if status in rows.STATUS_WORDS else "",
        "kind": kind if kind in rows.KIND_WORDS else "",
        "sort": sort if sort in SORTS else NEWEST,
        "view": view if view == "gallery" else "table",
    }


class OneFile(Page):
    """`/files/ID/`: what is known of one file; a form for those without scripts."""

    def find_place(self, request: HttpRequest, **kwargs: Any) -> access.Access:
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
            "error": error,
            "error_title": _("Processing failed"),
            "advice": rows.ADVICE.get(error["code"], rows.ADVICE[""]) if error else "",
        }
        page |= inside.page(self.file, self.place.space_slug, may=may)
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


def _act(who: access.Who, file_id: uuid.UUID, action: str) -> None:
    file, place = whose.Asker(who, None).find(file_id, Role.UPLOADER)
    if action == "delete":
        whose.check_deletable(file, place)
    ACTIONS[action](file_id)


ACTIONS: dict[str, Callable[[uuid.UUID], object]] = {
    "retry": jobs.retry,
    "expand": jobs.expand,
    "cancel": jobs.cancel,
    "delete": jobs.delete,
}
