"""`/api/members/` and `/api/invitations/`: who is in a space; and spaces that people make."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from ninja import Path, Router

from project import database
from uploads import membership
from uploads.access import identity, rights
from uploads.access.identity import Who
from uploads.access.rights import Access
from uploads.errors import Forbidden
from uploads.models import Invitation as InvitationRow
from uploads.models import Membership, Role, Token
from uploads.publishing.describing import moment
from uploads.reading import doors
from uploads.reading.shapes import (
    Invitations,
    MadeInvitation,
    Member,
    Members,
    NewInvitation,
    NewRole,
    NewSpace,
    Space,
    Username,
)
from uploads.reading.world import describe_space
from uploads.reading.world import router as spaces  # one address, one router

router = Router(tags=["spaces"])


@doors.post(spaces, "spaces/", Space, 201, operation_id="makeSpace", summary="Make a space")
async def make_space(request: HttpRequest, wanted: NewSpace) -> HttpResponseBase:
    """You manage it. A token for one space can't make others."""
    who: Who = request.who  # type: ignore[attr-defined]
    if "manage" not in who.scopes:
        raise Forbidden("That needs a token with the scope manage.")
    body = await database.write(_make_space, who, wanted.name)
    identity.forget()
    return doors.answer(body, 201)


def _make_space(who: Who, name: str) -> dict[str, Any]:
    narrow = Token.objects.filter(user=who.user_id, space__isnull=False)
    if who.token_id is not None and narrow.filter(pk=who.token_id).exists():
        raise Forbidden("This token reaches one space only.")
    space = membership.create_space(who.user_id, name)
    return describe_space(Membership.objects.get(space=space, user=who.user_id), who)


# -- members ---------------------------------------------------------------------------------------


@doors.get(router, "members/", Members, operation_id="listMembers", summary="Who is in a space")
async def list_members(request: HttpRequest) -> HttpResponseBase:
    """With their roles."""
    place = rights.here(request)
    return doors.answer({"items": await database.read(_members, place)})


def _members(place: Access) -> list[dict[str, Any]]:
    return [_member(member, place) for member in membership.members(place.space_id)]


def _member(member: Membership, place: Access) -> dict[str, Any]:
    return {
        "user": member.user.get_username(),
        "role": str(member.role),
        "own": member.space.owner_id == member.user_id,
        "you": member.user_id == place.user_id,
    }


@doors.post(
    router, "members/{str:name}/", Member, operation_id="setRole", summary="Change a member's role"
)
async def set_role(request: HttpRequest, name: Path[Username], wanted: NewRole) -> HttpResponseBase:
    """For managers. The member's live connections are closed, and may come again."""
    place = rights.here(request, Role.MANAGER)
    body = await database.write(_set_role, place, name, wanted.role)
    identity.forget()
    return doors.answer(body)


def _set_role(place: Access, name: str, role: str) -> dict[str, Any]:
    return _member(membership.set_role(place.space_id, name, role), place)


@doors.delete(
    router, "members/{str:name}/", operation_id="removeMember", summary="Remove a member, or leave"
)
async def remove_member(request: HttpRequest, name: Path[Username]) -> HttpResponseBase:
    """Managers remove whom they like, everybody themselves. Files stay; live connections are
    closed at once.
    """
    place = rights.here(request)
    if name != place.username or "upload" not in place.scopes:
        place = rights.here(request, Role.MANAGER)
    await database.write(membership.remove, place.space_id, name)
    identity.forget()
    return HttpResponse(status=204)


# -- invitations -----------------------------------------------------------------------------------


@doors.get(
    router,
    "invitations/",
    Invitations,
    operation_id="listInvitations",
    summary="Open invitations to a space",
)
async def list_invitations(request: HttpRequest) -> HttpResponseBase:
    """For managers; without their secrets, which are kept nowhere."""
    place = rights.here(request, Role.MANAGER)
    return doors.answer({"items": await database.write(_invitations, place)})


def _invitations(place: Access) -> list[dict[str, Any]]:
    return [_invitation(row) for row in membership.invitations(place.space_id)]


def _invitation(row: InvitationRow) -> dict[str, Any]:
    return {
        "id": row.pk,
        "role": str(row.role),
        "by": None if row.by is None else row.by.get_username(),
        "created_at": moment(row.created_at),
        "expires_at": moment(row.expires_at),
    }


@doors.post(
    router, "invitations/", MadeInvitation, 201, operation_id="invite", summary="Invite somebody"
)
async def invite(request: HttpRequest, wanted: NewInvitation) -> HttpResponseBase:
    """For managers. Whoever opens the link first, with an account or by making one, is a member;
    the answer is the only place where it is ever shown.
    """
    place = rights.here(request, Role.MANAGER)
    return doors.answer(await database.write(_invite, place, wanted), 201)


def _invite(place: Access, wanted: NewInvitation) -> dict[str, Any]:
    made, secret = membership.invite(place.space_id, place.user_id, wanted.role, wanted.days)
    return {**_invitation(made), "path": f"/join/{secret}/"}


@doors.delete(
    router,
    "invitations/{int:invitation_id}/",
    operation_id="withdrawInvitation",
    summary="Withdraw an invitation",
)
async def withdraw(request: HttpRequest, invitation_id: Path[int]) -> HttpResponseBase:
    """Its link leads nowhere from now on."""
    place = rights.here(request, Role.MANAGER)
    await database.write(membership.withdraw, place.space_id, invitation_id)
    return HttpResponse(status=204)
