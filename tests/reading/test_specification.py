"""The specification is whole and true: whatever is asked, answers are as it says, never a 500."""

import json
import random
import uuid
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.reading.conftest import People
from tests.reading.specification import METHODS
from tests.support.server import Server
from tests.support.tus import upload
from uploads.errors import table

ODD: list[Any] = [
    "", " ", "0", "-1", "1e9", "null", "true", "é", "\x00", "\ud7ff", "%", "'", '"', "../..",
    "a" * 300, "9" * 30, "1; DROP TABLE", "{}", "2026-13-99", "inf", "0x10", "\u202e", "*", "**/*",
]  # fmt: skip


def test_the_document_is_a_specification(people: People) -> None:
    document = people.alice.get("/api/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for path, methods in document["paths"].items():
        assert set(methods) <= METHODS
        assert path.endswith("/")
    for operation in operations:
        assert operation["summary"]
        assert operation["description"]
        assert {"400", "401", "403", "404"} <= set(operation["responses"])
        for parameter in operation["parameters"]:
            Draft202012Validator.check_schema(parameter["schema"])
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description"), name
    references = set(_references(document))
    assert references <= {
        f"#/components/schemas/{name}" for name in document["components"]["schemas"]
    }


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


def test_whatever_is_asked_answers_are_as_specified_and_never_an_error_of_ours(
    server: Server, people: People
) -> None:
    dice = random.Random(7)
    file_id = upload(people.alice, "a.txt", b"harvest", batch="b")
    server.wait_for(people.alice, file_id)
    paths = people.specification.document["paths"]
    for _ in range(400):
        template = dice.choice(list(paths))
        method = dice.choice(list(paths[template]))
        operation = paths[template][method]
        known = {"file_id": file_id, "key": "b", "step": "text", "name": "x"}
        known |= dict.fromkeys(("token_id", "invitation_id"), "999999")
        strange = dice.random() < 0.2
        path = template.format(
            **{name: _in_path(dice, name) if strange else value for name, value in known.items()}
        )
        params = {
            parameter["name"]: _value(dice, parameter["schema"])
            for parameter in operation["parameters"]
            if parameter["in"] == "query" and dice.random() < 0.3
        }
        if template == "/api/files/{file_id}/" and method == "delete":
            path = template.format(file_id=uuid.uuid4())
        lasting = {"/api/files/delete/", "/api/tokens/", "/api/queue/pause/"}
        if template in lasting and method == "post":
            params["space"] = "nowhere"
        body = _body(dice) if method == "post" else None
        answer = people.alice.request(  # the client's hook holds the answer against the document
            method.upper(), path, params=params, content=body
        )
        assert answer.status_code < 500
    assert len(people.specification.checked) > 30


def _value(dice: random.Random, schema: dict[str, Any]) -> str:
    if dice.random() < 0.4:
        return str(dice.choice(ODD))
    if schema.get("type") == "array":
        return ",".join(_value(dice, schema["items"]) for _ in range(dice.randrange(4)))
    if "enum" in schema:
        return str(dice.choice(schema["enum"]))
    if schema.get("type") == "integer":
        return str(dice.randrange(schema.get("minimum", 0), 1000))
    return str(dice.choice([uuid.uuid4(), "2026-11-22T13:40:41Z", "a", "harvest", "ab" * 32]))


def _in_path(dice: random.Random, name: str) -> str:
    if name == "file_id":
        return str(uuid.UUID(int=dice.getrandbits(128)))
    return (
        "999" if name == "token_id" else dice.choice(["%C3%A9", "%00", "..", "a%20b", "%FF", "x"])
    )


def _body(dice: random.Random) -> bytes:
    bodies: list[Any] = [
        {},
        [],
        None,
        "x",
        {"ids": [str(uuid.uuid4())]},
        {"ids": dice.sample(ODD, 3)},
        {"status": dice.choice(["failed", "x", 1, None])},
        {"status": "failed", "batch": "b"},
    ]
    body = dice.choice(bodies)
    return dice.choice([json.dumps(body).encode(), b"", b"\xff", b"{"])


def test_every_error_is_documented_on_the_page_which_needs_nothing_from_elsewhere(
    people: People,
) -> None:
    answer = people.alice.get("/api/docs")
    assert answer.status_code == 200
    assert "script" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    text = answer.text
    for code in table():
        assert f"<code>{code}</code>" in text
    for path in people.specification.document["paths"]:
        assert path in text
    assert "<script" not in text
    assert "style=" not in text
    assert "http://" not in text
    assert text.count("https://") == 1  # the example's own
