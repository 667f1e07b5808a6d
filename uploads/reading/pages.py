"""The pages for people: dashboard, files, one file, signing in and out, what to say when something goes wrong."""

import uuid
from http import HTTPStatus
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import DjangoTranslation
from django.views import View
from django.views.i18n import JavaScriptCatalog

from project import database
from uploads import access
from uploads.errors import ApiError, Forbidden
from uploads.models import IN_FLIGHT, Role, SignInLink, Space, UploadedFile, User
from uploads.processing import jobs
from uploads.publishing.events import describe
from uploads.reading import rows, scripts

SHOWN_IN_FLIGHT = 60  # files in the page itself; the scripts bring the rest
SHOWN_ENDED = 40
TRIES = 10  # wrong passwords for one name or from one address, within
TRIES_SECONDS = 300
EVERY_PAGE = ("tokens", "base", "layout", "button", "status", "notice", "form")
SAMPLES = (
    ("image", "waterwheel.jpg"),
    ("table", "rivers.csv"),
    ("pdf", "handbook.pdf"),
    ("text", "letter.txt"),
    ("other", "unknown.bin"),
)


# -- what every page knows ----------------------------------------------------------------------------------------------


def _frame(name: str, request: HttpRequest, entry: str = "", sheets: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the frame of a page needs; `entry` names its script."""
    theme = request.COOKIES.get("theme", "")
    return {
        "name": name,
        "language": get_language(),
        "direction": "rtl" if get_language_bidi() else "ltr",
        "theme": theme if theme in {"light", "dark"} else "",
        "sheets": scripts.sheets(*EVERY_PAGE, *sheets),
        "entry": entry and scripts.address(entry),
        "import_map": scripts.import_map() if entry else "",
        "preload": scripts.preloads(entry) if entry else (),
        "username": request.user.get_username() if getattr(request, "user", None) else "",
    }


def _inside(frame: dict[str, Any], request: HttpRequest, place: access.Access, who: access.Who) -> dict[str, Any]:
    """What a page for somebody signed in needs besides."""
    elsewhere = place.space_slug != who.own
    may_upload = place.may(Role.UPLOADER)
    frame |= {
        "space": place.space_slug,
        "spaces": sorted(who.spaces),
        "query_space": f"?space={place.space_slug}" if elsewhere else "",
        "and_space": f"&space={place.space_slug}" if elsewhere else "",
        "may_upload": may_upload,
        "max_size": rows.size_words(settings.UPLOAD_MAX_BYTES),
        "batch": str(uuid.uuid4()),
    }
    frame["boot"] = {
        "csrf": {"cookie": settings.CSRF_COOKIE_NAME, "header": "X-CSRFToken"},
        "user": place.user_id,
        "space": place.space_slug,
        "query": frame["query_space"],
        "mayUpload": may_upload,
        "limits": {"bytes": settings.UPLOAD_MAX_BYTES, "files": settings.BATCH_MAX_FILES},
        "words": _catalog(),
    }
    return frame


def _catalog() -> dict[str, Any] | None:
    """The scripts' texts in the reader's language; None for English, which they are written in."""
    language = get_language()
    if language is None or language.startswith("en"):
        return None
    view = JavaScriptCatalog()
    view.translation = DjangoTranslation(language, domain="djangojs")
    return {"catalog": view.get_catalog(), "plural": view.get_plural()}


def _show(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = HTTPStatus.OK
) -> HttpResponse:
    response = render(request, template, context, status=status)
    response.headers["Cache-Control"] = "no-store"
    if context["page"]["entry"]:
        response.script_hashes = [scripts.import_map_hash()]  # type: ignore[attr-defined]
    return response


class Page(View):
    """A page of one space, for its members."""

    who: access.Who
    place: access.Access

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Find out who and where; what is not theirs is not there."""
        assert isinstance(request.user, User)
        self.who = access.who_is(request.user, request.session.session_key)
        try:
            self.place = self.find_place(request, **kwargs)
        except Forbidden as error:
            raise PermissionDenied(error.message) from error
        except ApiError as error:
            raise Http404(error.message) from error
        return super().dispatch(request, *args, **kwargs)

    def find_place(self, request: HttpRequest, **kwargs: Any) -> access.Access:
        """The space that the address names."""
        return access.enter(self.who, request.GET.get("space"))

    def frame(self, name: str, entry: str, *sheets: str) -> dict[str, Any]:
        """What `base.html` needs."""
        return _inside(_frame(name, self.request, entry, sheets), self.request, self.place, self.who)


# -- the dashboard ------------------------------------------------------------------------------------------------------


class Dashboard(Page):
    """`/`: drop zone, what is in flight, what has just ended."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page as it is now; its script keeps it so."""
        space = Space.objects.get(pk=self.place.space_id)
        page = self.frame("dashboard", "millrace/dashboard", "dashboard", "drop", "batch", "row")
        flight, ended = rows.groups(self._files(space), may_change=page["may_upload"])
        page |= _storage(space)
        page["first_run"] = not sum(space.counts.values())
        page["in_flight"] = space.receiving + space.queued + space.processing
        page["samples"] = [
            {"kind": kind, "name": name, "url": scripts.sample(name)} for kind, name in SAMPLES
        ]
        context = {
            "page": page,
            "flight": flight,
            "ended": ended,
            "counts": _counts(space),
            "empty_row": rows.EMPTY_ROW,
            "empty_group": rows.EMPTY_GROUP,
        }
        return _show(request, "dashboard.html", context)

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


def _storage(space: Space) -> dict[str, Any]:
    quota = space.quota_bytes if space.quota_bytes is not None else settings.SPACE_QUOTA_BYTES
    used = rows.size_words(space.used_bytes)
    if not quota:
        return {"storage_words": _("%(used)s used") % {"used": used}, "storage_percent": None}
    words = _("%(used)s of %(quota)s used") % {"used": used, "quota": rows.size_words(quota)}
    return {"storage_words": words, "storage_percent": min(100, 100 * space.used_bytes // quota)}


# -- signing in and out -------------------------------------------------------------------------------------------------


@method_decorator(login_not_required, name="dispatch")
class SignIn(View):
    """`/sign-in/`: by password. `/sign-in/TOKEN/`: by a link that works once."""

    def get(self, request: HttpRequest, token: str = "") -> HttpResponseBase:
        """The form; or, with a token, straight in."""
        if token:
            return self._by_link(request, token)
        if request.user.is_authenticated:
            return redirect(self._next(request))
        return self._form(request)

    def post(self, request: HttpRequest, token: str = "") -> HttpResponseBase:
        """Try a name and a password."""
        username = request.POST.get("username", "")[:150]
        keys = [f"tries:{username}", f"tries:{request.META.get('REMOTE_ADDR', '')}"]
        if max(cache.get(key, 0) for key in keys) >= TRIES:
            note = _("Too many tries. Wait a few minutes, then try again.")
            return self._form(request, note, HTTPStatus.TOO_MANY_REQUESTS)
        user = authenticate(request, username=username, password=request.POST.get("password", ""))
        if user is None:
            for key in keys:
                cache.add(key, 0, TRIES_SECONDS)
                cache.incr(key)
            return self._form(request, _("That name and password do not belong together."))
        cache.delete_many(keys)
        login(request, user)
        return redirect(self._next(request))

    def _by_link(self, request: HttpRequest, token: str) -> HttpResponseBase:
        link = SignInLink.objects.filter(digest=access.digest(token), expires_at__gt=timezone.now())
        found = link.select_related("user").first()
        # the delete says who was first: a link works once
        if found is None or not found.user.is_active or not link.delete()[0]:
            if request.user.is_authenticated:
                return redirect("dashboard")
            note = _("This link was used before or is too old. Ask for a new one, or use your password.")
            return self._form(request, note, HTTPStatus.GONE)
        login(request, found.user)
        return redirect("dashboard")

    def _form(self, request: HttpRequest, note: str = "", status: int = HTTPStatus.OK) -> HttpResponse:
        context = {
            "page": _frame("sign-in", request),
            "note": note,
            "next": self._next(request),
            "username": request.POST.get("username", ""),
        }
        return _show(request, "sign_in.html", context, status)

    def _next(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next") or request.GET.get("next") or "/"
        here = url_has_allowed_host_and_scheme(
            wanted, {request.get_host()}, require_https=request.is_secure()
        )
        return wanted if here else "/"


class SignOut(View):
    """`/sign-out/`."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """End the session."""
        logout(request)
        return redirect("sign-in")


# -- when something goes wrong ------------------------------------------------------------------------------------------


def _oops(request: HttpRequest, status: HTTPStatus, title: str, message: str, *, again: bool = False) -> HttpResponse:
    context = {
        "page": _frame("error", request),
        "code": status.value,
        "title": title,
        "message": message,
        "again": again,
    }
    return _show(request, "error.html", context, status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    message = _("The address or the form that was sent can't be understood.")
    return _oops(request, HTTPStatus.BAD_REQUEST, _("That request is not understood"), message)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    message = _("Your role in this space does not allow that. A manager of the space can change it.")
    return _oops(request, HTTPStatus.FORBIDDEN, _("That is not for you"), message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    message = _("The file may have been deleted, or it belongs to somebody else.")
    return _oops(request, HTTPStatus.NOT_FOUND, _("There is nothing here"), message)


def failed(request: HttpRequest) -> HttpResponse:
    """500."""
    message = _("The server could not build this page. It was logged; nothing that you sent is lost.")
    title = _("Something broke on our side")
    return _oops(request, HTTPStatus.INTERNAL_SERVER_ERROR, title, message, again=True)


def bad_csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old."""
    message = _("The page was open for too long, or its cookies are blocked. Go back, reload and try again.")
    return _oops(request, HTTPStatus.FORBIDDEN, _("This form is too old"), message)
