"""Tickets for a `hello` from elsewhere: good for a minute, and once.

They are signed and anybody can read them, so they name a session by its digest: its key is what
signs in.
"""

import hashlib
import time
from datetime import timedelta

from django.contrib.sessions.models import Session
from django.core.signing import BadSignature, TimestampSigner
from django.utils import timezone

from project import database
from uploads.access import identity
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.errors import NotSignedIn
from uploads.models import SignedIn, User

TICKET_SECONDS = 60

_signer = TimestampSigner(salt="millrace.ticket")


def make(access: Access) -> str:
    """A signed ticket for one `hello`, good for one minute."""
    nonce = hashlib.sha256(f"{time.time_ns()}{access.user_id}".encode()).hexdigest()[:16]
    return _signer.sign_object(
        [
            access.user_id,
            access.space_slug,
            list(access.scopes),
            access.token_id,
            access.session_key and identity.digest(access.session_key),
            nonce,
        ]
    )


async def take(ticket: str) -> Who:
    """Whom a ticket was given to. Raises NotSignedIn for one that is old, forged or used."""
    try:
        user_id, slug, scopes, token_id, session, nonce = _signer.unsign_object(
            ticket, max_age=TICKET_SECONDS
        )
    except (BadSignature, ValueError, TypeError):
        raise NotSignedIn("The ticket is not valid or older than a minute.") from None
    return await database.write(_redeem, user_id, slug, tuple(scopes), token_id, session, nonce)


def _redeem(
    user_id: int,
    slug: str,
    scopes: tuple[str, ...],
    token_id: int | None,
    session: str | None,
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
    if user is None:
        raise NotSignedIn
    key = None if session is None else _key_of(session, user)
    identity.anew(token_id, key)  # neither must have ended since
    spaces = {name: place for name, place in identity.spaces_of(user).items() if name == slug}
    return Who(user.pk, user.username, "ticket", spaces, slug, scopes, token_id, key)


def _key_of(session: str, user: User) -> str:
    for key in SignedIn.objects.filter(user=user).values_list("session_key", flat=True):
        if identity.digest(key) == session:
            return key
    raise NotSignedIn
