"""The only module that renders templates of one's own: `$PROCESSORS_DIR/NAME.html` shows the result
of the step NAME.

The templates are the operator's, what they show is a stranger's. So everything is escaped, and what
comes out is cleaned of all that acts or is fetched from elsewhere, whatever the template says.
"""

from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any
from uuid import UUID

import nh3
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import Context, Engine
from django.utils.html import format_html
from django.utils.translation import gettext as _
from ninja import Path, Query, Router

from project import database
from uploads.access.rights import Access
from uploads.errors import NotFound
from uploads.models import Role, UploadedFile
from uploads.processors.registry import NAME
from uploads.reading import doors, whose
from uploads.reading.files import BYTES, detail
from uploads.reading.shapes import AttemptQuery
from uploads.reading.whose import Asker

log = structlog.get_logger(__name__)
router = Router(tags=["files"])

CHARACTERS = 1024 * 1024  # of what a template makes
_TAGS = nh3.ALLOWED_TAGS | {"meter", "progress", "section", "figure", "figcaption", "mark"}
_MEASURES = {"value", "min", "max", "low", "high", "optimum"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "*": {"class", "title", "lang", "dir"},
    "meter": _MEASURES,
    "progress": _MEASURES,
}
_OUR_PLACES = ("/api/files/", "/files/")


def names() -> list[str]:
    """Steps whose results have a template."""
    folder: FilePath | None = settings.PROCESSORS_DIR
    if folder is None or not folder.is_dir():
        return []
    return sorted(path.stem for path in folder.glob("*.html") if NAME.fullmatch(path.stem))


@doors.get(
    router,
    "files/{uuid:file_id}/views/{str:step}/",
    None,
    operation_id="getView",
    summary="A step's result as its own template shows it",
    openapi_extra=BYTES,
)
async def get_view(
    request: HttpRequest, file_id: Path[UUID], step: Path[str], query: Query[AttemptQuery]
) -> HttpResponseBase:
    """A piece of HTML without scripts. 404 where the step has no result, or no template."""
    html = await database.read(_view, file_id, whose.asker(request), step, query.attempt)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers["Content-Security-Policy"] = "sandbox; default-src 'none'; img-src 'self'"
    return HttpResponse(html, headers=headers)


def _view(file_id: UUID, asker: Asker, step: str, attempt: int | None) -> str:
    file, place = asker.find(file_id)
    return view(file, place, step, detail(file, place, attempt))


def view(file: UploadedFile, place: Access, step: str, told: Mapping[str, Any]) -> str:
    """The HTML of one step, harmless. Raises NotFound. A mistake in the template is shown to those
    who manage the space.
    """
    if step not in names() or step not in told["results"]:
        raise NotFound
    try:
        html = _rendered(step, told)
    except Exception as error:  # the template may raise anything
        log.exception("template broke", step=step, file=str(file.pk))
        what = f"{type(error).__name__}: {error}" if place.may(Role.MANAGER) else ""
        words = _("The template %(name)s has a mistake.") % {"name": f"{step}.html"}
        html = format_html('<p class="note bad">{} {}</p>', words, what)
    return _cleaned(html[:CHARACTERS])


def _rendered(step: str, told: Mapping[str, Any]) -> str:
    # read anew each time, so that its author sees a change at once
    engine = Engine(
        dirs=[str(settings.PROCESSORS_DIR)],
        loaders=["django.template.loaders.filesystem.Loader"],
        autoescape=True,
    )
    made = [artifact for artifact in told["artifacts"] if artifact["step"] == step]
    context = {
        "result": told["results"][step],
        "results": told["results"],
        "file": {name: told[name] for name in ("id", "name", "path", "size", "media_type", "kind")},
        "artifacts": made,
        "url": {artifact["name"].replace(".", "_"): artifact["url"] for artifact in made},
    }
    return engine.get_template(f"{step}.html").render(Context(context))


def _cleaned(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        attribute_filter=_kept,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto"},
    )


def _kept(tag: str, attribute: str, value: str) -> str | None:
    """Pictures are artifacts; nothing is fetched from elsewhere, where it would be seen."""
    if attribute in {"src", "srcset", "background", "poster"}:
        return value if attribute == "src" and value.startswith("/api/files/") else None
    if attribute == "href" and value.startswith("/"):
        return value if value.startswith(_OUR_PLACES) else None
    return value
