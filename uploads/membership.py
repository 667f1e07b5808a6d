"""The only module that changes who is in a space, and as what: spaces made by people, roles,
invitations, leaving.

Whose rights change is identified anew, and their live connections are closed. All functions are
plain, to be called inside a transaction (`database.write`).
"""

import secrets
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.utils import timezone

from uploads import people
from uploads.access.identity import digest
from uploads.errors import NotFound, TooManyRequests, WrongState
from uploads.models import Invitation, Membership, Role, Space, User
from uploads.publishing import doorbell

SPACES = 200  # that one user is a member of, at the most
MEMBERS = 1000  # of one space
INVITATIONS = 100  # open ones of one space
ORDER = list(Role)


def create_space(user_id: int, name: str) -> Space:
    """A space that its maker manages. Raises TooManyRequests."""
    _room_for(user_id)
    space = Space.objects.create(slug=people.free_slug(name), name=name)
    Membership.objects.create(space=space, user_id=user_id, role=Role.MANAGER)
    _revoke(user_id)
    return space


def _room_for(user_id: int) -> None:
    User.objects.select_for_update().get(pk=user_id)
    if Membership.objects.filter(user=user_id).count() >= SPACES:
        raise TooManyRequests(f"One is a member of at most {SPACES} spaces; leave some first.")


def _revoke(user_id: int) -> None:
    transaction.on_commit(partial(doorbell.revoke, user=user_id))


# -- members ---------------------------------------------------------------------------------------


def members(space_id: int) -> list[Membership]:
    """Everybody in a space, by name."""
    found = Membership.objects.filter(space=space_id).select_related("user", "space")
    return list(found.order_by("user__username")[:MEMBERS])


def set_role(space_id: int, username: str, role: str) -> Membership:
    """A member becomes viewer, uploader or manager. Raises NotFound, and WrongState for whom the
    space needs as its manager.
    """
    member = _locked(space_id, username)
    if role != Role.MANAGER:
        _check_dispensable(member)
    member.role = role
    member.save(update_fields=["role"])
    _revoke(member.user_id)
    return member


def remove(space_id: int, username: str) -> None:
    """A member leaves, or is removed; files stay. Raises as `set_role`."""
    member = _locked(space_id, username)
    _check_dispensable(member)
    member.delete()
    _revoke(member.user_id)


def _locked(space_id: int, username: str) -> Membership:
    Space.objects.select_for_update().filter(pk=space_id).first()  # two managers leave in turn
    found = Membership.objects.select_related("user", "space").filter(
        space=space_id, user__username=username
    )
    member = found.first()
    if member is None:
        raise NotFound("There is no such member.")
    return member


def _check_dispensable(member: Membership) -> None:
    if member.space.owner_id == member.user_id:
        raise WrongState("This is the member's own space; nobody else can manage it.")
    managers = Membership.objects.filter(space=member.space_id, role=Role.MANAGER)
    if not managers.exclude(pk=member.pk).exists():
        raise WrongState("A space needs a manager; make somebody else one first.")


# -- invitations -----------------------------------------------------------------------------------


def invite(space_id: int, by: int, role: str, days: int) -> tuple[Invitation, str]:
    """An invitation for one person, and its secret, which is kept nowhere. Raises
    TooManyRequests.
    """
    if len(invitations(space_id)) >= INVITATIONS:
        raise TooManyRequests(f"A space has at most {INVITATIONS} open invitations.")
    secret = secrets.token_urlsafe(32)
    made = Invitation.objects.create(
        space_id=space_id,
        by_id=by,
        role=role,
        digest=digest(secret),
        expires_at=timezone.now() + timedelta(days=days),
    )
    return made, secret


def invitations(space_id: int) -> list[Invitation]:
    """Those that can still be accepted, the newest first."""
    Invitation.objects.filter(space=space_id, expires_at__lte=timezone.now()).delete()
    found = Invitation.objects.filter(space=space_id).select_related("by")
    return list(found.order_by("-pk"))


def withdraw(space_id: int, invitation_id: int) -> None:
    """An invitation can no longer be accepted. Raises NotFound."""
    if not Invitation.objects.filter(space=space_id, pk=invitation_id).delete()[0]:
        raise NotFound


def invitation(secret: str) -> Invitation | None:
    """The invitation that a link means, None where it was used, withdrawn or is too old."""
    found = Invitation.objects.filter(digest=digest(secret), expires_at__gt=timezone.now())
    return found.select_related("space", "by").first()


def accept(secret: str, user: User) -> Space:
    """The user is a member from now on; nobody loses a higher role by it. Raises NotFound for an
    invitation that is not there any more, TooManyRequests.
    """
    found = invitation(secret)
    # the delete says who was first: an invitation is for one
    if found is None or not Invitation.objects.filter(pk=found.pk).delete()[0]:
        raise NotFound("This invitation was used, withdrawn, or is too old.")
    _room_for(user.pk)
    if Membership.objects.filter(space=found.space_id).count() >= MEMBERS:
        raise TooManyRequests(f"A space has at most {MEMBERS} members.")
    member, made = Membership.objects.get_or_create(
        space=found.space, user=user, defaults={"role": found.role}
    )
    if not made and ORDER.index(Role(member.role)) < ORDER.index(Role(found.role)):
        member.role = found.role
        member.save(update_fields=["role"])
    _revoke(user.pk)
    return found.space
