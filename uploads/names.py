"""The only module that makes strangers' file names harmless: those of senders, and of members of
archives and mails.

A name is shown, sorted and searched, and never part of a path on our disk. Of a name with folders
in it the last part stays. Characters that could deceive an eye or a terminal are replaced by
visible ones (a control character by its picture, U+2400…; a bidirectional override by U+FFFD), so
that nobody is fooled and nothing vanishes unseen.
"""

import re
import unicodedata

from uploads.errors import BadName

NAME_BYTES = 255  # what file systems take, so that every download can keep its name
PATH_BYTES = 4096
UNNAMED = "unnamed"
_SUFFIX_BYTES = 20  # of a name that is cut, so that its extension stays

_VISIBLE = {code: 0x2400 + code for code in range(0x20)}
_VISIBLE[0x7F] = 0x2421
_VISIBLE |= dict.fromkeys(
    [*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF],
    0xFFFD,
)


def clean_name(text: str) -> str:
    """A file name: NFC, its last part, harmless to show. Raises BadName."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", text))[-1]
    if last.strip() in {"", ".", ".."}:
        raise BadName
    return _harmless(last, NAME_BYTES)


def clean_path(text: str) -> str:
    """Where a file lay in a dropped folder, as `a/b/c.txt`: never absolute or upwards.

    Raises BadName.
    """
    if not text:
        return ""
    return _harmless("/".join(_parts(text)), PATH_BYTES)


def fitted(path: str) -> tuple[str, str]:
    """(name, path) for whatever a container calls its member: what `clean_name` and `clean_path`
    refuse is cut or replaced instead.
    """
    text = path.encode("utf-8", "replace").decode()
    parts = [_cut(part.translate(_VISIBLE)) for part in _parts(text)] or [UNNAMED]
    while len(parts) > 1 and len("/".join(parts).encode()) > PATH_BYTES:
        del parts[0]
    return parts[-1], "/".join(parts)


def _parts(text: str) -> list[str]:
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", text))
    return [part for part in parts if part.strip() not in {"", ".", ".."}]


def _cut(part: str) -> str:
    """At most NAME_BYTES of a name, its extension kept."""
    if len(part.encode()) <= NAME_BYTES:
        return part
    stem, dot, extension = part.rpartition(".")
    suffix = (dot + extension) if stem and len(extension.encode()) < _SUFFIX_BYTES else ""
    room = NAME_BYTES - len(suffix.encode())
    return part.encode()[:room].decode("utf-8", "ignore") + suffix


def _harmless(text: str, most: int) -> str:
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:  # a lone surrogate
        raise BadName from None
    if size > most:
        raise BadName(f"The name has {size} bytes of UTF-8; at most {most} can be used.")
    return text.translate(_VISIBLE)
