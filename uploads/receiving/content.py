"""The only module that writes an original: a content file, open and locked for one writer.

The lock is an open-file-description lock on byte 0 of the file (fcntl(2), F_OFD_SETLK): it holds
between processes and vanishes with its holder. Whoever waits for it locks byte 1, where the holder
sees it. The sha-256 of what has been written is carried from request to request in memory; where it
was lost with a process it is made again from the bytes.
"""

import fcntl
import hashlib
import os
import struct
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID

from django.conf import settings

from uploads import storage
from uploads.errors import NotFound

WRITER, WAITER = 0, 1  # bytes that are locked; a lock needs no byte to be there
VECTORS = 64  # blocks in one system call; more are joined first
READ_BYTES = 1024 * 1024
DIGESTS_KEPT = 20_000  # states of unfinished uploads, of some hundred bytes each

_FLOCK = struct.Struct("hhqqi4x")
_digests: "OrderedDict[UUID, tuple[int, hashlib._Hash]]" = OrderedDict()
_digests_lock = threading.Lock()


class Busy(Exception):
    """Another writer holds the content."""


class Content:
    """One content file in the hands of one writer. All methods block; call them in the pool.

    `offset`: bytes stored. `digest`: sha-256 of them, None where it must be made again.
    """

    def __init__(self, file_id: UUID, handle: int) -> None:
        self.file_id = file_id
        self.handle = handle
        self.offset = 0
        self.digest: hashlib._Hash | None = hashlib.sha256()
        self.check: hashlib._Hash | None = None  # of the bytes since `begin_check`
        self.ended = False  # no writer will follow
        self._before: tuple[int, hashlib._Hash | None] = (0, None)

    @classmethod
    def create(cls, file_id: UUID) -> Self:
        """A new, empty content."""
        path = storage.path(file_id)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            handle = os.open(path, flags, 0o600)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, flags, 0o600)
        content = cls(file_id, handle)
        if not _lock(handle, fcntl.F_WRLCK, WRITER):
            os.close(handle)
            raise Busy
        return content

    @classmethod
    def open(cls, file_id: UUID) -> Self:
        """An existing content, as its last writer left it. Raises Busy, NotFound."""
        try:
            handle = os.open(storage.path(file_id), os.O_RDWR)
        except FileNotFoundError:
            raise NotFound from None
        content = cls(file_id, handle)
        try:
            if not _lock(handle, fcntl.F_WRLCK, WRITER):
                raise Busy
            if content.removed():
                raise NotFound
            content._take_over()
        except BaseException:
            os.close(handle)
            raise
        return content

    def _take_over(self) -> None:
        mark = storage.mark(self.file_id, "chunk")
        with suppress(FileNotFoundError):
            os.ftruncate(self.handle, int(mark.read_text(encoding="ascii")))
            mark.unlink()
        self.offset = os.fstat(self.handle).st_size
        with _digests_lock:
            known, digest = _digests.pop(self.file_id, (0, hashlib.sha256()))
        self.digest = digest if known == self.offset else None

    def append(self, blocks: Sequence[bytes]) -> None:
        """Store blocks behind what is there. Raises OSError; what was written until then counts."""
        pieces = list(blocks) if len(blocks) <= VECTORS else [b"".join(blocks)]
        try:
            self._write(pieces)
        except OSError:
            self.offset, self.digest = os.fstat(self.handle).st_size, None
            raise
        for piece in pieces:
            self.offset += len(piece)
            for hashing in (self.digest, self.check):
                if hashing is not None:
                    hashing.update(piece)

    def _write(self, pieces: list[bytes]) -> None:
        position, total = self.offset, sum(map(len, pieces))
        written = os.pwritev(self.handle, pieces, position)
        if written < total:  # a signal or a nearly full disk
            rest = memoryview(b"".join(pieces))
            while written < total:
                written += os.pwrite(self.handle, rest[written:], position + written)

    def begin_check(self, hashing: "hashlib._Hash") -> None:
        """From here on bytes count only when `keep` follows; even a crash undoes them."""
        note = storage.mark(self.file_id, "chunk")
        draft = note.with_suffix(".draft")
        draft.write_text(str(self.offset), encoding="ascii")
        draft.rename(note)
        self._before = (self.offset, self.digest.copy() if self.digest is not None else None)
        self.check = hashing

    def keep(self) -> None:
        """The bytes since `begin_check` are what they should be."""
        self.check = None
        storage.mark(self.file_id, "chunk").unlink(missing_ok=True)

    def undo(self) -> None:
        """Forget the bytes since `begin_check`."""
        self.check = None
        self.offset, self.digest = self._before
        os.ftruncate(self.handle, self.offset)
        storage.mark(self.file_id, "chunk").unlink(missing_ok=True)

    def empty(self) -> None:
        """Start anew."""
        os.ftruncate(self.handle, 0)
        self.offset, self.digest = 0, hashlib.sha256()

    def sync(self) -> None:
        """Return when bytes and name would outlive a loss of power."""
        os.fsync(self.handle)
        storage.sync_folder(storage.path(self.file_id).parent)

    def sha256(self, go_on: Callable[[], bool]) -> str | None:
        """The digest of all bytes, read again where it was lost; None when `go_on` said no."""
        if self.digest is None:
            digest, position = hashlib.sha256(), 0
            while block := os.pread(self.handle, READ_BYTES, position):
                if not go_on():
                    return None
                digest.update(block)
                position += len(block)
            self.digest = digest
        return self.digest.hexdigest()

    def touched(self) -> datetime:
        """When the last byte came."""
        return datetime.fromtimestamp(os.fstat(self.handle).st_mtime, UTC)

    def removed(self) -> bool:
        """Whether the upload was deleted under its writer."""
        return os.fstat(self.handle).st_nlink == 0

    def has_waiter(self) -> bool:
        """Whether a writer in another process waits for this content."""
        facts = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, WAITER, 1, 0)
        answer = fcntl.fcntl(self.handle, fcntl.F_OFD_GETLK, facts)
        kind: int = _FLOCK.unpack(answer)[0]
        return kind != fcntl.F_UNLCK

    def close(self) -> None:
        """Let go of the lock; the digest is kept for the next writer in this process."""
        if self.digest is not None and not self.ended and not self.removed():
            with _digests_lock:
                _digests[self.file_id] = (self.offset, self.digest)
                while len(_digests) > DIGESTS_KEPT:
                    _digests.popitem(last=False)
        os.close(self.handle)


def store_whole(whole: Sequence[tuple[UUID, bytes]], *, lasting: bool) -> dict[UUID, OSError]:
    """New contents that are whole at once, without a lock; those that failed, and why.

    `lasting`: even without power. All are written before the first is waited for: its fsync takes
    most of the others' work along. The sweep leaves what is so young alone, and nobody else knows
    of it yet. Nothing is left of those that fail.
    """
    failed: dict[UUID, OSError] = {}
    handles: dict[UUID, int] = {}
    try:
        for file_id, data in whole:
            try:
                handles[file_id] = _written(file_id, data)
            except OSError as error:
                failed[file_id] = error
        if lasting:
            failed |= _make_last(handles)
    finally:
        for handle in handles.values():
            os.close(handle)
    for file_id in failed:
        storage.remove_now(file_id)
    return failed


def _make_last(handles: Mapping[UUID, int]) -> dict[UUID, OSError]:
    failed: dict[UUID, OSError] = {}
    folders: defaultdict[Path, list[UUID]] = defaultdict(list)
    for file_id, handle in handles.items():
        folders[storage.path(file_id).parent].append(file_id)
        try:
            os.fsync(handle)
        except OSError as error:
            failed[file_id] = error
    for folder, ids in folders.items():
        try:
            storage.sync_folder(folder)
        except OSError as error:
            failed |= dict.fromkeys(ids, error)
    return failed


def _written(file_id: UUID, data: bytes) -> int:
    """The open handle of a new content. Raises OSError."""
    name = file_id.hex
    place = f"{settings.DATA_DIR}/content/{name[:2]}/{name}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        handle = os.open(place, flags, 0o600)
    except FileNotFoundError:
        storage.path(file_id).parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, flags, 0o600)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
    except OSError:
        os.close(handle)
        raise
    return handle


class Waiting:
    """Says to a content's writer in another process that somebody waits; a context manager."""

    def __init__(self, file_id: UUID) -> None:
        self._path: Path = storage.path(file_id)
        self._handle = -1

    def __enter__(self) -> Self:
        with suppress(FileNotFoundError):
            self._handle = os.open(self._path, os.O_RDONLY)
            _lock(self._handle, fcntl.F_RDLCK, WAITER)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def settled_length(file_id: UUID) -> int | None:
    """Bytes stored that stay whatever happens, told without waiting for a writer.

    None where the last of them await their checksum, and where there is no content.
    """
    if storage.mark(file_id, "chunk").exists():
        return None
    try:
        return storage.path(file_id).stat().st_size
    except FileNotFoundError:
        return None


def _lock(handle: int, kind: int, byte: int) -> bool:
    try:
        facts = _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0)
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, facts)
    except (BlockingIOError, PermissionError):
        return False
    return True
