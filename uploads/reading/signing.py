"""Signing in, by password or by a link that works once, and out."""

from functools import partial
from http import HTTPStatus

from django.contrib import admin
from django.contrib.auth import authenticate, logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views import View

from uploads.access import identity
from uploads.models import SignInLink
from uploads.publishing import doorbell
from uploads.reading import sessions
from uploads.reading.frame import frame, show
from uploads.reading.tries import Tries


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
        tries = Tries(request, "sign in", username)
        if tries.too_many():
            note = _("Too many tries. Wait a few minutes, then try again.")
            return self._form(request, note, HTTPStatus.TOO_MANY_REQUESTS)
        user = authenticate(request, username=username, password=request.POST.get("password", ""))
        if user is None:
            tries.count()
            return self._form(request, _("That name and password do not belong together."))
        tries.forget()
        sessions.begin(request, user)
        return redirect(self._next(request))

    def _by_link(self, request: HttpRequest, token: str) -> HttpResponseBase:
        link = SignInLink.objects.filter(
            digest=identity.digest(token), expires_at__gt=timezone.now()
        )
        found = link.select_related("user").first()
        # the delete says who was first: a link works once
        if found is None or not found.user.is_active or not link.delete()[0]:
            if request.user.is_authenticated:
                return redirect("dashboard")
            note = _(
                "This link was used before or is too old. Ask for a new one, or use your password."
            )
            return self._form(request, note, HTTPStatus.GONE)
        sessions.begin(request, found.user)
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


@login_not_required
def staff(request: HttpRequest) -> HttpResponseBase:
    """`/admin/login/`: whoever the administration does not let in signs in where all do."""
    if request.user.is_authenticated and not admin.site.has_permission(request):
        raise PermissionDenied(_("This part is for those who administer this server."))
    return redirect_to_login(request.GET.get("next", "/admin/"), reverse("sign-in"))


class SignOut(View):
    """`/sign-out/`."""

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """End the session, and what it let in."""
        key, user = request.session.session_key, request.user.pk
        logout(request)
        if key is not None and user is not None:
            transaction.on_commit(partial(doorbell.revoke, user=user, session=key))
        return redirect("sign-in")
