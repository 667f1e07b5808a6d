"""`/api/tokens/`: a user's own API tokens: list, make, remove.

A token can't give more than it has: what it makes reaches no further, may do no more and lives no
longer than itself.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from ninja import Path, Router

from project import database
from uploads import people
from uploads.access import identity
from uploads.access.identity import Who
from uploads.errors import BadRequest, Forbidden, NotFound, TooManyRequests
from uploads.models import Space, Token, User
from uploads.publishing import doorbell
from uploads.publishing.describing import moment
from uploads.reading import doors
from uploads.reading.shapes import MadeToken, NewToken, Tokens

TOKENS = 200  # of one user, at the most

router = Router(tags=["tokens"])


@doors.get(router, "tokens/", Tokens, operation_id="listTokens", summary="Your API tokens")
async def list_tokens(request: HttpRequest) -> HttpResponseBase:
    """Without their secrets, which are kept nowhere."""
    return doors.answer({"items": await database.read(_tokens, _owner(request))})


@doors.post(
    router, "tokens/", MadeToken, 201, operation_id="makeToken", summary="Make an API token"
)
async def make_token(request: HttpRequest, wanted: NewToken) -> HttpResponseBase:
    """The answer is the only place where its secret is ever shown."""
    body = await database.write(_make, _owner(request), wanted)
    return doors.answer(body, 201)


@doors.delete(
    router, "tokens/{int:token_id}/", operation_id="deleteToken", summary="Remove an API token"
)
async def delete_token(request: HttpRequest, token_id: Path[int]) -> HttpResponseBase:
    """It is refused from now on, and the connections that it opened are closed."""
    await database.write(_delete, _owner(request), token_id)
    identity.forget()  # here at once; the ring tells the other processes in a moment
    return HttpResponse(status=204)


def _owner(request: HttpRequest) -> Who:
    who: Who = request.who  # type: ignore[attr-defined]
    if "manage" not in who.scopes:
        raise Forbidden("Tokens are managed by a signed-in user, or a token with the scope manage.")
    return who


def _within_reach(who: Who) -> Any:
    """Tokens that the asker may see: a token for one space sees those for it."""
    mine = Token.objects.filter(user=who.user_id).select_related("space")
    if who.token_id is None:
        return mine
    asker = Token.objects.filter(pk=who.token_id).first()
    if asker is None:
        raise NotFound
    return mine if asker.space_id is None else mine.filter(space=asker.space_id)


def _tokens(who: Who) -> list[dict[str, Any]]:
    return [_described(token) for token in _within_reach(who).order_by("-created_at", "-pk")]


def _described(token: Token) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "space": None if token.space is None else token.space.slug,
        "scopes": list(token.scopes),
        "created_at": moment(token.created_at),
        "expires_at": moment(token.expires_at),
        "last_used_at": moment(token.last_used_at),
    }


def _make(who: Who, wanted: NewToken) -> dict[str, Any]:
    user = User.objects.select_for_update().get(pk=who.user_id)
    if Token.objects.filter(user=user).count() >= TOKENS:
        raise TooManyRequests(f"A user has at most {TOKENS} tokens; remove some first.")
    space = _space(who, wanted.space)
    _check_scopes(who, user, wanted)
    _check_expiry(who, wanted.expires_at, space)
    scopes = tuple(dict.fromkeys(wanted.scopes))
    token, secret = people.make_token(
        user, space=space, name=wanted.name, scopes=scopes, expires_at=wanted.expires_at
    )
    return {**_described(token), "secret": secret}


def _space(who: Who, slug: str | None) -> Space | None:
    if slug is None:
        return None
    if slug not in who.spaces:
        raise NotFound("There is no such space, or you are no member of it.")
    return Space.objects.get(pk=who.spaces[slug][0])


def _check_scopes(who: Who, user: User, wanted: NewToken) -> None:
    beyond = set(wanted.scopes) - set(who.scopes)
    if user.is_staff and who.token_id is None:
        beyond.discard("metrics")
    if beyond:
        raise Forbidden(f"You can't give the scope {min(beyond)}: you do not have it.")


def _check_expiry(who: Who, expires_at: datetime | None, space: Space | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        raise BadRequest("expires_at: it lies in the past.")
    asker = Token.objects.filter(pk=who.token_id).first() if who.token_id is not None else None
    if asker is None:
        return
    if asker.space_id is not None and (space is None or space.pk != asker.space_id):
        raise Forbidden("This token reaches one space, and so must those that it makes.")
    if asker.expires_at and (expires_at is None or expires_at > asker.expires_at):
        raise Forbidden("A token that this one makes can't outlive it.")


def _delete(who: Who, token_id: int) -> None:
    found = _within_reach(who).filter(pk=token_id).first()
    if found is None:
        raise NotFound
    found.delete()
    transaction.on_commit(lambda: doorbell.revoke(token=token_id))
