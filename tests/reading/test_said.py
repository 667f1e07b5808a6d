"""What processors and the API say reaches a German reader in German, and the API in English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import override

from project.settings import BASE_DIR
from uploads.processing.sandbox.contract import Caps, sentence
from uploads.processors.media_types import MEDIA_TYPES
from uploads.reading import said, sentences
from uploads.reading.said import told

PROCESSORS = sorted((BASE_DIR / "uploads" / "processors").glob("*.py"))


def raised(path: Path) -> Iterator[str]:
    """The sentence of each BadFile, with 7 for what differs from case to case."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BadFile" and node.args:
            yield text_of(node.args[0])


def text_of(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "7"


def test_every_sentence_of_a_broken_file_has_its_german_words():
    every = {text for path in PROCESSORS for text in raised(path)}
    assert len(every) > 50
    with override("de"):
        assert {text for text in every if told(text) == text} == set()


def test_every_media_type_but_those_that_are_names_has_its_german_words():
    with override("de"):
        known = {text for text, _ in said.pairs()}
    kinds = {row.description: row.kind for row in MEDIA_TYPES.values()}
    missing = {text for text, kind in kinds.items() if kind != "code"} - known
    assert missing <= {"reStructuredText", "Patch", "Enhanced metafile"}
    assert set(sentences.TYPES) <= set(kinds)


def test_every_cap_that_was_hit_is_said_in_german():
    caps = Caps()
    reasons = ("memory_cap", "time_cap", "disk_cap", "thread_cap", "output_cap", "lost", "?")
    with override("de"):
        for reason in reasons:
            assert told(sentence(reason, caps)) != sentence(reason, caps)
        assert told(sentence("time_cap", Caps(seconds=90))).endswith("Grenze von 90 s.")


def test_what_differs_from_case_to_case_is_kept_and_free_text_stays():
    with override("de"):
        picture = told("The picture can't be read: it isn't what its first bytes say.")
        assert picture.startswith("Das Bild lässt sich nicht lesen: Sie ist nicht")
        assert told("5 fields instead of 3") == "5 Felder statt 3"
        assert told("ValueError: the mill stands still") == "ValueError: the mill stands still"
    with override("en"):
        assert told("The PDF has no pages.") == "The PDF has no pages."
        assert said.pairs() == []


def test_no_translation_loses_what_differs():
    with override("de"):
        for text, words in said.pairs():
            assert set(re.findall(r"%\(\w+\)s", text)) == set(re.findall(r"%\(\w+\)s", words)), text
