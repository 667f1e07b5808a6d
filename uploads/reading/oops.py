"""What people see when something goes wrong; programs are told as every other door tells them."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import get_language_from_request, ngettext, override
from django.utils.translation import gettext as _

from uploads.errors import ApiError, BadCsrf, BadRequest, Forbidden, NotFound
from uploads.reading.frame import frame, show
from uploads.reading.said import told
from uploads.receiving.form_views import Refusal


def _oops(
    request: HttpRequest, error: type[ApiError], title: str, message: str, *, again: bool = False
) -> HttpResponse:
    if "text/html" not in request.headers.get("Accept", ""):
        return JsonResponse(
            error().as_json(), status=error.status, headers={"Cache-Control": "no-store"}
        )
    context = {
        "page": frame("error", request),
        "code": error.status,
        "title": title,
        "message": message,
        "again": again,
    }
    return show(request, "error.html", context, error.status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    message = _("The address or the form that was sent can't be understood.")
    return _oops(request, BadRequest, _("That request is not understood"), message)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, in the words of whoever refused, where there are any."""
    message = str(exception) or _(
        "Your role in this space does not allow that. A manager of the space can change it."
    )
    return _oops(request, Forbidden, _("That is not for you"), message)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    message = _("The file may have been deleted, or it belongs to somebody else.")
    return _oops(request, NotFound, _("There is nothing here"), message)


def failed(request: HttpRequest) -> HttpResponse:
    """500."""
    message = _(
        "The server could not build this page. It was logged; nothing that you sent is lost."
    )
    title = _("Something broke on our side")
    return _oops(request, ApiError, title, message, again=True)


def bad_csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form whose token is missing or old."""
    message = _(
        "The page was open for too long, or its cookies are blocked. Go back, reload and try again."
    )
    return _oops(request, BadCsrf, _("This form is too old"), message)


def refused(request: HttpRequest, files: Sequence[Refusal]) -> HttpResponse:
    """What the plain form's sender sees where some files were refused: which, and why."""
    with override(get_language_from_request(request)):
        title = ngettext("A file was not taken", "Some files were not taken", len(files))
        context = {
            "page": frame("refused", request),
            "title": title,
            "refused": [{"name": file.name, "message": told(file.error.message)} for file in files],
        }
        return show(request, "refused.html", context, files[0].error.status)
