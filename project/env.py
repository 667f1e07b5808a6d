"""The only module that reads the process environment.

Every variable is read once, by name, with a type, a default and a sentence for people; a bad value
stops the start with the variable's name. A variable NAME may also be given as NAME_FILE, the path
of a file that holds the value (secrets).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class BadValue(ValueError):
    """A variable has a value that can't be used."""


@dataclass(frozen=True)
class Variable:
    """What README and .env.example must say of one variable."""

    name: str
    default: str
    meaning: str


VARIABLES: dict[str, Variable] = {}


def text(name: str, default: str, meaning: str) -> str:
    """The variable's value as it stands; the default where it is missing or empty."""
    VARIABLES[name] = Variable(name, default, meaning)
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadValue(f"{name}_FILE: can't read {path}: {error.strerror}") from error
    return os.environ.get(name, "").strip() or default


def choice(name: str, default: str, options: Sequence[str], meaning: str) -> str:
    """One of a closed list of words."""
    value = text(name, default, meaning)
    if value not in options:
        raise BadValue(f"{name}: {value!r} is none of {', '.join(options)}")
    return value


def boolean(name: str, *, default: bool, meaning: str) -> bool:
    """`1`/`true`/`yes`/`on` or `0`/`false`/`no`/`off`, in any case."""
    value = text(name, "1" if default else "0", meaning).lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"0", "false", "no", "off"}:
        return False
    raise BadValue(f"{name}: {value!r} is neither 1 nor 0")


def number(name: str, default: float, meaning: str, *, least: float = 0) -> float:
    """A number, not below `least`."""
    return _number(name, text(name, f"{default:g}", meaning), least=least)


def _number(name: str, value: str, *, least: float) -> float:
    try:
        parsed = float(value)
    except ValueError:
        raise BadValue(f"{name}: {value!r} is not a number") from None
    if not least <= parsed < float("inf"):
        raise BadValue(f"{name}: {value} is below {least:g}")
    return parsed


def integer(name: str, default: int, meaning: str, *, least: int = 0) -> int:
    """A whole number, not below `least`."""
    value = text(name, str(default), meaning)
    try:
        parsed = int(value)
    except ValueError:
        raise BadValue(f"{name}: {value!r} is not a whole number") from None
    if parsed < least:
        raise BadValue(f"{name}: {value} is below {least}")
    return parsed


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_UNITS |= {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}


def size(name: str, default: str, meaning: str) -> int:
    """A number of bytes; suffixes k M G T (powers of 1000), Ki Mi Gi Ti (of 1024)."""
    return _size(name, text(name, default, meaning))


def _size(name: str, value: str) -> int:
    folded = value.lower().removesuffix("b")
    digits = folded.rstrip("kmgti")
    unit = folded[len(digits) :]
    if not digits.strip().isdigit() or unit not in _UNITS:
        raise BadValue(f"{name}: {value!r} is not a size such as 500M or 2Gi")
    return int(digits) * _UNITS[unit]


def words(name: str, default: str, meaning: str) -> list[str]:
    """Words separated by commas or spaces."""
    return text(name, default, meaning).replace(",", " ").split()


def words_of(name: str, default: str, options: Sequence[str], meaning: str) -> list[str]:
    """Some of a closed list of words, separated by commas or spaces; «none» for none of them."""
    found = [word for word in words(name, default, meaning) if word != "none"]
    for word in found:
        if word not in options:
            raise BadValue(f"{name}: {word!r} is none of {', '.join(options)}")
    return found


def limits(name: str, default: str, meaning: str) -> dict[str, int]:
    """`WORD=NUMBER` pairs, separated by commas or spaces; each number at least 1."""
    found = {}
    for pair in words(name, default, meaning):
        word, _, number = pair.partition("=")
        if not number.isdecimal() or not int(number):
            raise BadValue(f"{name}: {pair!r} is not like name=2")
        found[word] = int(number)
    return found


def caps(name: str, default: str, meaning: str) -> dict[str, tuple[float | None, int | None]]:
    """`WORD:seconds=NUMBER,memory=SIZE` items, separated by spaces; each cap may be left out."""
    found = {}
    for item in text(name, default, meaning).split():
        word, _, pairs = item.partition(":")
        wanted = dict(pair.partition("=")[::2] for pair in pairs.split(","))
        seconds, memory = wanted.pop("seconds", ""), wanted.pop("memory", "")
        if wanted or not word:
            raise BadValue(f"{name}: {item!r} is not like name:seconds=30,memory=512M")
        found[word] = (
            _number(name, seconds, least=1) if seconds else None,
            _size(name, memory) if memory else None,
        )
    return found


def address(name: str, default: str, meaning: str) -> tuple[str, int] | None:
    """`HOST:PORT`; None where it is empty."""
    value = text(name, default, meaning)
    host, _, port = value.rpartition(":")
    if not value:
        return None
    if not host or not port.isdecimal():
        raise BadValue(f"{name}: {value!r} is not like 127.0.0.1:9100")
    return host.strip("[]"), int(port)


def path(name: str, default: str, meaning: str) -> Path:
    """A path, made absolute from the working folder."""
    return Path(text(name, default, meaning)).expanduser().absolute()
