"""What somebody may do in a space, by role and scope.

A view says what it needs by `here(request, Role.…)`.
"""

from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from uploads.access import identity
from uploads.access.identity import Who
from uploads.errors import Forbidden, NotFound, NotSignedIn
from uploads.models import Role

ORDER = [Role.VIEWER, Role.UPLOADER, Role.MANAGER]
SCOPE_OF = {Role.VIEWER: "read", Role.UPLOADER: "upload", Role.MANAGER: "manage"}

Permit = Callable[[], None]

asking: ContextVar[Who | None] = ContextVar("asking", default=None)  # in a request's task


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
    return _enter_numbered(who, space_id, need)


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
        if (who := identity.anew(access.token_id, access.session_key)) is not None:
            enter(who, access.space_slug)
    except (NotSignedIn, NotFound, Forbidden):
        return False
    return True


def permit(space_id: int) -> Permit | None:
    """What asks the database once more whether who sent this request may still upload there.

    It raises NotSignedIn, NotFound or Forbidden where not. None where nobody asks.
    """
    who = asking.get()
    return None if who is None else partial(_check_still, who, space_id)


def _check_still(who: Who, space_id: int) -> None:
    now = identity.anew(who.token_id, who.session_key)
    if now is not None:
        _enter_numbered(now, space_id, Role.UPLOADER)


def _enter_numbered(who: Who, space_id: int, need: Role) -> Access:
    for slug, (number, _) in who.spaces.items():
        if number == space_id:
            return enter(who, slug, need)
    raise NotFound
