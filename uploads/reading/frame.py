"""What every page has around its content: who reads it, where, and what its script must know."""

import json
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation.trans_real import DjangoTranslation
from django.views import View
from django.views.i18n import JavaScriptCatalog

from uploads.access import identity, rights
from uploads.errors import ApiError, Forbidden
from uploads.models import Role, User
from uploads.reading import said, scripts

EVERY_PAGE = ("tokens", "base", "layout", "button", "status", "notice", "form")
AFTER_ALL = ("forced", "print")  # after the page's own, for they take back what those say


def frame(
    name: str, request: HttpRequest, entry: str = "", sheets: tuple[str, ...] = ()
) -> dict[str, Any]:
    """What the frame of a page needs; `entry` names its script."""
    theme = request.COOKIES.get("theme", "")
    return {
        "name": name,
        "language": get_language(),
        "direction": "rtl" if get_language_bidi() else "ltr",
        "theme": theme if theme in {"light", "dark"} else "",
        "sheets": scripts.sheets(*EVERY_PAGE, *sheets, *AFTER_ALL),
        "entry": entry and scripts.address(entry),
        "import_map": scripts.import_map() if entry else "",
        "preload": scripts.preloads(entry) if entry else (),
        "username": request.user.get_username() if getattr(request, "user", None) else "",
    }


def _inside(
    page: dict[str, Any], entry: str, place: rights.Access, who: identity.Who
) -> dict[str, Any]:
    """What a page for somebody signed in needs besides."""
    elsewhere = place.space_slug != who.own
    may_upload = place.may(Role.UPLOADER)
    page |= {
        "space": place.space_slug,
        "spaces": sorted(who.spaces),
        "query_space": f"?space={place.space_slug}" if elsewhere else "",
        "and_space": f"&space={place.space_slug}" if elsewhere else "",
        "may_upload": may_upload,
        "may_manage": place.may(Role.MANAGER),
    }
    page["boot"] = {
        "csrf": {"cookie": settings.CSRF_COOKIE_NAME, "header": "X-CSRFToken"},
        "user": place.user_id,
        "space": place.space_slug,
        "query": page["query_space"],
        "mayUpload": may_upload,
        "mayManage": page["may_manage"],
        "limits": {"bytes": settings.UPLOAD_MAX_BYTES, "files": settings.BATCH_MAX_FILES},
        "words": _catalog(entry, results=page["name"] != "dashboard"),
    }
    return page


def _catalog(entry: str, *, results: bool) -> dict[str, Any] | None:
    """The texts of a page's scripts in the reader's language, with those of `results` for pages of
    some; None for English, which they are written in.
    """
    language = get_language()
    if language.startswith("en"):
        return None
    return {**_texts(language, entry), "said": said.pairs(results=results)}


@cache
def _texts(language: str, entry: str) -> dict[str, Any]:
    """The words of a script and of all that it leads to: the first page needs not half of them."""
    view = JavaScriptCatalog()
    # of our own folders alone: the administration's pickers would come along otherwise
    own = [str(folder) for folder in settings.LOCALE_PATHS]
    view.translation = DjangoTranslation(language, domain="djangojs", localedirs=own)
    source = scripts.source(entry)
    return {
        "catalog": {
            text: words
            for text, words in view.get_catalog().items()
            if json.dumps(text.split("\x04")[-1], ensure_ascii=False)[1:-1] in source
        },
        "plural": view.get_plural(),
    }


def show(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response.headers["Cache-Control"] = "no-store"
    if context["page"]["entry"]:
        response.script_hashes = [scripts.import_map_hash()]  # type: ignore[attr-defined]
    return response


class Page(View):
    """A page of one space, for its members."""

    who: identity.Who
    place: rights.Access

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find out who and where; what is not theirs is not there."""
        user = cast("User", request.user)  # nobody else gets past SignedIn
        by_token: identity.Who | None = getattr(request, "who", None)
        self.who = by_token or identity.who_is(user, request.session.session_key)
        try:
            self.place = self.find_place(request, **kwargs)
        except Forbidden as error:
            raise PermissionDenied from error
        except ApiError as error:
            raise Http404(error.message) from error
        return super().dispatch(request, *args, **kwargs)

    def find_place(self, request: HttpRequest, **kwargs: Any) -> rights.Access:
        """The space that the address names."""
        return rights.enter(self.who, request.GET.get("space"))

    def page(self, name: str, entry: str, *sheets: str) -> dict[str, Any]:
        """What `base.html` needs."""
        return _inside(frame(name, self.request, entry, sheets), entry, self.place, self.who)
