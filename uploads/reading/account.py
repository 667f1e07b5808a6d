"""`/settings/`: what people set for themselves; API tokens are its script's business."""

from typing import cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from uploads.access import rights
from uploads.models import Invitation, KnownProcessor, Membership, Role, Token, User
from uploads.processing import known
from uploads.reading import sessions
from uploads.reading.frame import Page, show

COUNTED = 1000  # files with an old result, at the most
LINES = 100  # that are kept free for a list, at the most


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
        page["sessions"] = sessions.of(request, user) if self.who.token_id is None else []
        page |= {"mails": bool(settings.EMAIL_URL), "email": user.email, "mail": user.wants_mail}
        page["to_come"] = self._to_come()
        page["boot"]["roles"] = dict(zip(Role.values, Role.labels, strict=True))
        page["boot"]["username"] = user.get_username()
        context = {"page": page, "roles": Role.choices}
        return show(request, "settings.html", context)

    def _to_come(self) -> dict[str, range]:
        """How many lines each list of the script will have, about."""
        here, now = self.place.space_id, timezone.now()
        counts = {
            "tokens": Token.objects.filter(user=self.who.user_id).count(),
            "members": Membership.objects.filter(space=here).count(),
            "invitations": Invitation.objects.filter(space=here, expires_at__gt=now).count(),
            "spaces": len(self.who.spaces),
        }
        return {name: range(min(count, LINES)) for name, count in counts.items()}

    def _old(self, entry: KnownProcessor) -> str:
        """How many files of this space have a result of an older version; "" for none."""
        if not self.place.may(Role.UPLOADER) or (entry.version or 1) < 2:
            return ""
        found = len(known.old_files(self.place.space_id, entry.name, limit=COUNTED + 1))
        return f"{COUNTED}+" if found > COUNTED else str(found or "")

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """End other sessions, or set the password; this browser stays signed in."""
        rights.by_browser(request)
        user, action = cast("User", request.user), request.POST.get("action", "")
        if action == "end-session":
            sessions.end(user, request.POST.get("session", ""))
        elif action == "mail":
            self._choose_mail(request, user)
        elif action == "end-others":
            sessions.end_others(request, user)
            messages.success(request, _("You are signed out everywhere else."))
        else:
            self._change_password(request)
        return redirect(request.get_full_path())

    def _choose_mail(self, request: HttpRequest, user: User) -> None:
        user.email = request.POST.get("email", "").strip()
        user.wants_mail = bool(request.POST.get("wants_mail") and user.email)
        try:
            user.clean_fields(exclude=_all_fields_but("email"))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return
        user.mail_language = get_language() or ""
        user.save(update_fields=["email", "wants_mail", "mail_language"])
        messages.success(request, _("It is noted."))

    def _change_password(self, request: HttpRequest) -> None:
        problem = self._set_password(request, cast("User", request.user))
        if problem:
            messages.error(request, problem)
        else:
            messages.success(request, _("The password is set. Other sessions were signed out."))

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
        sessions.keep_here(request, user)
        return ""


def _all_fields_but(name: str) -> list[str]:
    return [field.name for field in User._meta.fields if field.name != name]


def _has_password(user: User) -> bool:
    """Whether the user can sign in by one; who was made by a command has none yet."""
    return bool(user.password) and user.has_usable_password()
