"""XML as a stream of elements: no tree is built, nothing is fetched, and of an entity no more is
read than of any other text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from uploads.processors.bounds import clip
from uploads.processors.structure import Survey

NAMES = 200  # different elements and namespaces that are counted
TEXT = 400  # characters kept of an element's text
PROLOG = 8192  # bytes in which the document's type is looked for

# Name, public and system identifier, in any encoding whose ASCII remains once its zeros are gone.
_DOCTYPE = re.compile(
    rb"""\A[^<]*+(?>(?:<\?.*?\?>|<!--.*?-->)\s*)*+<!DOCTYPE\s+([^\s>\[]+)"""
    rb"""(?:\s+(?:PUBLIC\s+(?:"[^"]*"|'[^']*')|SYSTEM)\s+(?:"([^"]*)"|'([^']*)'))?""",
    re.DOTALL,
)


class Elements:
    """Fed to the parser as its target; every element becomes an object in the survey.

    Attributes are keys with an @, text is the key #text, child elements are keys of their own.
    """

    def __init__(self, survey: Survey) -> None:
        self.root: str | None = None
        self.count = self.attributes = self.comments = self.instructions = 0
        self.names: Counter[str] = Counter()
        self.namespaces: Counter[str] = Counter()
        self.type: dict[str, str | None] | None = None
        self._survey = survey
        self._texts: list[str] = []

    def read(self, blocks: Iterable[bytes]) -> None:
        """Raises lxml.etree.XMLSyntaxError (a SyntaxError) with the line and column of
        a mistake.
        """
        from lxml import etree

        target: Any = self
        parser = etree.XMLParser(
            target=target,
            resolve_entities=False,
            no_network=True,
            huge_tree=False,
            load_dtd=False,
            dtd_validation=False,
        )
        for block in self._looked_at(blocks):
            parser.feed(block)
        parser.close()

    def _looked_at(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks. A target that is told the document's type makes the parser forget the
        entities that it declares, so it is read here.
        """
        for number, block in enumerate(blocks):
            if number == 0 and (found := _DOCTYPE.match(block[:PROLOG].replace(b"\0", b""))):
                name, system = found[1], found[2] or found[3] or b""
                self.type = {
                    "name": clip(name.decode("utf-8", "replace"), 100),
                    "system": clip(system.decode("utf-8", "replace"), 200) or None,
                }
            yield block

    def end_document(self) -> None:
        """Close in the survey what a broken document left open."""
        open_elements = len(self._texts) + (self.root is not None)
        self._texts.clear()
        for _ in range(open_elements):
            self._survey.add("close", None)

    def result(self) -> dict[str, Any]:
        return {
            "root": self.root,
            "elements": self.count,
            "attributes": self.attributes,
            "comments": self.comments,
            "doctype": self.type,
            "names": [
                {"name": clip(name, 100), "count": count}
                for name, count in self.names.most_common(30)
            ],
            "namespaces": [clip(name, 200) for name, _ in self.namespaces.most_common(20)],
        }

    # What the parser calls.

    def start(self, tag: str, attributes: Any) -> None:
        namespace, _, name = tag.rpartition("}")
        self._settle()
        self.count += 1
        self.attributes += len(attributes)
        if len(self.names) < NAMES or name in self.names:
            self.names[name] += 1
        if namespace and (len(self.namespaces) < NAMES or namespace[1:] in self.namespaces):
            self.namespaces[namespace[1:]] += 1
        if self.root is None:
            self.root = name
            self._survey.add("open", "object")
        self._survey.add("key", name)
        self._survey.add("open", "object")
        self._texts.append("")
        for key, value in attributes.items():
            self._survey.add("key", "@" + key.rpartition("}")[2])
            self._survey.add("value", scalar(value))

    def end(self, tag: str) -> None:
        self._settle()
        self._texts.pop()
        self._survey.add("close", None)

    def data(self, text: str) -> None:
        if self._texts and len(self._texts[-1]) < TEXT:
            self._texts[-1] += text[:TEXT]

    def comment(self, text: str) -> None:
        self.comments += 1

    def pi(self, target: str, text: str | None) -> None:
        self.instructions += 1

    def close(self) -> None:
        """The parser's last call."""

    def _settle(self) -> None:
        """The text so far belongs before what comes now."""
        if self._texts and self._texts[-1].strip():
            self._survey.add("key", "#text")
            self._survey.add("value", scalar(self._texts[-1].strip()))
            self._texts[-1] = ""


def scalar(text: str) -> Any:
    """XML has only text; what reads as a number is counted as one."""
    if len(text) <= 18 and text.lstrip("-").isdecimal():
        return int(text)
    try:
        return float(text) if len(text) <= 24 and "." in text else text
    except ValueError:
        return text
