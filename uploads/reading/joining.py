"""`/join/SECRET/`: an invitation to a space, accepted with an account or by making one."""

from http import HTTPStatus
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View

from project import database
from uploads import membership, people
from uploads.access import identity, rights
from uploads.errors import ApiError
from uploads.models import Invitation, Role, Space, User
from uploads.reading import sessions
from uploads.reading.frame import frame, show
from uploads.reading.said import told
from uploads.reading.tries import Tries


@method_decorator(login_not_required, name="dispatch")
class Join(View):
    """Who is signed in accepts by a button; who is not makes an account, or signs in first."""

    def get(self, request: HttpRequest, secret: str) -> HttpResponseBase:
        """What one is invited to, and by whom."""
        return self._page(request, membership.invitation(secret))

    def post(self, request: HttpRequest, secret: str) -> HttpResponseBase:
        """Accept."""
        found = membership.invitation(secret)
        if found is None:
            return self._page(request, None)
        rights.by_browser(request)
        if not request.user.is_authenticated:
            return self._make_account(request, secret, found)
        try:
            space = async_to_sync(database.write)(_accept, secret, request.user.pk)
        except ApiError as error:
            return self._page(request, found, told(error.message))
        identity.forget()
        return redirect(f"/?space={space.slug}")

    def _make_account(
        self, request: HttpRequest, secret: str, found: Invitation
    ) -> HttpResponseBase:
        tries = Tries(request, "join")
        if tries.too_many():
            note = _("Too many tries. Wait a few minutes, then try again.")
            return self._page(request, found, note, HTTPStatus.TOO_MANY_REQUESTS)
        name, password = request.POST.get("username", "").strip(), request.POST.get("password", "")
        try:
            _check(name, password)
            hashed = make_password(password)  # takes long, which the writing thread need not wait
            space, user = async_to_sync(database.write)(_join, secret, name, hashed)
        except ValidationError as error:
            tries.count()
            return self._page(request, found, " ".join(error.messages))
        except ApiError as error:
            return self._page(request, found, told(error.message))
        sessions.begin(request, user)
        return redirect(f"/?space={space.slug}")

    def _page(
        self,
        request: HttpRequest,
        found: Invitation | None,
        note: str = "",
        status: int = HTTPStatus.OK,
    ) -> HttpResponse:
        context: dict[str, Any] = {
            "page": frame("join", request),
            "invitation": found,
            "role": Role(found.role).label if found else "",
            "note": note,
            "username": request.POST.get("username", ""),
        }
        return show(request, "join.html", context, status if found else HTTPStatus.GONE)


def _check(name: str, password: str) -> None:
    """Raises ValidationError, with words for people."""
    user = User(username=name)
    user.clean_fields(
        exclude=[field.name for field in User._meta.fields if field.name != "username"]
    )
    _check_free(name)
    validate_password(password, user)


def _check_free(name: str) -> None:
    if User.objects.filter(username__iexact=name).exists():
        raise ValidationError(_("That name is taken. Choose another, or sign in."))


def _accept(secret: str, user_id: int) -> Space:
    return membership.accept(secret, User.objects.get(pk=user_id))


def _join(secret: str, name: str, hashed: str) -> tuple[Space, User]:
    _check_free(name)  # once more: somebody may have taken it since, and keeps it
    try:
        with transaction.atomic():
            user = User.objects.create(username=name, password=hashed)
    except IntegrityError:
        raise ValidationError(_("That name is taken. Choose another, or sign in.")) from None
    people.private_space(user)
    return membership.accept(secret, user), user
