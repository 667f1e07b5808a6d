"""What the process does that takes small files off the server's hands: stores them, writes them
down when it has the writing thread's turn, and says so.

Messages are pickles of their own kind behind their length, between the server and itself. What the
process can't write down it leaves to the server, which meets the same trouble and knows what to
make of it.
"""

import pickle
import select
import socket
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction

from project.commits import take_hooks
from project.lending import Borrower
from uploads.models import UploadedFile
from uploads.processing.jobs import arrivals
from uploads.receiving.small import MOST, Small, store

log = structlog.get_logger(__name__)

READ_BYTES = 1024 * 1024
_LENGTH = struct.Struct("!I")


@dataclass(frozen=True, slots=True)
class Ready:
    """The process can be given files."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is left of these."""

    errors: dict[UUID, Exception]


@dataclass(frozen=True, slots=True)
class Written:
    """These were committed; `hooks` are to be called now."""

    files: list[UploadedFile]
    hooks: list[Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Left:
    """These are stored, with their sha-256, and not written down."""

    digests: dict[UUID, str]


Answer = Ready | Refused | Written | Left


def packed(message: object) -> bytes:
    """A message as it goes over the line."""
    data = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


class Unpacker:
    """Takes bytes as they come."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def take(self, data: bytes) -> list[object]:
        """The messages that are whole now."""
        messages: list[object] = []
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, start)
            end = start + _LENGTH.size + length
            if len(buffer) < end:
                break
            messages.append(pickle.loads(buffer[start + _LENGTH.size : end]))  # noqa: S301 - ours
            start = end
        del buffer[:start]
        return messages


class Receiver:
    """Runs in the process until the server closes the line."""

    def __init__(self, line: socket.socket, turn: Borrower) -> None:
        self._line = line
        self._turn = turn
        self._unpacker = Unpacker()
        self._stored: list[tuple[Small, str]] = []

    def run(self) -> None:
        """Raises EOFError, or an OSError of a line that is broken, once the server has gone."""
        self._say(Ready())
        poll = select.poll()
        for end in (self._turn, self._line):
            poll.register(end, select.POLLIN)
        while True:
            readable = {handle for handle, _ in poll.poll()}
            if self._turn.fileno() in readable:
                self._turn.hear()
            if self._line.fileno() in readable:
                self._read()
            if self._stored and self._turn.held:
                self._write()
            self._turn.settle()

    def _read(self) -> None:
        data = self._line.recv(READ_BYTES)
        if not data:
            raise EOFError
        files = [one for one in self._unpacker.take(data) if isinstance(one, Small)]
        errors: dict[UUID, Exception] = {}
        for file, outcome in zip(files, store(files), strict=True):
            if isinstance(outcome, str):
                self._stored.append((file, outcome))
            else:
                errors[file.arrival.id] = outcome
        if errors:
            self._say(Refused(errors))

    def _write(self) -> None:
        """One group of one space."""
        space = self._stored[0][0].arrival.space_id
        group = [one for one in self._stored if one[0].arrival.space_id == space][:MOST]
        taken = set(group)
        self._stored = [one for one in self._stored if one not in taken]
        self._say(_written(group))

    def _say(self, answer: Answer) -> None:
        self._line.sendall(packed(answer))


def _written(group: Sequence[tuple[Small, str]]) -> Answer:
    whole = [(file.arrival, sha256) for file, sha256 in group]
    try:
        with transaction.atomic():
            files = arrivals.receive_together(whole)
            hooks = take_hooks()
    except Exception as error:  # noqa: BLE001 - whatever it is, the server meets it too
        log.info("left to the server", files=len(group), error=repr(error))
        return Left({arrival.id: sha256 for arrival, sha256 in whole})
    return Written(files, hooks)
