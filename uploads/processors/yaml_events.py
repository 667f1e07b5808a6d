"""YAML's events as those of a survey. An alias is counted and never followed, so
nothing multiplies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from uploads.processors.structure import Survey

# What a collection that is open waits for.
KEY, VALUE, ITEM, LIST_AS_KEY = "key", "value", "item", "list as key"


class YamlFeed:
    """Takes YAML's own events, and gives ours to the survey."""

    def __init__(self, survey: Survey, resolver: Any) -> None:
        self.aliases = 0
        self._survey = survey
        self._resolver = resolver
        self._expects: list[str] = []

    def add(self, event: Any) -> None:
        name = type(event).__name__
        if name in ("MappingStartEvent", "SequenceStartEvent"):
            self._key_or_nothing()
            is_map = name.startswith("Mapping")
            self._survey.add("open", "object" if is_map else "array")
            self._expects.append(KEY if is_map else ITEM)
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._expects.pop()
            self._survey.add("close", None)
            self._after_value()
        elif name == "ScalarEvent":
            self._scalar(event)
        elif name == "AliasEvent":
            self.aliases += 1
            if not self._is_key(f"*{event.anchor}"):
                self._survey.add("value", f"*{event.anchor}")
                self._after_value()

    def _scalar(self, event: Any) -> None:
        if not self._is_key(event.value):
            self._survey.add("value", self._typed(event))
            self._after_value()

    def _is_key(self, word: str) -> bool:
        if not self._expects or self._expects[-1] != KEY:
            return False
        self._survey.add("key", word)
        self._expects[-1] = VALUE
        return True

    def _key_or_nothing(self) -> None:
        """A list may be a key itself: it is shown as a member of its own, before the value."""
        if self._expects and self._expects[-1] == KEY:
            self._survey.add("key", "?")
            self._expects[-1] = LIST_AS_KEY

    def _after_value(self) -> None:
        if not self._expects:
            return
        if self._expects[-1] == LIST_AS_KEY:
            self._survey.add("key", "…")
            self._expects[-1] = VALUE
        elif self._expects[-1] == VALUE:
            self._expects[-1] = KEY

    def _typed(self, event: Any) -> Any:
        if event.style or event.tag:
            return event.value
        import yaml

        tag = self._resolver.resolve(yaml.ScalarNode, event.value, (True, False))
        read = _SCALARS.get(tag.rpartition(":")[2])
        try:
            return read(event.value) if read else event.value
        except ValueError:
            return event.value


def _number(word: str) -> float | int:
    return (
        int(word, 0)
        if re.fullmatch(r"[-+]?(0|[1-9]\d{0,30}|0x[\da-fA-F]{1,30})", word)
        else float(word.replace("_", ""))
    )


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda word: None,
    "bool": lambda word: word.lower() in ("yes", "true", "on"),
    "int": _number,
    "float": _number,
}
