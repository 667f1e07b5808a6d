"""The specification and its page: `/api/openapi.json`, `/api/docs`.

The page is made of the specification on the server: it needs no script, nothing from elsewhere and
no exception to the strict Content-Security-Policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import override

from project.policy import POLICY
from uploads.errors import table
from uploads.reading import api, asyncapi, doors
from uploads.reading.frame import frame

METHODS = ("get", "post", "delete")


class OpenApi(doors.Door):
    """`/api/openapi.json`."""

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """OpenAPI 3.1."""
        return HttpResponse(_specification(), content_type="application/json")


@cache
def _specification() -> bytes:
    return orjson.dumps(api.openapi(), option=orjson.OPT_NON_STR_KEYS)


class Docs(doors.Door):
    """`/api/docs`."""

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """The specification for people."""
        with override("en"):
            page = frame("docs", request, "", ("docs",)) | _content()
        body = render_to_string("docs.html", {"page": page})
        return HttpResponse(body, headers={"Content-Security-Policy": POLICY})


@cache
def _content() -> dict[str, Any]:
    specification = api.openapi()
    return {
        "about": [marked(part) for part in specification["info"]["description"].split("\n\n")],
        "groups": list(_merged(*_groups(specification), asyncapi.group())),
        "types": list(_types(_schemas(specification, asyncapi.document()))),
        "errors": [
            {"code": code, "status": error.status, "message": error().message}
            for code, error in sorted(table().items(), key=lambda item: (item[1].status, item[0]))
        ],
    }


def _groups(specification: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for path, methods in specification["paths"].items():
        for method in METHODS:
            if operation := methods.get(method):
                found.setdefault(operation["tags"][0], []).append(_door(path, method, operation))
    for name, operations in found.items():
        yield {"name": name.capitalize(), "doors": operations}


def _merged(*groups: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Groups of one name as one, in the place of the last."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        before = found.pop(group["name"], {"doors": []})
        found[group["name"]] = {**group, "doors": [*before["doors"], *group["doors"]]}
    return found.values()


def marked(text: str) -> SafeString:
    """A text whose words between backticks are code, as HTML."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}{}{}", ((_CODE, part, _END) if n % 2 else ("", part, "") for n, part in parts)
    )


_CODE, _END = mark_safe("<code>"), mark_safe("</code>")


def _door(path: str, method: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "about": marked(operation.get("description", "")),
        "parameters": [_parameter(each) for each in operation["parameters"]],
        "takes": _body(operation.get("requestBody", {})),
        "gives": [
            {"status": status, "about": answer["description"], "type": _body(answer)}
            for status, answer in operation["responses"].items()
            if int(status) < HTTPStatus.BAD_REQUEST
        ],
    }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "type": type_words(parameter["schema"]),
        "default": parameter["schema"].get("default"),
        "required": parameter["required"],
        "about": marked(parameter.get("description", "")),
    }


def _body(holder: Mapping[str, Any]) -> str:
    schemas = [media["schema"] for media in holder.get("content", {}).values()]
    return type_words(schemas[0]) if schemas else ""


def _schemas(*specifications: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: schema
        for specification in specifications
        for name, schema in specification["components"]["schemas"].items()
    }


def _types(schemas: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in sorted(schemas.items()):
        required = schema.get("required", ())
        fields = [
            {
                "name": field,
                "type": type_words(facts),
                "required": field in required,
                "about": marked(facts.get("description", "")),
            }
            for field, facts in schema.get("properties", {}).items()
        ]
        yield {"name": name, "about": marked(schema.get("description", "")), "fields": fields}


def type_words(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(type_words(one) for one in schema[several])
    if "const" in schema:
        return f"“{schema['const']}”"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {type_words(schema.get('items', {}))}"
    return _scalar_words(schema)


def _scalar_words(schema: Mapping[str, Any]) -> str:
    words = str(schema.get("format") or schema.get("type", "anything"))
    least = schema.get("minimum", schema.get("minLength"))
    most = schema.get("maximum", schema.get("maxLength"))
    if least is not None and most is not None:
        return f"{words}, {least} to {most}"
    return f"{words}, up to {most}" if most is not None else words
