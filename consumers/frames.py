"""The only module that encodes what subscribers are sent: once for everybody who gets the same.

An event's JSON was made when it happened; frames are put together from such pieces as text, never
parsed again. No frame exceeds `MOST_BYTES` nor holds more than `MOST_ITEMS` events or files.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import orjson

from project.sockets import framed
from uploads.publishing.log import cursor_of

T = TypeVar("T")

MOST_BYTES = 500_000  # of the pieces; with the envelope still below 512 KiB
MOST_ITEMS = 500


class Entry(NamedTuple):
    """One event of a stream, as it was published."""

    seq: int
    payload: str
    file: str | None
    batch: str | None
    size: int  # bytes of the payload


class Audience(NamedTuple):
    """What a subscriber wants to hear: everything, or one batch, or one file."""

    batch: str | None = None
    file: str | None = None

    def takes(self, file: str | None, batch: str | None) -> bool:
        """Whether what concerns this file of this batch is for them."""
        return (self.file is None or self.file == file) and (
            self.batch is None or self.batch == batch
        )


EVERYTHING = Audience()


class Frame:
    """A frame in the shape of each door; made once, sent to many. `cursor` is a place to resume
    from, if it is one.
    """

    __slots__ = ("_framed", "_sse", "_websocket", "cursor", "kind", "size", "text")

    def __init__(self, kind: str, text: str, cursor: str | None = None) -> None:
        self.kind = kind
        self.text = text
        self.cursor = cursor
        self.size = len(text)
        self._framed: bytes | None = None
        self._websocket: dict[str, Any] | None = None
        self._sse: dict[str, Any] | None = None

    @property
    def framed(self) -> bytes:
        """The bytes on a WebSocket's wire."""
        if self._framed is None:
            self._framed = framed(self.text)
        return self._framed

    @property
    def websocket(self) -> dict[str, Any]:
        """The ASGI message for a WebSocket."""
        if self._websocket is None:
            message = {"type": "websocket.send", "text": self.text, "framed": self.framed}
            self._websocket = message
        return self._websocket

    @property
    def sse(self) -> dict[str, Any]:
        """The ASGI message for an event stream (WHATWG HTML, 9.2); JSON holds no line breaks."""
        if self._sse is None:
            head = "" if self.cursor is None else f"id: {self.cursor}\n"
            body = f"{head}data: {self.text}\n\n".encode()
            self._sse = {"type": "http.response.body", "body": body, "more_body": True}
        return self._sse


READY = Frame("ready", '{"type":"ready"}')
GOES_ON = Frame("queue", '{"type":"queue","pauses":[]}')
DELIVERY = {
    degraded: Frame("delivery", f'{{"type":"delivery","degraded":{word}}}')
    for degraded, word in ((False, "false"), (True, "true"))
}


def dumps(value: Any) -> str:
    """JSON as text."""
    return orjson.dumps(value).decode()


def entry(seq: int, payload: str, file: str | None, batch: str | None) -> Entry:
    """An event with its size."""
    return Entry(
        seq, payload, file, batch, len(payload) if payload.isascii() else len(payload.encode())
    )


def events(epoch: str, upto: int, entries: Iterable[Entry], counts: str) -> list[Frame]:
    """Frames of events; `counts` is JSON. The last one's cursor is `upto`, since what was left out
    before it counts as heard.
    """
    parts = list(_parts((one, one.size) for one in entries))
    return [
        _events(epoch, upto if number == len(parts) else part[-1].seq, part, counts)
        for number, part in enumerate(parts, 1)
    ]


def standing(epoch: str, seq: int, counts: str) -> Frame:
    """A frame without events, for those whose filter left all out: new counts and cursor."""
    return _events(epoch, seq, [], counts)


def _events(epoch: str, seq: int, entries: list[Entry], counts: str) -> Frame:
    cursor = cursor_of(epoch, seq)
    payloads = ",".join([one.payload for one in entries])
    return Frame(
        "events",
        f'{{"type":"events","cursor":"{cursor}","events":[{payloads}],"counts":{counts}}}',
        cursor,
    )


def snapshot(cursor: str, files: Iterable[str], counts: str, reason: str) -> list[Frame]:
    """Frames of a snapshot, of files that are JSON already; an empty one has one frame, too.

    Only the last one is a place to resume from: whoever was cut before it does not hold all files.
    """
    parts = list(_parts((file, len(file.encode())) for file in files)) or [[]]
    return [
        Frame(
            "snapshot",
            f'{{"type":"snapshot","cursor":"{cursor}","files":[{",".join(part)}],"counts":{counts},'
            f'"reason":"{reason}","last":{"true" if number == len(parts) else "false"}}}',
            cursor if number == len(parts) else None,
        )
        for number, part in enumerate(parts, 1)
    ]


def progress(measures: list[str]) -> Frame:
    """A frame of measures that are JSON already."""
    return Frame("progress", f'{{"type":"progress","files":[{",".join(measures)}]}}')


def queue(pauses: list[dict[str, Any]]) -> Frame:
    """What holds the queue up (`events.QueuePause`)."""
    return Frame("queue", f'{{"type":"queue","pauses":{dumps(pauses)}}}')


def position(epoch: str, seq: int) -> Frame:
    """Where the stream stands."""
    cursor = cursor_of(epoch, seq)
    return Frame("position", f'{{"type":"position","cursor":"{cursor}"}}', cursor)


def _parts(pieces: Iterable[tuple[T, int]]) -> Iterator[list[T]]:
    part: list[T] = []
    size = 0
    for piece, bytes_of_it in pieces:
        if part and (size + bytes_of_it > MOST_BYTES or len(part) == MOST_ITEMS):
            yield part
            part, size = [], 0
        part.append(piece)
        size += bytes_of_it + 1
    if part:
        yield part
