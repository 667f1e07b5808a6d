"""The only module that makes users, private spaces, tokens and sign-in links."""

import secrets
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.utils.text import slugify

from uploads.access.identity import ALL_SCOPES, digest
from uploads.models import Membership, Role, SignInLink, Space, Token, User


def person(username: str) -> User:
    """The user of that name, made with a private space where missing."""
    user, _ = User.objects.get_or_create(
        username=username, defaults={"password": make_password(None)}
    )
    private_space(user)
    return user


def private_space(user: User) -> Space:
    """The user's own space, made where missing."""
    space = Space.objects.filter(owner=user).first()
    if space is None:
        space = Space.objects.create(slug=free_slug(user.username), name=user.username, owner=user)
    Membership.objects.get_or_create(space=space, user=user, defaults={"role": Role.MANAGER})
    return space


def shared_space(slug: str, user: User) -> Space:
    """The space of that slug with the user as a member, both made where missing; who makes a space
    manages it.
    """
    space, made = Space.objects.get_or_create(slug=slug, defaults={"name": slug})
    role = Role.MANAGER if made else Role.UPLOADER
    Membership.objects.get_or_create(space=space, user=user, defaults={"role": role})
    return space


def make_token(
    user: User,
    *,
    space: Space | None = None,
    name: str = "",
    scopes: tuple[str, ...] = ALL_SCOPES,
    expires_at: datetime | None = None,
) -> tuple[Token, str]:
    """A new API token and its secret, which is kept nowhere."""
    secret = f"mr_{secrets.token_urlsafe(32)}"
    token = Token.objects.create(
        user=user,
        space=space,
        name=name,
        digest=digest(secret),
        scopes=list(scopes),
        expires_at=expires_at,
    )
    return token, secret


def make_sign_in_link(user: User) -> str:
    """The path of a link that signs the user in once, within a day."""
    secret = secrets.token_urlsafe(32)
    SignInLink.objects.create(user=user, digest=digest(secret))
    return f"/sign-in/{secret}/"


def free_slug(name: str) -> str:
    """A slug for a new space, of its name; numbered where there is one already."""
    base = slugify(name)[:50] or "space"
    slug, number = base, 2
    while Space.objects.filter(slug=slug).exists():
        slug, number = f"{base}-{number}", number + 1
    return slug
