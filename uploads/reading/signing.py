"""Signing in, by password or by a link that works once, and out."""

from http import HTTPStatus

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View

from uploads import access
from uploads.models import SignInLink
from uploads.reading.frame import frame, show

TRIES = 10  # wrong passwords for one name or from one address, within
TRIES_SECONDS = 300


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
            note = _(
                "This link was used before or is too old. Ask for a new one, or use your password."
            )
            return self._form(request, note, HTTPStatus.GONE)
        login(request, found.user)
        return redirect("dashboard")

    def _form(
        self, request: HttpRequest, note: str = "", status: int = HTTPStatus.OK
    ) -> HttpResponse:
        context = {
            "page": frame("sign-in", request),
            "note": note,
            "next": self._next(request),
            "username": request.POST.get("username", ""),
        }
        return show(request, "sign_in.html", context, status)

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
