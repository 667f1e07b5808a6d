"""HTML from strangers, made harmless: nothing in it acts, and nothing is fetched when
it is shown.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

HTML = 8 * 1024 * 1024  # characters
HOSTS = 50
DEPTH = 2000  # elements that are open at once
ATTRIBUTES = 2000  # of one element

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)([^>]*)")
# Elements that are never closed, or that the next of their kind closes.
_UNCLOSED = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "p",
        "li",
        "dt",
        "dd",
        "option",
        "optgroup",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "html",
        "head",
        "body",
    ]
)


@dataclass(frozen=True)
class Harmless:
    """`links`: the hosts that it leads to, most often first; `blocked`: pictures that
    were left out.
    """

    html: str
    links: list[str]
    blocked: int


def harmless(html: str) -> Harmless:
    """The HTML with text, tables and links; without scripts, styles, forms, and remote pictures.
    Of one that is too tangled, the words alone.
    """
    import nh3

    html = html[:HTML]
    if _is_tangled(html):
        return Harmless(f"<p>{escape(_words(html))}</p>", [], 0)
    hosts: Counter[str] = Counter()
    blocked = 0

    def decide(tag: str, attribute: str, value: str) -> str | None:
        nonlocal blocked
        if attribute in ("src", "srcset", "background", "poster"):
            if value.startswith("cid:"):
                return None  # a picture of the mail itself: it is among the attachments
            blocked += 1
            return None
        if attribute == "href":
            hosts[host_of(value)] += 1
        return value

    cleaned = nh3.clean(
        html,
        attribute_filter=decide,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "cid"},
    )
    return Harmless(cleaned, [host for host, _ in hosts.most_common(HOSTS) if host], blocked)


def host_of(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "")[:200]
    except ValueError:
        return ""


def text_of(html: str) -> str:
    """The words of the HTML, a line for each block."""
    from selectolax.lexbor import LexborHTMLParser

    html = html[:HTML]
    if _is_tangled(html):
        return _words(html)
    page = LexborHTMLParser(html)
    page.strip_tags(["script", "style", "head", "template"])
    body = page.body
    if body is None:
        return ""
    lines = (line.strip() for line in body.text(separator="\n").splitlines())
    return "\n".join(line for line in lines if line)


def _is_tangled(html: str) -> bool:
    """Whether parsers, which look back at all open elements and attributes, would take for ever."""
    depth = 0
    for tag in _TAG.finditer(html):
        closes, name, attributes = tag.groups()
        if len(attributes) > ATTRIBUTES and len(attributes.split()) > ATTRIBUTES:
            return True
        if name.lower() not in _UNCLOSED:
            depth = max(0, depth - 1) if closes else depth + 1
        if depth > DEPTH:
            return True
    return False


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^<>]*>", " ", html).split())
