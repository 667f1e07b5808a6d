"""A guess at the natural language of a text, from its script or its most frequent small words."""

from __future__ import annotations

import re
from collections import Counter

_WORDS = {
    "en": ("English", "the of and to in a is that it was for with as his he be on not at"),
    "de": ("German", "der die und das ist nicht ein eine zu den mit von im sich des auf für dem"),
    "fr": ("French", "le la les et des est une un dans que qui pour pas au sur par plus ne"),
    "es": ("Spanish", "el la los y que en las del se por con una para es no su al lo"),
    "it": ("Italian", "il di che la per un una non con del della sono gli le dei nel anche più"),
    "pt": ("Portuguese", "o os que e do da em um uma para com não no na por mais dos as"),
    "nl": ("Dutch", "de het een en van is dat niet op te zijn voor met die ik je er aan"),
    "sv": ("Swedish", "och att det som en på är av för med till den har inte om ett jag var"),
    "da": ("Danish", "og at det som en på er af for med til den har ikke om et jeg var"),
    "pl": ("Polish", "i w na z się nie do że to jest o jak po co za od przez ale"),
    "cs": ("Czech", "a v na se je že s z do o to ve pro jako za by po ale"),
    "fi": ("Finnish", "ja on ei että se oli hän mutta joka ovat niin kun myös kuin sen ole tai"),
    "tr": ("Turkish", "ve bir bu da de için ile olarak çok daha gibi ne var kadar ama en sonra"),
    "id": (
        "Indonesian",
        "yang dan di itu dengan untuk tidak dari ini dalam akan pada juga ke karena",
    ),
}
_WORD_SETS = {code: frozenset(words.split()) for code, (_, words) in _WORDS.items()}

_SCRIPTS = (
    ("ja", "Japanese", re.compile("[\u3040-\u30ff]")),
    ("ko", "Korean", re.compile("[\uac00-\ud7af]")),
    ("zh", "Chinese", re.compile("[\u4e00-\u9fff]")),
    ("uk", "Ukrainian", re.compile("[іїєґІЇЄҐ]")),
    ("ru", "Russian", re.compile("[\u0400-\u04ff]")),
    ("el", "Greek", re.compile("[\u0370-\u03ff]")),
    ("he", "Hebrew", re.compile("[\u0590-\u05ff]")),
    ("ar", "Arabic", re.compile("[\u0600-\u06ff]")),
    ("hi", "Hindi", re.compile("[\u0900-\u097f]")),
    ("th", "Thai", re.compile("[\u0e00-\u0e7f]")),
)
_SHARES = {"ja": 0.05, "uk": 0.02}  # of all letters; other scripts must be a third of them

_SAMPLE_WORDS = 2000
_DIFFERENT = 3  # small words of a language: one alone is often another language's word, or a name


def natural_language(sample: str) -> dict[str, str] | None:
    """{code, name} of the likeliest language (ISO 639-1), or None where nothing speaks for one."""
    letters = sum(map(str.isalpha, sample[:8192]))
    if letters < 20:
        return None
    for code, name, pattern in _SCRIPTS:
        if len(pattern.findall(sample[:8192])) > _SHARES.get(code, 0.33) * letters:
            return {"code": code, "name": name}
    return _by_small_words(sample)


def _by_small_words(sample: str) -> dict[str, str] | None:
    words = Counter(re.findall(r"[^\W\d_]+", sample.lower())[:_SAMPLE_WORDS])
    total = words.total()
    scores = {code: sum(words[word] for word in known) for code, known in _WORD_SETS.items()}
    ranked = sorted(scores, key=lambda code: -scores[code])
    best, second = ranked[0], ranked[1]
    if len(_WORD_SETS[best] & words.keys()) < _DIFFERENT:
        return None
    # Prose has one small word in five; programs and tables hardly any.
    if scores[best] < max(3, 0.12 * total) or scores[best] < 1.15 * scores[second]:
        return None
    return {"code": best, "name": _WORDS[best][0]}
