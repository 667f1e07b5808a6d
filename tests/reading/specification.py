"""Holds answers against the API's own specification."""

import re
from typing import Any

import httpx
from jsonschema import (  # type: ignore[import-untyped]
    Draft202012Validator,
    FormatChecker,
)

METHODS = {"get", "post", "delete"}


class Specification:
    """Checks every answer below /api/ that an httpx client gets (`event_hooks`)."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.checked: set[tuple[str, str, str]] = set()
        self.doors = [(_pattern(path), path) for path in document["paths"]]

    def operation(self, path: str, method: str) -> tuple[str, dict[str, Any]] | None:
        """The address as specified, and what is said of the method there."""
        path = path if path.endswith("/") else path + "/"
        method = "get" if method == "HEAD" else method.lower()
        for pattern, template in self.doors:
            if pattern.fullmatch(path) and method in self.document["paths"][template]:
                return template, self.document["paths"][template][method]
        return None

    def check(self, response: httpx.Response) -> None:
        """Raises AssertionError for an answer that the specification does not foresee."""
        request = response.request
        path = request.url.path
        if not path.startswith("/api/"):
            return
        assert response.status_code < 500, (request.method, request.url)
        found = self.operation(path, request.method)
        if response.status_code >= 400:
            self.check_refusal(response)
        if found is None:
            return
        template, operation = found
        status = str(response.status_code)
        if status in {"302", "405", "413", "429"}:
            return
        assert status in operation["responses"], (request.method, template, status)
        self.checked.add((request.method, template, status))
        content = operation["responses"][status].get("content", {}).get("application/json")
        if content and request.method != "HEAD":
            response.read()
            self.validate(content["schema"], response.json())

    def check_refusal(self, response: httpx.Response) -> None:
        """Every refusal has the one shape."""
        if response.request.method == "HEAD":
            return
        response.read()
        assert response.headers["content-type"].startswith("application/json"), response.text
        body = response.json()
        assert set(body) == {"error"}, body
        assert set(body["error"]) == {"code", "message"}, body
        self.validate({"$ref": "#/components/schemas/Refusal"}, body)

    def validate(self, schema: dict[str, Any], body: Any) -> None:
        """Raises jsonschema.ValidationError."""
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole, format_checker=FormatChecker()).validate(body)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    kinds = {"file_id": "[0-9a-fA-F-]{36}", "key": ".+", "token_id": r"\d+"}
    text = "".join(
        kinds.get(part, "[^/]+") if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    return re.compile(text)
