"""The only module that turns the API's types into doors: errors in the one shape, HEAD beside GET.

Answers are made of rows by `publishing.describing` and sent as they are: they are valid by
construction, and tests hold them against the specification.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, NoReturn

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern
from django.views import View
from ninja import NinjaAPI, Router
from ninja.errors import HttpError, ValidationError

from uploads.errors import ApiError, BadRequest, MethodNotAllowed
from uploads.reading.shapes import Refusal

Operation = Callable[..., Awaitable[HttpResponseBase]]
REFUSALS = (400, 401, 403, 404, 409)


class Door(View):
    """A door for GET and HEAD that no type describes."""

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> HttpResponse:
        """As every other door says it."""
        raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})


def answer(body: Any, status: int = HTTPStatus.OK, **headers: str) -> HttpResponse:
    """A JSON answer that is not kept by caches."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpResponse(
        orjson.dumps(body),
        content_type="application/json",
        status=status,
        headers={"Cache-Control": "no-store"} | headers,
    )


def get(router: Router, path: str, gives: Any, **more: Any) -> Callable[[Operation], Operation]:
    """A door for GET and HEAD whose answer has the type `gives`."""
    return router.api_operation(["GET", "HEAD"], path, response=_responses(200, gives), **more)


def post(
    router: Router, path: str, gives: Any, status: int = 200, **more: Any
) -> Callable[[Operation], Operation]:
    """A door for POST."""
    return router.post(path, response=_responses(status, gives), **more)


def delete(router: Router, path: str, **more: Any) -> Callable[[Operation], Operation]:
    """A door for DELETE, which gives nothing back."""
    return router.delete(path, response=_responses(204, None), **more)


def _responses(status: int, gives: Any) -> dict[Any, Any]:
    return {status: gives, frozenset(REFUSALS): Refusal}


def complain(api: NinjaAPI) -> None:
    """Let refusals pass to the one place that answers them, and say which field is wrong."""
    api._exception_handlers.clear()
    api.add_exception_handler(ValidationError, _bad_field)
    api.add_exception_handler(HttpError, _bad_body)


def _bad_field(_request: HttpRequest, error: Any) -> NoReturn:
    problems = [f"{_field(problem['loc'])}: {problem['msg']}" for problem in error.errors[:3]]
    raise BadRequest("; ".join(problems)[:1000])


def _field(place: tuple[Any, ...]) -> str:
    """The field's name, and for one of several values its number."""
    names = [str(part) for part in place[1:]]
    return ".".join(names[1:] if len(names) > 1 else names) or str(place[0])


def _bad_body(_request: HttpRequest, error: Any) -> NoReturn:
    raise BadRequest(str(error)) if error.status_code == 400 else ApiError(str(error))


def doors(api: NinjaAPI) -> list[URLPattern]:
    """The API's addresses, each of which refuses in our words what it does not take."""
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in patterns:
        pattern.callback = _strict(pattern.callback)
    return patterns


def _strict(view: Callable[..., Any]) -> Operation:
    @wraps(view)
    async def respond(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = await view(request, *args, **kwargs)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            raise MethodNotAllowed(headers={"Allow": response.headers["Allow"]})
        return response

    return respond
