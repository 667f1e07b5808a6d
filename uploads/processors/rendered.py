"""The markdown step: a Markdown text as the page that it describes, with nothing in it that acts or
calls home.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from uploads.processors import encoding, hypertext
from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.registry import processor

READ = 256 * 1024  # bytes: brackets without end take time by their square
NESTED = 40  # levels of lists and quotations
HEADINGS = 300
WORDS = 200  # characters of a heading

_FRONT = re.compile(r"\A---\n.*?\n(?:---|\.\.\.)\n", re.DOTALL)


@processor(
    name="markdown",
    accepts=["text/markdown"],
    version=1,
    after=["identify", "text"],
    light=True,
)
def markdown(ctx: Context) -> dict[str, Any]:
    """{title, outline [{level, text}], links [hosts], blocked (pictures left out), truncated} and
    page.html

    CommonMark 0.31 with tables and strikethrough; HTML inside is kept where it is harmless.
    """
    coding = encoding.detect(ctx.path)
    with ctx.path.open("rb") as file:
        file.seek(coding.mark)
        content = file.read(READ)
    text = content.decode(coding.name, "replace").replace("\r\n", "\n").replace("\r", "\n")
    found = page_of(ctx, _FRONT.sub("", text, count=1))
    ctx.progress(ctx.size, ctx.size, "bytes")
    return found | {"truncated": ctx.size > READ}


def page_of(ctx: Context, text: str) -> dict[str, Any]:
    """{title, outline, links, blocked} of a text in Markdown, and page.html"""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": NESTED})
    tokens = parser.enable(["table", "strikethrough"]).parse(text)
    outline = [
        {"level": int(opening.tag[1]), "text": clip(inline.content, WORDS)}
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]
    safe = hypertext.harmless(parser.renderer.render(tokens, parser.options, {}))
    page = ctx.save("page.html", "text/html")
    page.write_text(safe.html, encoding="utf-8", errors="replace")
    return {
        "title": next((one["text"] for one in outline if one["level"] == 1), None),
        "outline": within(outline[:HEADINGS], 32 * 1024),
        "links": safe.links,
        "blocked": safe.blocked,
    }
