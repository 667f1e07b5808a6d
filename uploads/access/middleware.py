"""Nobody unknown gets past: the middleware of the lean doors, and that of the pages."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.urls import resolve

from uploads.access import identity, rights, sites
from uploads.errors import NotSignedIn
from uploads.models import User
from uploads.refusals import Respond, answer

SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class Identify:
    """Says who asks (`request.who`); nobody unknown gets past, but to views that say `public =
    True`, and OPTIONS.
    """

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        who = await identity.identify(request.headers)
        request.who = who  # type: ignore[attr-defined]
        rights.asking.set(who)
        if who is None and request.method != "OPTIONS" and not _public(request):
            raise NotSignedIn
        if who is not None and who.via == "cookie" and request.method not in SAFE:
            sites.check(request, who)
        return await self.respond(request)


def _public(request: HttpRequest) -> bool:
    view = resolve(request.path_info).func
    return bool(getattr(getattr(view, "view_class", None), "public", False))


class SignedIn(LoginRequiredMiddleware):
    """Pages' middleware: nobody unknown gets past, but to views that say so.

    Browsers are sent to the sign-in page, programs get 401. A program may read pages with its
    token; the admin is for sessions alone.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """See the class."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or request.path_info.startswith("/admin/"):
            return super().process_view(request, view_func, view_args, view_kwargs)
        try:
            who = identity.by_token(identity.digest(secret.strip()))
        except NotSignedIn as error:
            return answer(request, error)
        request.who = who  # type: ignore[attr-defined]
        request.user = User.objects.get(pk=who.user_id)
        return None

    def handle_no_permission(  # type: ignore[override]
        self, request: HttpRequest, view_func: Callable[..., HttpResponseBase]
    ) -> HttpResponseBase:
        """Programs are told, browsers led."""
        if "text/html" in request.headers.get("accept", ""):
            return super().handle_no_permission(request, view_func)
        return answer(request, NotSignedIn())
