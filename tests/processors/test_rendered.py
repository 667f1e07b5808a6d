"""Markdown becomes the page that it describes, and nothing in it acts or is fetched."""

from __future__ import annotations

import pytest

README = """---
title: front matter
---
# The *mill*

A [link](https://example.org/a), a [trap](javascript:alert(1)) and ~~nothing~~.

| wheel | spokes |
|---|---|
| oak | 12 |

## Turning

- one
- two

```python
print("<b>")
```

<details><summary>More</summary>kept</details>
<script>steal()</script><img src="https://spy.example/p.png" onerror="steal()">

![picture](https://spy.example/q.png)
"""


def test_a_readme_becomes_a_harmless_page(take):
    taken = take(README, "README.md")
    assert taken.media_type == "text/markdown"
    found = taken["markdown"]
    assert found["title"] == "The *mill*"
    assert found["outline"] == [
        {"level": 1, "text": "The *mill*"},
        {"level": 2, "text": "Turning"},
    ]
    assert found["links"] == ["example.org"]
    assert found["blocked"] == 2
    page = taken.artifact("markdown", "page.html").decode()
    for kept in (
        "<h1>The <em>mill</em></h1>",
        'href="https://example.org/a"',
        "<td>oak</td>",
        "<li>one</li>",
        "&lt;b&gt;",
        "<summary>More</summary>",
    ):
        assert kept in page
    for gone in ("front matter", 'href="javascript', "<script", "steal", "spy.example", "onerror"):
        assert gone not in page
    assert "code" in taken.results, "its source is shown as well"


@pytest.mark.parametrize(
    "hostile",
    [
        lambda size: "> " * size,
        lambda size: "[" * 2 * size,
        lambda size: "*a **b " * (size // 2),
        lambda size: "- " * size,
        lambda size: "`" * size + "a",
        lambda size: "<" * 2 * size,
        lambda size: "![" * (size // 2) + "](a)" * (size // 2),
        lambda size: "\n".join(cell * (size // 5) for cell in ("| a ", "|---", "| b ")),
    ],
    ids=lambda hostile: hostile(10)[:6],
)
@pytest.mark.parametrize("size", [30_000, pytest.param(100_000, marks=pytest.mark.soak)])
@pytest.mark.timeout(100)
def test_text_that_is_made_to_take_for_ever_does_not(take, hostile, size):
    taken = take("# Made to hurt\n\n" + hostile(size) + "\n", "hurt.md")
    assert taken.media_type == "text/markdown"
    assert taken["markdown"]["title"] == "Made to hurt"


def test_what_is_long_is_shown_from_its_beginning(take):
    taken = take("# Long\n\n" + "words and words\n\n" * 60_000, "long.md")
    assert taken["markdown"]["truncated"]
