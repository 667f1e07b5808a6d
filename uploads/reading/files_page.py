"""`/files/`: every file of the space; the only module that knows how its address holds the view."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from uploads.errors import ApiError
from uploads.models import Status
from uploads.publishing.describing import describe
from uploads.reading import listing, rows
from uploads.reading.frame import Page, show

SHOWN_IN_LIST = 50  # files in the page itself; the scripts bring the rest
MEGABYTE = 1_000_000  # bytes, as sizes are said
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
FILTERS = ("q", "status", "kind", "batch", "error", "step", "from", "to", "min", "max")


@dataclass(frozen=True)
class View:
    """What the address asks for, as it stands there; words that mean nothing are left out."""

    fields: dict[str, str]

    @classmethod
    def of(cls, given: QueryDict) -> "View":
        """From an address."""
        fields = {name: given.get(name, "")[:200].replace("\0", "") for name in FILTERS}
        sort = given.get("sort", "")
        fields["status"] = fields["status"] if fields["status"] in Status.values else ""
        fields["kind"] = fields["kind"] if fields["kind"] in rows.KIND_WORDS else ""
        fields |= {name: fields[name] if _day(fields[name]) else "" for name in ("from", "to")}
        fields |= {
            name: fields[name] if _size(fields[name]) is not None else "" for name in ("min", "max")
        }
        fields["sort"] = sort if sort in SORTS else NEWEST
        fields["view"] = "gallery" if given.get("view") == "gallery" else "table"
        return cls(fields)

    @property
    def filtered(self) -> bool:
        """Whether some files may be left out."""
        return any(self.fields[name] for name in FILTERS)

    @property
    def more(self) -> int:
        """How many of the filters are set that lie behind a button."""
        return sum(bool(self.fields[name]) for name in ("from", "to", "min", "max"))

    def filters(self) -> listing.Filters:
        """As the list wants them; days are those of UTC here, and the reader's in the scripts."""
        field = self.fields
        largest = _size(field["max"])
        end = _day(field["to"])
        return listing.Filters(
            status=(field["status"],) if field["status"] else (),
            kind=(field["kind"],) if field["kind"] else (),
            batch=field["batch"] or None,
            error=field["error"] or None,
            step=field["step"] or None,
            since=_day(field["from"]),
            until=end and end + timedelta(days=1),
            at_least=_size(field["min"]),
            below=None if largest is None else largest + 1,
            q=field["q"],
        )

    def chips(self, space: str) -> list[dict[str, str]]:
        """Filters that came with a link and have no field: what they say, and how to drop them."""
        field = self.fields
        found: list[tuple[str, str, tuple[str, ...]]] = []
        if field["batch"]:
            found.append(("stack", _("One drop only"), ("batch",)))
        if field["error"] or field["step"]:
            why = rows.REASON_WORDS.get(field["error"], field["error"])
            words = " · ".join(str(part) for part in (why, field["step"]) if part)
            found.append(("alert", words, ("error", "step")))
        return [
            {"icon": icon, "words": words, "url": self._without(dropped, space)}
            for icon, words, dropped in found
        ]

    def _without(self, dropped: tuple[str, ...], space: str) -> str:
        kept = {name: value for name, value in self.fields.items() if value and name not in dropped}
        if kept["sort"] == NEWEST:
            del kept["sort"]
        if kept["view"] == "table":
            del kept["view"]
        if space:
            kept["space"] = space
        return f"?{urlencode(kept)}" if kept else "/files/"


def _day(text: str) -> datetime | None:
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        return None


def _size(text: str) -> int | None:
    """Bytes of a number of megabytes."""
    try:
        size = float(text) * MEGABYTE
    except ValueError:
        return None
    return round(size) if 0 <= size < 2**62 else None


class Files(Page):
    """`/files/`: every file of the space; the address holds the view."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The first rows of the view; its script brings the rest and keeps them true."""
        view = View.of(request.GET)
        page = self.page("files", "millrace/files", "row", "files", "viewer")
        found = self._find(request, view)
        page |= {
            "filtered": view.filtered,
            "more_filters": view.more,
            "chips": view.chips(page["space"] if page["query_space"] else ""),
            "total_words": f"{len(found.files)}+" if found.next else len(found.files),
            "next": self._next_address(request, found.next),
        }
        described = [describe(file, self.place.space_slug) for file in found.files]
        context = {
            "page": page,
            "view": view.fields,
            "rows": [rows.row(file, may_change=False) for file in described],
            "statuses": Status.choices,
            "kinds": rows.KIND_WORDS.items(),
            "sorts": SORTS.items(),
            "empty_row": rows.EMPTY_ROW,
        }
        return show(request, "files.html", context)

    def _find(self, request: HttpRequest, view: View) -> listing.Page:
        cursor = request.GET.get("cursor") or None
        space_id, sort = self.place.space_id, view.fields["sort"]
        try:
            return listing.page(
                space_id, view.filters(), sort=sort, cursor=cursor, limit=SHOWN_IN_LIST
            )
        except ApiError:  # an old cursor: begin anew
            return listing.page(space_id, view.filters(), sort=sort, limit=SHOWN_IN_LIST)

    def _next_address(self, request: HttpRequest, cursor: str | None) -> str:
        if cursor is None:
            return ""
        parameters: dict[str, Any] = request.GET.dict()
        return f"?{urlencode(parameters | {'cursor': cursor})}"
