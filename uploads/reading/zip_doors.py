"""`/api/files/zip/`: many files in one download, by filters, by ids, or by the page's own form."""

from typing import Any
from urllib.parse import parse_qs

from django.http import HttpRequest, HttpResponseBase
from django.views import View
from ninja import Query, Router
from pydantic import ValidationError

from project import database
from uploads.access import rights, sites
from uploads.errors import BadRequest, MethodNotAllowed
from uploads.reading import doors
from uploads.reading.shapes import BULK_FILES, ZipQuery
from uploads.reading.zipping import ZipAnswer, entries, title

router = Router(tags=["files"])
BYTES = {
    "responses": {
        200: {
            "description": "The zip, without a length: it is made while it is sent",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        },
        413: {"description": "They are too many for one zip"},
    }
}


@doors.get(
    router,
    "files/zip/",
    None,
    operation_id="getZip",
    summary="Many files in one zip",
    openapi_extra=BYTES,
)
async def get_zip(request: HttpRequest, query: Query[ZipQuery]) -> HttpResponseBase:
    """The originals that the filters leave, up to ten thousand, in their folders."""
    return await _answer(request, query)


@doors.post(
    router,
    "files/zip/",
    None,
    operation_id="makeZip",
    summary="Many files in one zip, named in a body",
    openapi_extra=BYTES,
)
async def make_zip(request: HttpRequest, wanted: ZipQuery) -> HttpResponseBase:
    """As GET, for more ids than an address holds."""
    return await _answer(request, wanted)


async def _answer(request: HttpRequest, wanted: ZipQuery) -> HttpResponseBase:
    place = rights.here(request)
    found = await database.read(entries, place, wanted)
    return ZipAnswer([] if request.method == "HEAD" else found, title(place))


class ZipForm(View):
    """`POST /api/files/zip/form/`: from the page, as a form, so that the browser saves the answer
    as it comes; its first field is the token that shows that our page sent it.
    """

    async def post(self, request: HttpRequest) -> HttpResponseBase:
        """Fields as the filters are called; `ids` once for all."""
        fields = parse_qs(request.body.decode("utf-8", "replace"), max_num_fields=BULK_FILES)
        if request.who.via == "cookie":  # type: ignore[attr-defined]
            sites.check_form_token(request, fields.pop("csrfmiddlewaretoken", [""])[0])
        return await _answer(request, _wanted(fields))

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> Any:
        """As every other door says it."""
        raise MethodNotAllowed(headers={"Allow": "POST"})


def _wanted(fields: dict[str, list[str]]) -> ZipQuery:
    single = {name: values[0] if len(values) == 1 else values for name, values in fields.items()}
    try:
        return ZipQuery.model_validate(single)
    except ValidationError as error:
        problem = error.errors()[0]
        raise BadRequest(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}") from error
