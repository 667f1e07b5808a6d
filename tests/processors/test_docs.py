"""The example in the documentation runs as it stands there; its table names every built-in step."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest

from tests.processors.conftest import take_apart
from uploads.processors import REGISTRY, load_builtin, load_directory

PAGE = (Path(__file__).parents[2] / "docs" / "processors.md").read_text()
EXAMPLE, CONTAINER = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def own_registry():
    before = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(before)


def test_the_example_runs_and_gives_what_it_says(tmp_path, own_registry):
    own = tmp_path / "own"
    own.mkdir()
    (own / "word_count.py").write_text(EXAMPLE)
    assert load_directory(own) == {}
    (tmp_path / "note").write_text("One word and one more\nword\n")
    found = take_apart(tmp_path / "note", "note.txt", tmp_path / "out")
    assert found["word-count"]["words"] == 6
    assert found["word-count"]["distinct"] == 4
    assert found["word-count"]["top"][:2] == [["one", 2], ["word", 2]]
    assert found.artifact("word-count", "words.txt") == b"and\nmore\none\nword"
    assert found.reports["word-count"] == [(1, None, "lines"), (2, None, "lines")]


def test_the_example_of_a_container_sends_on_what_it_says(tmp_path, own_registry):
    own = tmp_path / "own"
    own.mkdir()
    (own / "comic.py").write_text(CONTAINER)
    assert load_directory(own) == {}
    with zipfile.ZipFile(tmp_path / "comic", "w") as comic:
        comic.writestr("1.png", b"PNG")
        comic.writestr("readme", b"words")
    found = take_apart(tmp_path / "comic", "comic.cbz", tmp_path / "out")
    assert found["comic"] == {"pages": 1}
    assert [path.read_bytes() for path in (tmp_path / "out" / "comic").glob(".child-*")] == [b"PNG"]


def test_the_example_is_as_short_as_promised():
    function = EXAMPLE.split("@processor")[1].strip().splitlines()
    assert len(function) <= 10


def test_every_built_in_step_is_in_the_table():
    load_builtin()
    named = set(re.findall(r"^\| `([a-z-]+)` \|", PAGE, re.MULTILINE))
    assert {entry.name for entry in REGISTRY.values() if entry.builtin} <= named
