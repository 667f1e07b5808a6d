"""Which of the old one-byte encodings a text has: the one in which the letters beside a to z are
those of a single language.
"""

from __future__ import annotations

import codecs

_WESTERN = ("cp1252", "cp850", "mac-roman")
_CENTRAL = ("cp1250", "iso8859-2")
# The letters that a language has beside a to z, and the encodings in which its texts are found,
# the likelier first; of several that fit equally well the first one is taken.
_LANGUAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("äöüßé", _WESTERN),  # German
    ("àâæçèéêëîïôœùûüÿ", _WESTERN),  # French
    ("áéíñóúüçàèòïª", _WESTERN),  # Spanish, Catalan
    ("áâãàçéêíóôõúü", _WESTERN),  # Portuguese
    ("àèéìíòóù", _WESTERN),  # Italian
    ("åäöæøéüà", _WESTERN),  # Danish, Norwegian, Swedish, Finnish
    ("éëïóöüèêáíàç", _WESTERN),  # Dutch
    ("áéíóúýþæöð", ("cp1252", "cp850")),  # Icelandic
    ("áäčďéěíĺľňóôöŕřšťúůüýž", _CENTRAL),  # Czech, Slovak
    ("ąćęłńóśźż", _CENTRAL),  # Polish
    ("áéíóöőúüű", _CENTRAL),  # Hungarian
    ("čćđšž", _CENTRAL),  # Croatian, Slovene
    ("ăâîşţ", _CENTRAL),  # Romanian
    ("çğıİöşüâîû", ("cp1254",)),  # Turkish
    ("àâäáãåæçèéêëìíîïñòóôöõøœùúûüÿß", ("cp1252",)),  # several of the western ones
    ("אבגדהוזחטיךכלםמןנסעףפץצקרשת", ("cp1255",)),
    ("абвгдежзийклмнопрстуфхцчшщъыьэюяёіїєґў", ("cp1251", "koi8-r", "cp866")),
    ("αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώϊϋΐΰ", ("iso8859-7", "cp1253")),
)
_SIGNS = frozenset(
    "\u201c\u201d„\u201a\u2018’\u2039\u203a«»–—…•€£¥¢§©®™°·¿¡½¼¾¹²³\u00b4×÷±µ¬¶№\u00a0\u00ad"
)
_AT_ENDS = frozenset("ךםןףץς")  # letters that only end a word
_IN_WORDS = frozenset("’–—·\u00ad")  # a sign between two letters is a wrong guess, but for these
_ENOUGH = 0.95  # of the foreign characters
_PLAIN = 1.5  # times as many foreign characters as letters from a to z there may be at most


def single(sample: bytes) -> str | None:
    """The encoding in which this is text of one language, as Python names it; None where it is in
    none: then it may have several bytes for a letter.
    """
    best, best_share = None, 0.0
    for letters, names in _LANGUAGES:
        for name in names:
            share = _fitting(sample.decode(name, "replace"), letters)
            if share > best_share:
                best, best_share = name, share
    return codecs.lookup(best).name if best and best_share >= _ENOUGH else None


def _fitting(text: str, letters: str) -> float:
    """The share of the foreign characters that are found in this language, where they are."""
    known = frozenset(letters + letters.upper())
    own = letters[0] > "\u036f"  # an alphabet of its own
    foreign = fitting = plain = 0
    for place, char in enumerate(text):
        if char.isascii():
            plain += char.isalpha()
            continue
        foreign += 1
        before, after = text[max(place - 1, 0) : place], text[place + 1 : place + 2]
        if char in known:
            fitting += _own(char, before, after) if own else _beside_latin(char, before)
        elif char in _SIGNS:
            fitting += char in _IN_WORDS or not (before.isalpha() and after.isalpha())
    if not own and plain * _PLAIN < foreign:
        return 0.0
    return fitting / foreign if foreign else 0.0


def _own(char: str, before: str, after: str) -> bool:
    """No word is in two alphabets, and a capital begins one; else it is small letters read with
    another encoding of the same alphabet.
    """
    if any(other.isascii() and other.isalpha() for other in (before, after)):
        return False
    misplaced = before if char.isupper() else after if char in _AT_ENDS else ""
    return not misplaced.isalpha()


def _beside_latin(char: str, before: str) -> bool:
    return not (char.isupper() and before.islower())
