"""`/settings/`: what people set for themselves; API tokens are its script's business."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from uploads import access
from uploads.models import KnownProcessor, Role, User
from uploads.processing import known
from uploads.reading.frame import Page, show


COUNTED = 1000  # files with an old result, at the most


class Settings(Page):
    """Password, tokens, notifications; own processors, and how well they are confined here."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        page = self.page("settings", "millrace/settings", "settings")
        user = cast("User", request.user)
        page |= {"has_password": _has_password(user), "staff": user.is_staff}
        page["own_processors"] = [
            {"entry": entry, "old": self._old(entry)} for entry in known.own()
        ]
        page["mistakes"] = known.mistakes() if user.is_staff else []
        return show(request, "settings.html", {"page": page})

    def _old(self, entry: KnownProcessor) -> str:
        """How many files of this space have a result of an older version; "" for none."""
        if not self.place.may(Role.UPLOADER) or (entry.version or 1) < 2:
            return ""
        found = known.old_files(self.place.space_id, entry.name)[: COUNTED + 1].count()
        return f"{COUNTED}+" if found > COUNTED else str(found or "")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """Set the password; a session of this browser stays signed in, all others end."""
        problem = self._set_password(request, cast("User", request.user))
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, _("The password is set. Other sessions were signed out."))
        return redirect(request.get_full_path())

    def _set_password(self, request: HttpRequest, user: User) -> str:
        """What is wrong with the form, "" when the password was set."""
        old, new = request.POST.get("old", ""), request.POST.get("new", "")
        if _has_password(user) and not user.check_password(old):
            return _("The present password is not right.")
        try:
            validate_password(new, user)
        except ValidationError as error:
            return " ".join(error.messages)
        user.set_password(new)
        user.save(update_fields=["password"])
        update_session_auth_hash(request, user)
        access.forget()
        return ""


def _has_password(user: User) -> bool:
    """Whether the user can sign in by one; who was made by a command has none yet."""
    return bool(user.password) and user.has_usable_password()
