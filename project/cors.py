"""The only module that speaks CORS: lets pages of the sites in CORS_ORIGINS use the lean doors.

They must bring a token: cookies are never allowed from elsewhere. Without CORS_ORIGINS nothing is
answered, and browsers keep other sites away by themselves. Source: Fetch standard, 3.2.
"""

from collections.abc import Awaitable, Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

Respond = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ACCEPTED = (
    "Authorization, Content-Type, Accept, Last-Event-ID, Range, If-Range, If-None-Match, "
    "Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Defer-Length, "
    "Upload-Concat, Upload-Checksum, X-HTTP-Method-Override, X-Requested-With, X-Request-ID, "
    "Upload-Complete, Upload-Draft-Interop-Version, Content-Digest, Repr-Digest, Want-Repr-Digest"
)
EXPOSED = (
    "Location, Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, "
    "Upload-Offset, Upload-Length, Upload-Metadata, Upload-Defer-Length, Upload-Concat, "
    "Upload-Expires, Upload-Complete, Upload-Limit, Upload-Draft-Interop-Version, "
    "Content-Range, Content-Disposition, ETag, Retry-After, X-Request-ID"
)
PREFLIGHT_SECONDS = 86_400


class Cors:
    """Outermost middleware of the lean doors: answers preflights, marks every answer."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond

    async def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not settings.CORS_ORIGINS:
            return await self.respond(request)
        origin = request.headers.get("Origin", "")
        known = origin in settings.CORS_ORIGINS
        if known and request.method == "OPTIONS" and _asks_first(request):
            response: HttpResponseBase = _preflight()
        else:
            response = await self.respond(request)
        response.headers["Vary"] = ", ".join(filter(None, [response.get("Vary"), "Origin"]))
        if known:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response


def _asks_first(request: HttpRequest) -> bool:
    return "Access-Control-Request-Method" in request.headers


def _preflight() -> HttpResponse:
    return HttpResponse(
        status=204,
        headers={
            "Access-Control-Allow-Methods": METHODS,
            "Access-Control-Allow-Headers": ACCEPTED,
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )
