"""Who somebody is: the one way from a cookie or token to a user and their spaces.

A request is identified once (`identify`, for lean doors, WebSocket and SSE alike). What was found
is kept for a few seconds, and forgotten at once when it is revoked.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookies import CookieError, SimpleCookie
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.utils import timezone

from project import database
from uploads.errors import NotSignedIn
from uploads.models import Membership, Space, Token, User
from uploads.publishing import doorbell

log = structlog.get_logger(__name__)

NOTE_USE = timedelta(minutes=1)  # a token's use is noted no more often
REMEMBER_SECONDS = 5
REMEMBER_MOST = 10_000
ALL_SCOPES = ("read", "upload", "manage")

_known: "OrderedDict[tuple[str, str], tuple[float, Who]]" = OrderedDict()
_rounds = 0  # how often all were forgotten


@dataclass(frozen=True)
class Who:
    """Somebody who has shown who they are."""

    user_id: int
    username: str
    via: str  # "cookie", "token" or "ticket"
    spaces: Mapping[str, tuple[int, str]]  # slug → (id, role)
    own: str | None  # slug of the space that is meant when none is named
    scopes: tuple[str, ...] = ALL_SCOPES
    token_id: int | None = None
    session_key: str | None = None
    used_at: datetime | None = None  # when its token was used, as far as that is noted


def forget(_ring: dict[str, Any] | None = None) -> None:
    """Identify everybody anew."""
    global _rounds
    _rounds += 1
    _known.clear()


doorbell.subscribe("revoke", forget)


async def identify(headers: Mapping[str, str]) -> Who | None:
    """Who sent these headers (`authorization`, `cookie`), None where they say nothing. Raises
    NotSignedIn for what is not valid.
    """
    authorization = headers.get("authorization", "")
    if authorization:
        scheme, _, secret = authorization.partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise NotSignedIn
        return await _recall("token", digest(secret.strip()), by_token)
    key = cookie(headers, settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    try:
        return await _recall("session", key, _by_session)
    except NotSignedIn:
        return None  # an old cookie says nothing


def cookie(headers: Mapping[str, str], name: str) -> str:
    """The value of one cookie, "" where there is none."""
    raw = headers.get("cookie", "")
    if name not in raw:
        return ""
    try:
        morsel = SimpleCookie(raw).get(name)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


async def _recall(kind: str, key: str, find: Callable[[str], Who]) -> Who:
    known = _known.get((kind, key))
    if known is not None and known[0] > time.monotonic():
        return known[1]
    before = _rounds
    who = await database.read(find, key)
    if who.token_id is not None:
        _note_use(who.token_id, who.used_at)
    if before != _rounds:  # it may have been revoked since it was read
        return who
    _known[kind, key] = (time.monotonic() + REMEMBER_SECONDS, who)
    while len(_known) > REMEMBER_MOST:
        _known.popitem(last=False)
    return who


def _note_use(token_id: int, before: datetime | None) -> None:
    """Nobody waits for it: who only reads goes on where nothing can be written."""
    now = timezone.now()
    if before is None or now - before > NOTE_USE:
        noting = database.submit(Token.objects.filter(pk=token_id).update, last_used_at=now)
        noting.add_done_callback(_noted)


def _noted(noting: "asyncio.Future[int]") -> None:
    if not noting.cancelled() and (error := noting.exception()) is not None:
        log.warning("a token's use could not be noted", error=str(error))


def digest(secret: str) -> str:
    """How tokens and links are kept: their sha-256, since they are random and long."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def by_token(key: str) -> Who:
    return _of_token(Token.objects.select_related("user", "space").filter(digest=key).first())


def _by_session(key: str) -> Who:
    request = HttpRequest()
    request.session = SessionStore(key)
    user = get_user(request)
    if not isinstance(user, User) or not user.is_active:
        raise NotSignedIn
    return Who(
        user_id=user.pk,
        username=user.username,
        via="cookie",
        spaces=spaces_of(user),
        own=_own(user),
        session_key=key,
    )


def who_is(user: User, session_key: str | None = None) -> Who:
    """A user whom Django's own middleware has signed in (pages)."""
    return Who(
        user.pk, user.username, "cookie", spaces_of(user), _own(user), session_key=session_key
    )


def anew(token_id: int | None, session_key: str | None) -> Who | None:
    """The same, as the database knows them now; None where nothing says how they came in. Raises
    NotSignedIn.
    """
    if token_id is not None:
        tokens = Token.objects.select_related("user", "space")
        return _of_token(tokens.filter(pk=token_id).first())
    return None if session_key is None else _by_session(session_key)


def _of_token(token: Token | None) -> Who:
    if (
        token is None
        or not token.user.is_active
        or (token.expires_at and token.expires_at <= timezone.now())
    ):
        raise NotSignedIn("The API token is not valid: unknown, expired or removed.")
    spaces = spaces_of(token.user)
    own = _own(token.user)
    if token.space is not None:
        spaces = {slug: place for slug, place in spaces.items() if slug == token.space.slug}
        own = token.space.slug
    return Who(
        user_id=token.user_id,
        username=token.user.username,
        via="token",
        spaces=spaces,
        own=own,
        scopes=tuple(token.scopes),
        token_id=token.pk,
        used_at=token.last_used_at,
    )


def spaces_of(user: User) -> dict[str, tuple[int, str]]:
    rows = Membership.objects.filter(user=user).values_list("space__slug", "space_id", "role")
    return {slug: (space_id, role) for slug, space_id, role in rows}


def _own(user: User) -> str | None:
    return Space.objects.filter(owner=user).values_list("slug", flat=True).first()
