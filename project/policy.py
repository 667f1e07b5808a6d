"""What pages may load and run: the only home of the Content-Security-Policy."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class ContentSecurityPolicy:
    """Middleware: pages load nothing from elsewhere and run no inline script but those whose hash
    they name.

    A view adds hashes by `response.script_hashes = ["'sha256-…'"]`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        return self._mark(self.get_response(request))

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        return self._mark(await self.get_response(request))

    def _mark(self, response: HttpResponseBase) -> HttpResponseBase:
        hashes = " ".join(getattr(response, "script_hashes", ()))
        response.headers.setdefault(
            "Content-Security-Policy",
            f"script-src 'self' {hashes}".rstrip() + "; " + POLICY,
        )
        return response
