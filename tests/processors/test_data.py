"""What is shown of JSON, XML, YAML and TOML: valid or where not, the tree and the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from uploads.processors import data as module
from uploads.processors.structure import MAX_DEPTH, Survey, TooDeep, events

PEOPLE = {
    "people": [
        {"name": "Ada", "born": 1815, "notes": None},
        {"name": "Alan", "born": 1912, "height": 1.75},
    ],
    "done": True,
}


def schema(found) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in found["schema"]}


def test_json_has_a_tree_and_a_schema(take):
    taken = take(json.dumps(PEOPLE), "x.json")
    found = taken["data"]
    assert (found["format"], found["valid"], found["error"]) == ("json", True, None)
    assert (found["top"], found["depth"], found["values"]) == ("object", 3, 7)
    assert found["keys"][0] == {"key": "name", "count": 2}
    rows = schema(found)
    assert rows["$.people"]["length"] == {"min": 2, "max": 2}
    assert rows["$.people[].born"]["types"] == {"integer": 2}
    assert rows["$.people[].height"]["share"] == 0.5
    assert rows["$.people[].name"]["example"] == "Ada"
    people = found["tree"]["children"][0]
    assert (people["key"], people["type"], people["size"]) == ("people", "array", 2)
    assert people["children"][0]["children"][1] == {"type": "integer", "value": 1815, "key": "born"}
    assert taken.artifact("data", "pretty.json").startswith(b'{\n  "people": [')


@pytest.mark.parametrize(
    ("content", "line", "column"),
    [
        ('{"a": tru}', 1, 7),
        ('{"a": 1,\n "b": [1 2]}', 2, 10),
        ('{"a": 1', 1, 8),
        ('{"a": 1} x', 1, 10),
    ],
)
def test_broken_json_says_where(take, content, line, column):
    found = take(content, "x.json")["data"]
    assert found["valid"] is False
    assert found["error"]["line"] == line
    assert abs(found["error"]["column"] - column) <= 1
    assert found["error"]["message"]
    assert found["top"] == "object"


def test_large_json_is_read_as_a_stream_with_the_same_result(take, monkeypatch):
    content = json.dumps([PEOPLE] * 500)
    whole = take(content, "x.json")["data"]
    monkeypatch.setattr(module, "IN_MEMORY", 1000)
    taken = take(content, "x.json")
    assert taken["data"] == whole
    assert taken.reports["data"][-1] == (len(content), len(content), "bytes")
    broken = take(content[:-1], "x.json")["data"]
    assert broken["valid"] is False
    assert broken["values"] == whole["values"]


def test_deep_nesting_is_no_danger(take):
    found = take('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "x.json")["data"]
    assert found["valid"] is False
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    survey = Survey()
    for event in events(deep):
        survey.add(*event)
    assert survey.result()["depth"] == 901
    endless = Survey()
    for _ in range(MAX_DEPTH):
        endless.add("open", "array")
    with pytest.raises(TooDeep):
        endless.add("open", "array")


def test_documents_of_any_width_stay_bounded(take):
    wide = {f"key {number}": {"value": "x" * 300} for number in range(5000)}
    found = take(json.dumps(wide), "x.json")["data"]
    assert found["values"] == 5000
    assert len(found["tree"]["children"]) == 50
    assert found["tree"]["size"] == 5000
    assert len(found["schema"]) < 1000


def test_xml_is_counted_without_entities_or_fetching(take):
    content = """<?xml version="1.0"?><!DOCTYPE rss SYSTEM "http://example.org/x.dtd">
    <rss version="2.0" xmlns:m="http://example.org/m"><!-- note --><channel><title>News</title>
    <item><m:rank>3</m:rank></item><item/></channel></rss>"""
    found = take(content, "x.xml")["data"]
    assert (found["valid"], found["root"], found["dialect"]) == (True, "rss", "RSS feed")
    assert (found["elements"], found["attributes"], found["comments"]) == (6, 1, 1)
    assert found["namespaces"] == ["http://example.org/m"]
    assert found["doctype"] == {"name": "rss", "system": "http://example.org/x.dtd"}
    rows = schema(found)
    assert rows["$.rss.channel.item"]["count"] == 2
    assert rows["$.rss.channel.title.#text"]["example"] == "News"
    assert rows["$.rss.@version"]["types"] == {"number": 1}


def test_entities_that_a_document_declares_are_read_as_its_text(take):
    content = """<?xml version="1.0"?><!-- <r> --><!DOCTYPE book PUBLIC "-//OASIS"
    'docbook.dtd' [<!ENTITY product "Millrace"><!ENTITY both "&product; 2">
    <!ENTITY far SYSTEM "far.xml">]>
    <book><title>About &both;</title><part>&far;</part></book>"""
    found = take(content, "x.xml")["data"]
    assert (found["valid"], found["error"]) == (True, None)
    assert found["doctype"] == {"name": "book", "system": "docbook.dtd"}
    assert schema(found)["$.book.title.#text"]["example"] == "About Millrace 2"
    assert take(content.encode("utf-16"), "x.xml")["data"]["doctype"] == found["doctype"]


def test_a_doctype_is_looked_for_in_no_time_however_the_document_begins(take):
    found = take("<!---->" * 1000 + "<a/>", "x.xml")["data"]
    assert (found["valid"], found["doctype"]) == (True, None)


def test_a_key_that_an_object_has_twice_is_no_share_beyond_all(take):
    rows = schema(take("<r><a/><a/><b><c/></b><b/></r>", "x.xml")["data"])
    assert (rows["$.r.a"]["count"], rows["$.r.a"]["share"]) == (2, 1.0)
    assert rows["$.r.b.c"]["share"] == 0.5
    assert schema(take("a: 1\na: 2\n", "x.yaml")["data"])["$.a"]["share"] == 1.0
    dotted = schema(take('[{"a.b": 1, "a": {"c": 2}}, {}]', "x.json")["data"])
    assert dotted["$[].a.b"]["share"] == 0.5


def test_broken_xml_says_where(take):
    found = take("<?xml version='1.0'?>\n<a>\n  <b></c>\n</a>", "x.xml")["data"]
    assert found["valid"] is False
    assert found["error"]["line"] == 3
    assert "mismatch" in found["error"]["message"]
    assert found["root"] == "a"


def test_laughing_entities_and_secrets_are_not_replaced(take, tmp_path):
    (tmp_path / "secret").write_text("very secret")
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    content = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "ha">{laughs}'
        f'<!ENTITY file SYSTEM "file://{tmp_path}/secret">]><x>&file;<y>&a9;</y></x>'
    )
    found = take(content, "x.xml")["data"]
    assert "secret" not in json.dumps(found["tree"])
    assert found["values"] <= 2
    assert found["error"]["message"].startswith("Its entities unfold")


def test_deep_xml_is_refused_by_the_parser(take):
    found = take("<?xml version='1.0'?>" + "<a>" * 100_000, "x.xml")["data"]
    assert found["valid"] is False
    assert found["depth"] <= 1024
    assert "deeper" in found["error"]["message"]


def test_yaml_counts_aliases_and_documents(take):
    found = take(
        "base: &b [1, 2.5, yes, ~]\nagain: *b\n? [k]\n: v\ntext: '5'\n---\n- 1\n", "x.yaml"
    )["data"]
    assert (found["valid"], found["documents"], found["aliases"]) == (True, 2, 1)
    rows = schema(found)
    assert rows["$.base[]"]["types"] == {"integer": 1, "number": 1, "boolean": 1, "null": 1}
    assert rows["$.text"]["types"] == {"text": 1}
    assert rows["$.again"]["example"] == "*b"


def test_broken_yaml_says_where(take):
    found = take("a: 1\nb: [1,\nc: }", "x.yaml")["data"]
    assert (found["valid"], found["error"]["line"]) == (False, 3)


def test_laughing_yaml_is_not_multiplied(take):
    lines = ["a0: &a0 [ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    found = take("\n".join(lines), "x.yaml")["data"]
    assert found["valid"] is True
    assert found["values"] < 100


def test_toml_has_moments_and_says_where_it_is_broken(take):
    found = take("[tool]\nname = 'x'\nwhen = 2024-05-01\n", "x.toml")["data"]
    assert schema(found)["$.tool.when"]["types"] == {"moment": 1}
    broken = take("[tool]\nname = \n", "x.toml")["data"]
    assert (broken["valid"], broken["error"]["line"]) == (False, 2)


@pytest.mark.parametrize("content", ["{'a': 1}", "{a: 1}", '{\n  // where\n  "a": 1\n}', "[1 2]"])
def test_what_is_named_json_and_is_not_quite_is_told_where(take, content):
    found = take(content, "x.json")["data"]
    assert (found["valid"], found["error"]["line"]) == (False, 1 + content.startswith("{\n"))


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_marked_encodings_are_read(take, coding):
    found = take('{"größe": 1}'.encode(coding), "x.json")["data"]
    assert found["valid"] is True
    assert found["keys"] == [{"key": "größe", "count": 1}]


def test_kinds_of_documents_have_names(take):
    assert (
        take('{"type": "FeatureCollection", "features": []}', "x.geojson")["data"]["dialect"]
        == "GeoJSON"
    )
    assert take('{"cells": [], "nbformat": 4}', "x.ipynb")["data"]["dialect"] == "Jupyter notebook"
