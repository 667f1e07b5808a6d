"""What a child says over its pipe, line by line: written here, and read here as from an enemy."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from uploads.processing.sandbox.contract import NOTHING, LeftOut
from uploads.processors.children import PATH, REASONS, SHOWN
from uploads.processors.context import MEDIA_TYPE

LINE_BYTES = 1024 * 1024
TOTAL_BYTES = 16 * 1024 * 1024  # of one child
PROGRESS_BURST = 200  # lines at once
PROGRESS_PER_SECOND = 100
UNIT = 20  # characters
_TEXT = 4096  # characters of a message or a traceback
_ARTIFACTS = 256
_ARTIFACT = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")
_CHILD = re.compile(r"\.child-\d{1,9}", re.ASCII)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# What a step may call its own failure; the rest of the codes is for who watches it.
_CODES = frozenset({"bad_file", "processor_error", "invalid_result", "memory_cap", "disk_cap"})


class Garbled(Exception):
    """What a child sent can't be understood."""


class Flooded(Exception):
    """A child sent more than is taken from one."""


@dataclass(frozen=True)
class Started:
    step: str
    version: int


@dataclass(frozen=True)
class Measured:
    done: float
    total: float | None
    unit: str


@dataclass(frozen=True)
class Held:
    """A measure that was not sent, found where it stood: its step may be over by now."""

    step: str
    measured: Measured


@dataclass(frozen=True)
class Sent:
    """A file of the step's folder that is sent on: an artifact, or one of its own."""

    name: str
    path: str

    @property
    def is_artifact(self) -> bool:
        return not self.name.startswith(".")


@dataclass(frozen=True)
class Done:
    step: str
    result: dict[str, Any]
    artifacts: tuple[tuple[str, str], ...]  # name, media type
    milliseconds: float
    left_out: LeftOut = NOTHING


@dataclass(frozen=True)
class Failed:
    step: str
    code: str
    message: str
    detail: str
    milliseconds: float


@dataclass(frozen=True)
class Answer:
    """To a question that isn't about a file: a probe, the list of own processors."""

    value: dict[str, Any]


Said = Started | Measured | Held | Sent | Done | Failed | Answer


def started(step: str, version: int) -> bytes:
    return _line({"is": "started", "step": step, "version": version})


def measured(done: float, total: float | None, unit: str) -> bytes:
    return _line({"is": "progress", "done": done, "total": total, "unit": unit})


def held(step: str, done: float, total: float | None, unit: str) -> bytes:
    """For a page of memory, not for the pipe: `read_held` reads it."""
    return orjson.dumps({"step": step, "done": done, "total": total, "unit": unit})


def sent(name: str, path: str) -> bytes:
    return _line({"is": "sent", "name": name, "path": _clean(path)})


def done(
    step: str,
    result: Mapping[str, Any],
    artifacts: list[tuple[str, str]],
    ms: float,
    left_out: LeftOut | None = None,
) -> bytes:
    said = {"is": "done", "step": step, "result": result, "artifacts": artifacts, "ms": ms}
    if left_out is not None and left_out.total:
        shown = [(_clean(path), reason) for path, reason in left_out.shown]
        said["left_out"] = {"total": left_out.total, "shown": shown}
    return _line(said)


def failed(step: str, code: str, message: str, detail: str, ms: float) -> bytes:
    text = {"message": _clean(message[:_TEXT]), "detail": _clean(detail[-_TEXT:])}
    return _line({"is": "failed", "step": step, "code": code, "ms": ms, **text})


def answer(value: Mapping[str, Any]) -> bytes:
    return _line({"is": "answer", "value": value})


def _line(value: Mapping[str, Any]) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


class Lines:
    """Bytes in, whole lines out, with an end to everything."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._total = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Raises Flooded."""
        self._total += len(data)
        if self._total > TOTAL_BYTES:
            raise Flooded
        if b"\n" not in data:
            self._rest += data
            whole: list[bytes] = []
        else:
            first, *whole = data.split(b"\n")
            whole.insert(0, bytes(self._rest) + first)
            self._rest = bytearray(whole.pop())
        if len(self._rest) > LINE_BYTES or any(len(line) > LINE_BYTES for line in whole):
            raise Flooded
        return whole


class Allowance:
    """How many lines of progress a child may still send: a burst, and so many a second."""

    def __init__(self, now: float) -> None:
        self._left: float = PROGRESS_BURST
        self._at = now

    def take(self, now: float) -> None:
        """Raises Flooded."""
        self._left = min(PROGRESS_BURST, self._left + (now - self._at) * PROGRESS_PER_SECOND) - 1
        self._at = now
        if self._left < 0:
            raise Flooded


def read(line: bytes) -> Said:
    """Raises Garbled for whatever the functions above wouldn't write."""
    if b"\\u0000" in line and _NUL.search(line):
        raise Garbled("there is a NUL in it")  # a database would refuse it
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Garbled(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Garbled("not an object")
    try:
        return _READERS[value["is"]](value)
    except (KeyError, TypeError, ValueError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from None


def read_held(line: bytes) -> Held:
    """Raises Garbled for whatever `held` wouldn't write."""
    try:
        value = orjson.loads(line)
        return Held(_text(value["step"], 40), _read_measured(value))
    except (KeyError, TypeError, ValueError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from None


def _read_started(value: dict[str, Any]) -> Started:
    return Started(_text(value["step"], 40), _whole(value["version"]))


def _read_measured(value: dict[str, Any]) -> Measured:
    total = value["total"]
    return Measured(
        _measure(value["done"]),
        None if total is None else _measure(total),
        _text(value["unit"], UNIT),
    )


def _read_done(value: dict[str, Any]) -> Done:
    result, artifacts = value["result"], value["artifacts"]
    if not isinstance(result, dict):
        raise TypeError("the result isn't an object")
    if not isinstance(artifacts, list) or len(artifacts) > _ARTIFACTS:
        raise TypeError("the artifacts aren't a list, or too many")
    return Done(
        _text(value["step"], 40),
        result,
        tuple(_artifact(*pair) for pair in artifacts),
        _measure(value["ms"]),
        _read_left_out(value["left_out"]) if "left_out" in value else NOTHING,
    )


def _read_left_out(value: dict[str, Any]) -> LeftOut:
    shown = value["shown"]
    if not isinstance(shown, list) or len(shown) > SHOWN:
        raise TypeError("what was left out isn't a list, or too long")
    return LeftOut(_whole(value["total"]), tuple(_left_out(*pair) for pair in shown))


def _left_out(path: object, reason: object) -> tuple[str, str]:
    if reason not in REASONS:
        raise ValueError("that is no reason")
    return _text(path, PATH), str(reason)


def _read_sent(value: dict[str, Any]) -> Sent:
    name = value["name"]
    if not isinstance(name, str) or not (_CHILD.fullmatch(name) or _is_artifact(name)):
        raise ValueError("that can't be sent on")
    return Sent(name, _text(value["path"], PATH))


def _read_failed(value: dict[str, Any]) -> Failed:
    code = value["code"]
    if code not in _CODES:
        raise ValueError("an unknown code")
    return Failed(
        _text(value["step"], 40),
        code,
        _text(value["message"], _TEXT),
        _text(value["detail"], _TEXT),
        _measure(value["ms"]),
    )


def _read_answer(value: dict[str, Any]) -> Answer:
    if not isinstance(value["value"], dict):
        raise TypeError("the answer isn't an object")
    return Answer(value["value"])


_READERS: Mapping[str, Callable[[dict[str, Any]], Said]] = {
    "started": _read_started,
    "progress": _read_measured,
    "sent": _read_sent,
    "done": _read_done,
    "failed": _read_failed,
    "answer": _read_answer,
}


def _artifact(name: object, media_type: object) -> tuple[str, str]:
    if not isinstance(name, str) or not isinstance(media_type, str):
        raise TypeError("an artifact has a name and a media type")
    if not _is_artifact(name):
        raise ValueError("that can't be an artifact's name")
    if not MEDIA_TYPE.fullmatch(media_type):
        raise ValueError("that can't be a media type")
    return name, media_type


def _is_artifact(name: str) -> bool:
    return _ARTIFACT.fullmatch(name) is not None and not name.startswith(".")


def _text(value: object, characters: int) -> str:
    if not isinstance(value, str) or len(value) > characters:
        raise TypeError(f"not a text of at most {characters} characters")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise TypeError("not a whole number")
    return value


def _measure(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError("not a number")
    if not math.isfinite(value) or value < 0:
        raise ValueError("not a measure")
    return value
