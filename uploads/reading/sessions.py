"""The only module that begins and ends browser sessions, and tells their user where they are."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth import login, update_session_auth_hash
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from uploads.access import identity
from uploads.models import SignedIn, User
from uploads.publishing import doorbell

AGENT_LENGTH = 300


@dataclass(frozen=True)
class Shown:
    """A session as its user sees it."""

    id: int
    here: bool  # it is the one that asks
    since: datetime
    address: str
    agent: str  # "Firefox, Windows"


BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def called(agent: str) -> str:
    """What people call a browser that names itself by a whole line; that line where unknown."""
    known = [
        next((name for mark, name in marks if mark in agent), "") for marks in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(name for name in known if name) or agent


def begin(request: HttpRequest, user: User) -> None:
    """Sign the user in, in this browser. Somebody else who was is signed out, and hears no more."""
    before, earlier = request.session.session_key, request.user.pk
    login(request, user)
    if request.session.session_key is None:  # somebody else's was thrown away, and this one is new
        request.session.save()
    if before is not None and earlier not in {None, user.pk}:
        _shut_out(earlier, before)
    SignedIn.objects.update_or_create(
        session_key=request.session.session_key,
        defaults={
            "user": user,
            "address": request.META.get("REMOTE_ADDR", "")[:45],
            "agent": request.headers.get("User-Agent", "")[:AGENT_LENGTH],
        },
    )


def of(request: HttpRequest, user: User) -> list[Shown]:
    """The user's sessions that last, this one first. What ended by itself is forgotten."""
    rows = list(SignedIn.objects.filter(user=user).order_by("-created_at"))
    lasting = set(
        Session.objects.filter(
            session_key__in=[row.session_key for row in rows], expire_date__gt=timezone.now()
        ).values_list("session_key", flat=True)
    )
    SignedIn.objects.filter(user=user).exclude(session_key__in=lasting).delete()
    shown = [
        Shown(
            row.pk,
            row.session_key == request.session.session_key,
            row.created_at,
            row.address,
            called(row.agent),
        )
        for row in rows
        if row.session_key in lasting
    ]
    return sorted(shown, key=lambda one: not one.here)


def end(user: User, number: str) -> None:
    """Sign the user out in another browser, at once; nothing happens where it is gone already."""
    for row in SignedIn.objects.filter(user=user):
        if str(row.pk) == number:
            _end(row)


def end_others(request: HttpRequest, user: User) -> None:
    """Sign the user out everywhere but here; also where nobody noted that they signed in."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(session_round=F("session_round") + 1)
        user.refresh_from_db(fields=["session_round"])
        keep_here(request, user)


def keep_here(request: HttpRequest, user: User) -> None:
    """What sessions are proved by has changed: this one goes on, all others are void."""
    before = request.session.session_key
    update_session_auth_hash(request, user)
    SignedIn.objects.filter(session_key=before).update(session_key=request.session.session_key)
    for row in SignedIn.objects.filter(user=user).exclude(session_key=request.session.session_key):
        _end(row)
    everywhere = partial(doorbell.revoke, user=user.pk, session=doorbell.ANY_SESSION)
    transaction.on_commit(everywhere)
    identity.forget()


def _end(row: SignedIn) -> None:
    Session.objects.filter(session_key=row.session_key).delete()
    _shut_out(row.user_id, row.session_key)


def _shut_out(user_id: int, session_key: str) -> None:
    """The session is gone; whatever still lives by it is closed."""
    SignedIn.objects.filter(session_key=session_key).delete()
    transaction.on_commit(partial(doorbell.revoke, user=user_id, session=session_key))
    identity.forget()
