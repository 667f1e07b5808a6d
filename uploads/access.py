"""The only module that decides who may: sign-in by cookie, token or ticket, spaces, roles, scopes,
origins.

A request is identified once (`identify`, for lean doors, WebSocket and SSE alike). What was found
is kept for a few seconds, and forgotten at once when it is revoked. A view then says what it needs
by `here(request, Role.…)`.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http.cookies import CookieError, SimpleCookie
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponseBase
from django.middleware import csrf
from django.urls import resolve
from django.utils import timezone

from project import database
from uploads.errors import BadCsrf, BadOrigin, Forbidden, NotFound, NotSignedIn
from uploads.models import Membership, Role, Space, Token, User
from uploads.publishing import doorbell
from uploads.refusals import Respond, answer

log = structlog.get_logger(__name__)

NOTE_USE = timedelta(minutes=1)  # a token's use is noted no more often
REMEMBER_SECONDS = 5
REMEMBER_MOST = 10_000
TICKET_SECONDS = 60
ORDER = [Role.VIEWER, Role.UPLOADER, Role.MANAGER]
SCOPE_OF = {Role.VIEWER: "read", Role.UPLOADER: "upload", Role.MANAGER: "manage"}
ALL_SCOPES = ("read", "upload", "manage")
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}
FORMS = {"/upload/", "/api/files/zip/form/"}  # bring the token as a field and check it themselves


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


@dataclass(frozen=True)
class Access:
    """Somebody in one space."""

    user_id: int
    username: str
    space_id: int
    space_slug: str
    role: Role
    scopes: tuple[str, ...]
    via: str
    token_id: int | None
    session_key: str | None

    def may(self, need: Role) -> bool:
        """Whether role and scope allow what `need` may do."""
        return ORDER.index(self.role) >= ORDER.index(need) and SCOPE_OF[need] in self.scopes


# -- who is it -------------------------------------------------------------------------------------

_known: "OrderedDict[tuple[str, str], tuple[float, Who]]" = OrderedDict()
_rounds = 0  # how often all were forgotten
_asking: ContextVar["Who | None"] = ContextVar("asking", default=None)  # in a request's task


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
        return await _recall("token", digest(secret.strip()), _by_token)
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


def digest(secret: str) -> str:
    """How tokens and links are kept: their sha-256, since they are random and long."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _by_token(key: str) -> Who:
    return _of_token(Token.objects.select_related("user", "space").filter(digest=key).first())


def _of_token(token: Token | None) -> Who:
    if (
        token is None
        or not token.user.is_active
        or (token.expires_at and token.expires_at <= timezone.now())
    ):
        raise NotSignedIn("The API token is not valid: unknown, expired or removed.")
    spaces = _spaces(token.user)
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


def _note_use(token_id: int, before: datetime | None) -> None:
    """Nobody waits for it: who only reads goes on where nothing can be written."""
    now = timezone.now()
    if before is None or now - before > NOTE_USE:
        noting = database.submit(Token.objects.filter(pk=token_id).update, last_used_at=now)
        noting.add_done_callback(_noted)


def _noted(noting: "asyncio.Future[int]") -> None:
    if not noting.cancelled() and (error := noting.exception()) is not None:
        log.warning("a token's use could not be noted", error=str(error))


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
        spaces=_spaces(user),
        own=_own(user),
        session_key=key,
    )


def who_is(user: User, session_key: str | None = None) -> Who:
    """A user whom Django's own middleware has signed in (pages)."""
    return Who(user.pk, user.username, "cookie", _spaces(user), _own(user), session_key=session_key)


def _spaces(user: User) -> dict[str, tuple[int, str]]:
    rows = Membership.objects.filter(user=user).values_list("space__slug", "space_id", "role")
    return {slug: (space_id, role) for slug, space_id, role in rows}


def _own(user: User) -> str | None:
    return Space.objects.filter(owner=user).values_list("slug", flat=True).first()


# -- may they --------------------------------------------------------------------------------------


def here(request: HttpRequest, need: Role = Role.VIEWER) -> Access:
    """The requester in the space that `?space=` names (default: their own).

    Raises NotSignedIn, NotFound for a space that is not theirs, Forbidden where role or scope do
    not suffice.
    """
    who: Who | None = getattr(request, "who", None)
    if who is None:
        raise NotSignedIn
    slug = request.GET.get("space") if request.META["QUERY_STRING"] else None
    return enter(who, slug, need)


def by_browser(request: HttpRequest) -> None:
    """Raises PermissionDenied for a token: what proves somebody is theirs alone to change, whatever
    they let a token do.
    """
    who: Who | None = getattr(request, "who", None)
    if who is not None and who.token_id is not None:
        raise PermissionDenied


def inside(request: HttpRequest, space_id: int, need: Role = Role.VIEWER) -> Access:
    """As `here`, for something that lies in this space; what lies elsewhere is not found."""
    who: Who | None = getattr(request, "who", None)
    if who is None:
        raise NotSignedIn
    for slug, (number, _) in who.spaces.items():
        if number == space_id:
            return enter(who, slug, need)
    raise NotFound


def enter(who: Who, slug: str | None, need: Role = Role.VIEWER) -> Access:
    """As `here`, for who is no request."""
    slug = slug or who.own
    if slug is None or slug not in who.spaces:
        raise NotFound("There is no such space, or you are no member of it.")
    space_id, role = who.spaces[slug]
    access = Access(
        who.user_id,
        who.username,
        space_id,
        slug,
        Role(role),
        who.scopes,
        who.via,
        who.token_id,
        who.session_key,
    )
    if not access.may(need):
        raise Forbidden(
            f"That needs the role {need.value} in the space {slug}, "
            f"and of a token the scope {SCOPE_OF[need]}."
        )
    return access


def gone(accesses: Iterable[Access]) -> set[Access]:
    """Those that would not be granted any more: a right also ends by time, and a revocation's ring
    may be lost.
    """
    return {access for access in accesses if not _stands(access)}


def _stands(access: Access) -> bool:
    try:
        if (who := _anew(access)) is not None:
            enter(who, access.space_slug)
    except (NotSignedIn, NotFound, Forbidden):
        return False
    return True


def _anew(who: "Who | Access") -> Who | None:
    """The same, as the database knows them now; None where nothing says how they came in."""
    if who.token_id is not None:
        tokens = Token.objects.select_related("user", "space")
        return _of_token(tokens.filter(pk=who.token_id).first())
    return None if who.session_key is None else _by_session(who.session_key)


Permit = Callable[[], None]


def permit(space_id: int) -> Permit | None:
    """What asks the database once more whether who sent this request may still upload there.

    It raises NotSignedIn, NotFound or Forbidden where not. None where nobody asks.
    """
    who = _asking.get()
    return None if who is None else partial(_check_still, who, space_id)


def _check_still(who: Who, space_id: int) -> None:
    now = _anew(who)
    if now is None:
        return
    for slug, (number, _) in now.spaces.items():
        if number == space_id:
            enter(now, slug, Role.UPLOADER)
            return
    raise NotFound


# -- tickets ---------------------------------------------------------------------------------------

_signer = TimestampSigner(salt="millrace.ticket")


def make_ticket(access: Access) -> str:
    """A signed ticket for one `hello`, good for one minute."""
    nonce = hashlib.sha256(f"{time.time_ns()}{access.user_id}".encode()).hexdigest()[:16]
    return _signer.sign_object(
        [
            access.user_id,
            access.space_slug,
            list(access.scopes),
            access.token_id,
            access.session_key,
            nonce,
        ]
    )


async def take_ticket(ticket: str) -> Who:
    """Whom a ticket was given to. Raises NotSignedIn for one that is old, forged or used."""
    try:
        user_id, slug, scopes, token_id, session_key, nonce = _signer.unsign_object(
            ticket, max_age=TICKET_SECONDS
        )
    except (BadSignature, ValueError, TypeError):
        raise NotSignedIn("The ticket is not valid or older than a minute.") from None
    return await database.write(_redeem, user_id, slug, tuple(scopes), token_id, session_key, nonce)


def _redeem(
    user_id: int,
    slug: str,
    scopes: tuple[str, ...],
    token_id: int | None,
    session_key: str | None,
    nonce: str,
) -> Who:
    # a session row is the once-only mark: every process sees it, and it is swept when it is old
    _, first = Session.objects.get_or_create(
        session_key=f"ticket{nonce}",
        defaults={"expire_date": timezone.now() + timedelta(seconds=2 * TICKET_SECONDS)},
    )
    if not first:
        raise NotSignedIn("The ticket was used before.")
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is None or (token_id is not None and not Token.objects.filter(pk=token_id).exists()):
        raise NotSignedIn
    spaces = {name: place for name, place in _spaces(user).items() if name == slug}
    return Who(user.pk, user.username, "ticket", spaces, slug, scopes, token_id, session_key)


# -- where does it come from -----------------------------------------------------------------------


def origin_good(origin: str | None) -> bool:
    """Whether an Origin header (scheme://host:port) is one of our pages'. Missing and `null` are
    not.
    """
    return origin is not None and origin in settings.ORIGINS


def check_form_token(request: HttpRequest, token: str) -> None:
    """Raises BadCsrf unless `token` (a form's first field) fits the requester's cookie."""
    secret = cookie({"cookie": request.META.get("HTTP_COOKIE", "")}, settings.CSRF_COOKIE_NAME)
    try:
        csrf._check_token_format(secret)  # type: ignore[attr-defined]
        csrf._check_token_format(token)  # type: ignore[attr-defined]
    except csrf.InvalidTokenFormat:
        raise BadCsrf from None
    if not csrf._does_token_match(token, secret):  # type: ignore[attr-defined]
        raise BadCsrf


def _check_site(request: HttpRequest, who: Who) -> None:
    """A cookie comes along by itself, so requests that change something must show that our page
    made them; and a page that says whose it is changes nothing in the name of somebody else, who
    has signed in in the same browser since.
    """
    if request.headers.get("x-millrace-user", str(who.user_id)) != str(who.user_id):
        raise NotSignedIn("Somebody else is signed in in this browser now; load the page anew.")
    origin = request.headers.get("origin")
    if origin is not None and not origin_good(origin):
        raise BadOrigin
    token = request.headers.get("x-csrftoken")
    if token is not None:
        check_form_token(request, token)
        request.csrf_checked = True  # type: ignore[attr-defined]
    elif request.path_info not in FORMS:
        raise BadCsrf


# -- the lean doors' middleware --------------------------------------------------------------------


class Identify:
    """Says who asks (`request.who`); nobody unknown gets past, but to views that say `public =
    True`, and OPTIONS.
    """

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        who = await identify(request.headers)
        request.who = who  # type: ignore[attr-defined]
        _asking.set(who)
        if who is None and request.method != "OPTIONS" and not _public(request):
            raise NotSignedIn
        if who is not None and who.via == "cookie" and request.method not in SAFE:
            _check_site(request, who)
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
            who = _by_token(digest(secret.strip()))
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
