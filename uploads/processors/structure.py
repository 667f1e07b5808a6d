"""The shape of nested data, gathered from its events one by one: schema, keys, depth, and a first
tree.

JSON, YAML, TOML and XML all become the same events, so no document has to be held as a whole:
("open", "object" | "array"), ("key", name), ("value", scalar), ("close", None).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from uploads.processors.bounds import clip, plain_scalar, within

Event = tuple[str, Any]

PATHS = 2000  # different places that are told apart
KEYS = 200  # different keys of the objects at one place; more are taken together as *
KEYS_SHOWN = 50
DEPTH_SHOWN = 8
PATH_DEPTH = 24  # levels that a path tells apart
MAX_DEPTH = 1024
NODES_SHOWN = 1500
ITEMS_SHOWN = 50  # of one array or object
TEXT_SHOWN = 200  # characters
SCHEMA_BUDGET = 64 * 1024  # bytes of JSON
TREE_BUDGET = 96 * 1024
EXAMPLE = 80  # characters


@dataclass
class Place:
    """What was found at one path: how often, of which types, how long the arrays were."""

    path: str
    count: int = 0
    types: Counter[str] = field(default_factory=Counter)
    keys: set[str] = field(default_factory=set)
    example: Any = None
    shortest: int | None = None
    longest: int = 0
    above: Place | None = None  # the object's that has it as a key
    holders: int = 0  # how many of those have it, however often
    holder: _Open | None = None  # the last of them
    # Places right below by key, "[]" for an array's: looked up with every value.
    below: dict[tuple[str, str], Place] = field(default_factory=dict)


@dataclass(slots=True)
class _Open:
    kind: str
    path: str
    place: Place | None
    node: dict[str, Any] | None
    key: str = ""
    items: int = 0


class TooDeep(ValueError):
    """The document is nested deeper than any that people write."""


class Survey:
    """Take every event with `add`; `result` is what they amount to."""

    def __init__(self) -> None:
        self.values = 0
        self.depth = 0
        self.places: dict[str, Place] = {}
        self.key_counts: Counter[str] = Counter()
        self._stack: list[_Open] = []
        self._roots: list[dict[str, Any]] = []
        self._nodes = 0
        self._room = TREE_BUDGET

    def add(self, event: str, value: Any) -> None:
        if event == "value":
            self._value(value)
        elif event == "key":
            key = self._stack[-1].key = str(value)
            if key in self.key_counts or len(self.key_counts) < PATHS:
                self.key_counts[key] += 1
        elif event == "open":
            self._open(value)
        else:
            self._close()

    def result(self) -> dict[str, Any]:
        """{top, depth, values, keys [{key, count}], schema [{path, types, …}], tree {…}|null}"""
        top = self.places.get("$")
        return {
            "top": next(iter(top.types)) if top else None,
            "documents": len(self._roots),
            "depth": self.depth,
            "values": self.values,
            "keys": [
                {"key": clip(key, TEXT_SHOWN), "count": count}
                for key, count in self.key_counts.most_common(KEYS_SHOWN)
            ],
            "schema": within(self._schema(), SCHEMA_BUDGET),
            "tree": self._roots[0] if self._roots else None,
        }

    def _open(self, kind: str) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise TooDeep(f"Nested deeper than {MAX_DEPTH:,} levels.")
        path, place = self._enter(kind)
        node: dict[str, Any] | None = None
        if self._takes_more():
            node = {"type": kind, "size": 0, "children": []}
            self._hang(node)
        self._stack.append(_Open(kind, path, place, node))
        if len(self._stack) > self.depth:
            self.depth = len(self._stack)

    def _close(self) -> None:
        closed = self._stack.pop()
        place = closed.place
        if closed.node is not None:
            closed.node["size"] = closed.items
        if place is not None and closed.kind == "array":
            longest, shortest = place.longest, place.shortest
            place.longest = max(longest, closed.items)
            place.shortest = closed.items if shortest is None else min(shortest, closed.items)

    def _value(self, value: Any) -> None:
        kind = _KINDS.get(type(value)) or kind_of(value)
        self.values += 1
        _, place = self._enter(kind)
        if self._takes_more():
            self._hang({"type": kind, "value": _short(value)})
        if place is not None and place.example is None and value not in (None, ""):
            place.example = _short(value, EXAMPLE)

    def _enter(self, kind: str) -> tuple[str, Place | None]:
        """Count the place that this value is at; None where there are too many to count all."""
        parent = self._stack[-1] if self._stack else None
        above = None
        place = None
        if parent is not None:
            parent.items += 1
            # deep down all share one path, whichever keys led there
            above = parent.place if len(self._stack) <= PATH_DEPTH else None
            name = (parent.kind, "" if parent.kind == "array" else parent.key)
            place = above.below.get(name) if above else None
        if place is None:
            path = self._path(parent)
            place = self._place(path)
            if place is None:
                return path, None
            if above is not None and len(above.below) < KEYS:
                above.below[name] = place
        place.count += 1
        place.types[kind] += 1
        if place.holder is not parent and parent is not None and parent.kind == "object":
            place.above, place.holder = above, parent
            place.holders += 1
        return place.path, place

    def _place(self, path: str) -> Place | None:
        place = self.places.get(path)
        if place is None and len(self.places) < PATHS:
            place = self.places[path] = Place(path)
        return place

    def _takes_more(self) -> bool:
        """Whether the tree has room for what comes now."""
        if not self._stack:
            return True
        parent = self._stack[-1]
        if parent.node is None:
            return False
        deep = len(self._stack) > DEPTH_SHOWN
        full = self._nodes >= NODES_SHOWN or self._room <= 0 or parent.items > ITEMS_SHOWN
        return not deep and not full

    def _hang(self, node: dict[str, Any]) -> None:
        """Hang it into the tree, which has room."""
        if not self._stack:
            self._roots.append(node)
            return
        parent = self._stack[-1]
        if parent.kind != "array":
            node["key"] = clip(parent.key, TEXT_SHOWN)
        if parent.node is not None:
            parent.node["children"].append(node)
        self._nodes += 1
        self._room -= 60 + len(str(node.get("key", ""))) * 2 + len(str(node.get("value", ""))) * 2

    def _path(self, parent: _Open | None) -> str:
        if parent is None:
            return "$"
        if len(self._stack) > PATH_DEPTH:
            return "…"
        if parent.kind == "array":
            return f"{parent.path}[]"
        place = parent.place
        key = parent.key
        if place is not None and key not in place.keys:
            if len(place.keys) >= KEYS:
                key = "*"
            place.keys.add(key)
        return f"{parent.path}.{clip(key, EXAMPLE)}"

    def _schema(self) -> Iterator[dict[str, Any]]:
        for path, place in self.places.items():
            objects = place.above.types["object"] if place.above else 0
            row: dict[str, Any] = {
                "path": path,
                "types": dict(place.types.most_common(6)),
                "count": place.count,
                "share": round(place.holders / objects, 4) if objects else None,
                "example": place.example,
            }
            if place.shortest is not None:
                row["length"] = {"min": place.shortest, "max": place.longest}
            yield row


def events(value: Any) -> Iterator[Event]:
    """The events of a value that is in memory, without recursion: it may be nested at will."""
    waiting: list[Iterator[Event | Any]] = [iter((value,))]
    while waiting:
        item = next(waiting[-1], None)
        if item is None:
            waiting.pop()
        elif isinstance(item, _Marked):
            yield item.event
        else:
            yield from _entered(_unwrap(item), waiting)


class _Marked:
    def __init__(self, event: str, value: Any) -> None:
        self.event = (event, value)


class _Null:
    """Stands for None among what waits, where None means that nothing waits."""


_NULL = _Null()


def _unwrap(item: Any) -> Any:
    return None if item is _NULL else item


def _entered(value: Any, waiting: list[Iterator[Any]]) -> Iterator[Event]:
    if isinstance(value, dict):
        yield "open", "object"
        waiting.append(_members(value))
    elif isinstance(value, list):
        yield "open", "array"
        waiting.append(_items(value))
    else:
        yield "value", value


def _members(value: dict[Any, Any]) -> Iterator[Any]:
    for key, item in value.items():
        yield _Marked("key", key)
        yield _NULL if item is None else item
    yield _Marked("close", None)


def _items(values: Iterable[Any]) -> Iterator[Any]:
    for item in values:
        yield _NULL if item is None else item
    yield _Marked("close", None)


_KINDS = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "text",
}


def kind_of(value: Any) -> str:
    """Our word for the type of a scalar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (date, datetime, time)):
        return "moment"
    return "text" if isinstance(value, str) else "number"


def _short(value: Any, characters: int = TEXT_SHOWN) -> Any:
    if isinstance(value, str):
        return clip(value, characters)
    return (
        plain_scalar(value)
        if value is None or isinstance(value, (bool, int, float))
        else str(value)[:characters]
    )
