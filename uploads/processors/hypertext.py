"""HTML from strangers, made harmless: nothing in it acts, and nothing is fetched when
it is shown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlsplit

HTML = 8 * 1024 * 1024  # characters
HOSTS = 50


@dataclass(frozen=True)
class Harmless:
    """`links`: the hosts that it leads to, most often first; `blocked`: pictures that
    were left out.
    """

    html: str
    links: list[str]
    blocked: int


def harmless(html: str) -> Harmless:
    """The HTML with text, tables and links; without scripts, styles, forms, and remote pictures."""
    import nh3

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
        html[:HTML],
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

    page = LexborHTMLParser(html[:HTML])
    page.strip_tags(["script", "style", "head", "template"])
    body = page.body
    if body is None:
        return ""
    lines = (line.strip() for line in body.text(separator="\n").splitlines())
    return "\n".join(line for line in lines if line)
