"""Which site's page made a request: origins and the CSRF token."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware import csrf

from uploads.access import identity
from uploads.access.identity import Who
from uploads.errors import BadCsrf, BadOrigin, NotSignedIn

FORMS = {"/upload/", "/api/files/zip/form/"}  # bring the token as a field and check it themselves


def check(request: HttpRequest, who: Who) -> None:
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


def origin_good(origin: str | None) -> bool:
    """Whether an Origin header (scheme://host:port) is one of our pages'. Missing and `null` are
    not.
    """
    return origin is not None and origin in settings.ORIGINS


def check_form_token(request: HttpRequest, token: str) -> None:
    """Raises BadCsrf unless `token` (a form's first field) fits the requester's cookie."""
    secret = identity.cookie(
        {"cookie": request.META.get("HTTP_COOKIE", "")}, settings.CSRF_COOKIE_NAME
    )
    try:
        csrf._check_token_format(secret)  # type: ignore[attr-defined]
        csrf._check_token_format(token)  # type: ignore[attr-defined]
    except csrf.InvalidTokenFormat:
        raise BadCsrf from None
    if not csrf._does_token_match(token, secret):  # type: ignore[attr-defined]
        raise BadCsrf
