"""The only module that says in the reader's language what processors, the sandbox and the API say.

The API stays English: only what people look at is told so. What is on no list of `sentences` is
free text and stays as it is. The scripts do the same (`told` in `frontend/static/js/words.js`).
"""

import re
from functools import cache

from django.utils.translation import get_language, gettext

from uploads.reading import sentences

_HOLE = re.compile(r"%\((\w+)\)s")


def told(text: str) -> str:
    """The text in the language of whoever asks; itself where it is on no list."""
    whole, patterns = _known(get_language())
    if text in whole:
        return whole[text]
    for pattern, words in patterns:
        if match := pattern.fullmatch(text):
            values = {name: whole.get(value, value) for name, value in match.groupdict().items()}
            return words % values
    return text


def pairs(*, results: bool = True) -> list[tuple[str, str]]:
    """(English, theirs) of every text that is another in the language of whoever asks; those of
    `results` only for pages that show some.
    """
    every = [*sentences.STEPS, *sentences.ENDS, *sentences.REFUSALS]
    if results:
        every += [*sentences.TYPES, *sentences.WORDS]
    return [(text, words) for text in every if (words := gettext(text)) != text]


@cache
def _known(language: str) -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Texts without holes, and the patterns of those with some, in the order of their lists."""
    known = pairs()
    whole = {text: words for text, words in known if not _HOLE.search(text)}
    patterns = [(_pattern(text), words) for text, words in known if _HOLE.search(text)]
    return whole, patterns


def _pattern(text: str) -> re.Pattern[str]:
    parts = _HOLE.split(text)
    literal, names = parts[::2], parts[1::2]
    holes = [f"(?P<{name}>.+?)" for name in names] + [""]
    return re.compile(
        "".join(re.escape(a) + b for a, b in zip(literal, holes, strict=True)), re.DOTALL
    )
