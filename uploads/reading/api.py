"""The API as a whole: which doors there are, and their specification.

`openapi()` is made from the types that the doors themselves validate with.
"""

from functools import cache
from typing import Any

from ninja import NinjaAPI

from uploads.errors import table
from uploads.reading import (
    doors,
    failures,
    files,
    members,
    own_views,
    queueing,
    replaying,
    tokens,
    world,
    zip_doors,
)

DESCRIPTION = """\
Files come in by tus or by a plain form, are processed, and everybody concerned watches.

Send `Authorization: Bearer TOKEN`; tokens are made on the settings page, by `POST /api/tokens/` or
by `python manage.py token NAME`. `?space=SLUG` chooses the space, by default your own. Addresses
answer with and without their last slash. What is not yours is 404.

Every refusal is `{"error": {"code", "message"}}`; the code is a word for programs, the message a
sentence for people.
"""

api = NinjaAPI(
    title="Millrace",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    openapi_url=None,
    docs_url=None,
)
doors.complain(api)
for _module in (files, own_views, zip_doors, failures, queueing, replaying, world, members, tokens):
    api.add_router("", _module.router)

urlpatterns = doors.doors(api)


@cache
def openapi() -> dict[str, Any]:
    """The OpenAPI 3.1 specification."""
    schema = dict(api.get_openapi_schema(path_prefix="/api/"))
    schema["servers"] = [{"url": "/"}]
    for methods in schema["paths"].values():
        methods.pop("head", None)  # HEAD is GET without the body
        for operation in methods.values():
            _finish(operation)
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"token": []}]
    code = schema["components"]["schemas"]["Code"]["properties"]["code"]
    code["enum"] = sorted(table())
    return schema


SPACE = {
    "in": "query",
    "name": "space",
    "required": False,
    "schema": {"type": "string", "maxLength": 64},
    "description": "Slug of the space that is meant; by default your own",
}


def _finish(operation: dict[str, Any]) -> None:
    operation["responses"] = {str(code): body for code, body in operation["responses"].items()}
    for parameter in operation["parameters"]:
        parameter["schema"] = _plain(parameter["schema"])
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": False}
    if not operation["operationId"].endswith(("Token", "Tokens", "Space", "Spaces")):
        operation["parameters"] = [*operation["parameters"], SPACE]


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Without null: a parameter is there, or it is not."""
    some = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title"}}
    return {**some[0], **rest} if len(some) == 1 else rest
