"""The only module that turns an error into an answer: every refusal in the one shape, and what
nobody expected said to the log.
"""

from collections.abc import Awaitable, Callable
from sqlite3 import SQLITE_FULL
from urllib.parse import quote

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import Resolver404

from project.bodies import Dawdled, Disconnected
from uploads import storage
from uploads.errors import (
    ApiError,
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    DiskFull,
    NotFound,
    NotSignedIn,
    Unavailable,
)

log = structlog.get_logger(__name__)

POSTGRES_FULL = "53100"  # its code for a disk that is full

Respond = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class AnswerErrors:
    """Outermost: every refusal in the one shape; the unexpected is logged once."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        refusal: ApiError
        try:
            return await self.respond(request)
        except Disconnected:
            raise
        except ApiError as error:
            refusal = error
        except (Http404, Resolver404):
            refusal = NotFound()
        except (OperationalError, InterfaceError) as error:
            refusal = _of_database(request, error)
        except (RequestDataTooBig, Dawdled, SuspiciousOperation) as error:
            refusal = _of_request(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it has an answer
            refusal = _of_us(request, error)
        return answer(request, refusal)


def _of_database(request: HttpRequest, error: Exception) -> ApiError:
    told = error.__cause__
    if getattr(told, "sqlite_errorcode", None) == SQLITE_FULL:
        log.warning("the database has no room left on its disk", path=request.path)
        return DiskFull()
    if getattr(told, "sqlstate", None) == POSTGRES_FULL:
        log.warning("the database server's disk is full", path=request.path)
        return DiskFull()
    log.error("database unreachable", path=request.path, exc_info=error)
    return Unavailable(headers={"Retry-After": "2"})


def _of_us(request: HttpRequest, error: Exception) -> ApiError:
    known = storage.as_answer(error) if isinstance(error, OSError) else error
    if isinstance(known, ApiError):
        log.warning("out of room, or of open files", path=request.path, error=str(error))
        return known
    log.error("unexpected", path=request.path, method=request.method, exc_info=error)
    return ApiError()


def _of_request(error: Exception) -> ApiError:
    if isinstance(error, RequestDataTooBig):
        return BodyTooLarge()
    if isinstance(error, Dawdled):
        return BodyTimeout("The body did not come in time.", headers={"Connection": "close"})
    return BadRequest()


def answer(request: HttpRequest, error: ApiError) -> HttpResponseBase:
    """An error as its answer; browsers that must sign in are sent to the page for it."""
    if isinstance(error, NotSignedIn):
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return HttpResponse(
                status=302, headers={"Location": f"/sign-in/?next={quote(request.get_full_path())}"}
            )
        error.headers.setdefault("WWW-Authenticate", "Bearer")
    return JsonResponse(error.as_json(), status=error.status, headers=error.headers)
