"""What the doors of receiving have in common: a streamed body, a method that may be overridden."""

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from project import stopping
from project.bodies import Body
from uploads.access.identity import Who
from uploads.errors import BadCsrf, MethodNotAllowed, ShuttingDown
from uploads.receiving import tus


class StreamingView(View):
    """A view that gets its body as a stream, and its method from X-HTTP-Method-Override."""

    streams_body = True

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Call the handler of the method that is meant. Raises MethodNotAllowed, ShuttingDown."""
        method = tus.method(request.method or "", request.headers)
        if method != request.method:
            _check_override(request)
        handler = getattr(self, method.lower(), None)
        if method.lower() not in self.http_method_names or handler is None:
            allowed = [name.upper() for name in self.http_method_names if hasattr(self, name)]
            raise MethodNotAllowed(headers={"Allow": ", ".join(allowed)})
        if method in {"POST", "PUT", "PATCH"} and stopping.stopping():
            raise ShuttingDown(headers={"Retry-After": "2"})
        response: HttpResponseBase = await handler(request, *args, **kwargs)
        return response


def _check_override(request: HttpRequest) -> None:
    """The site was checked for the real method; nobody gets around that with another one."""
    who: Who | None = getattr(request, "who", None)
    if who is not None and who.via == "cookie" and not hasattr(request, "csrf_checked"):
        raise BadCsrf


def body_of(request: HttpRequest) -> Body:
    """The request's body, unread."""
    body: Body = request.stream  # type: ignore[attr-defined]
    return body


def answer(status: int, *groups: dict[str, str]) -> HttpResponse:
    """An answer without a body."""
    response = HttpResponse(status=status)
    del response.headers["Content-Type"]
    for headers in groups:
        for name, value in headers.items():
            response.headers[name] = value
    return response
