"""A preview is given as much room as it takes, by what its step found."""

from typing import Any

import pytest

from uploads.reading.room import room


def file(status: str = "processed", **results: dict[str, Any]) -> dict[str, Any]:
    return {"status": status, "results": results}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ({"image": {"preview": {"width": 16, "height": 16}}}, "small"),
        ({"image": {"preview": {"width": 300, "height": 230}}}, "middle"),
        ({"image": {"preview": {"width": 1600, "height": 1067}}}, ""),
        ({"text": {"head": "hello\n", "longest_line": 5}}, "small"),
        ({"text": {"head": "line\n" * 12, "longest_line": 4}}, "middle"),
        ({"text": {"head": "line\n" * 13, "longest_line": 4}}, ""),
        ({"text": {"head": "word " * 100, "longest_line": 500}}, ""),
        ({"code": {"tokens": []}, "text": {"head": "", "longest_line": 0}}, "small"),
        ({"code": {"tokens": [[["", "x"]]] * 3}, "text": {"head": "y\n" * 90}}, "small"),
        ({"table": {"tables": [{"rows": 2, "head": [[1], [2]]}]}}, "small"),
        ({"table": {"tables": [{"rows": 900, "head": [[1]] * 100}]}}, ""),
        ({"table": {"tables": []}}, "small"),
        ({"data": {"tree": {"type": "object", "children": [{"type": "text"}] * 3}}}, "small"),
        ({"data": {"tree": {"type": "object"}, "error": {"message": "?"}}}, ""),
        ({"archive": {"tree": [{"path": "a/b.txt"}, {"path": "c.txt"}]}}, "small"),
        ({"binary": {"empty": True}}, "small"),
        ({"binary": {"hex": [{}] * 256}}, ""),
        ({"pdf": {}, "text": {"head": "short"}}, ""),
        ({"own-step": {}}, ""),
    ],
)
def test_a_small_preview_gets_little_room(results: dict[str, Any], expected: str):
    assert room(file(**results)) == expected


def test_what_is_still_worked_on_keeps_the_usual_room():
    assert room(file("processing", text={"head": "hello", "longest_line": 5})) == ""
