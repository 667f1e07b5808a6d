"""The only module that knows where bytes lie: by id, never by a name that a user gave.

    DATA_DIR/content/ab/abcdef…             an original; while it is received, its length is the
                                            upload's offset
    DATA_DIR/artifacts/ab/abcdef…/3/text/…  what attempt 3's step `text` made

Disk work runs on a few threads of its own (`in_pool`), so that a slow disk holds up neither the
event loop nor the database. An object store would come behind this module.
"""

import asyncio
import errno
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import ParamSpec, Protocol, TypeVar
from uuid import UUID

import structlog
from django.conf import settings

from uploads.errors import DiskFull, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger(__name__)

TOO_MANY_OPEN = {errno.EMFILE, errno.ENFILE}
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
HEAD_BYTES = 64 * 1024
THREADS = 8  # most of them wait for the disk; writing and hashing leave Python's lock
FREE_SECONDS = 0.2
IDS_AT_ONCE = 256
_pool = ThreadPoolExecutor(THREADS, "storage")
_free = (float("-inf"), 0)  # when, and how many bytes
_random: list[bytes] = []


# -- places ---------------------------------------------------------------------------------------


def path(file_id: UUID) -> Path:
    """Where a file's (or a partial's) bytes are, from its creation on."""
    return content_root() / file_id.hex[:2] / file_id.hex


def new_id() -> UUID:
    """A random id (version 4). The system is asked for many at once: asking gives up Python's
    lock, and having it again takes longer than all else that a small upload needs here.
    """
    try:
        random = _random.pop()
    except IndexError:
        many = os.urandom(16 * IDS_AT_ONCE)
        _random.extend(many[start : start + 16] for start in range(0, len(many), 16))
        random = _random.pop()
    return UUID(bytes=random, version=4)


def mark(file_id: UUID, kind: str) -> Path:
    """A note beside a content: what a later process must know if this one dies."""
    content = path(file_id)
    return content.with_name(f"{content.name}.{kind}")


def artifacts(file_id: UUID) -> Path:
    """The folder of everything that was made from a file."""
    return artifacts_root() / file_id.hex[:2] / file_id.hex


def artifact_path(file_id: UUID, attempt: int, step: str, name: str) -> Path:
    """Where one artifact is. Raises ValueError for a step or a name that would lead elsewhere."""
    if "/" in step or "/" in name or name in {"", ".", ".."} or step in {"", ".", ".."}:
        raise ValueError(f"not the name of an artifact: {step!r}, {name!r}")
    return artifacts(file_id) / str(attempt) / step / name


def content_root() -> Path:
    """The folder of all originals."""
    return settings.DATA_DIR / "content"


def artifacts_root() -> Path:
    """The folder of all artifacts."""
    return settings.DATA_DIR / "artifacts"


# -- room -----------------------------------------------------------------------------------------


def free_bytes() -> int:
    """Bytes that the disk under DATA_DIR has left for us, as of FREE_SECONDS ago at the most."""
    global _free
    now = time.monotonic()
    if now - _free[0] > FREE_SECONDS:
        facts = os.statvfs(settings.DATA_DIR)
        _free = now, facts.f_bavail * facts.f_frsize
    return _free[1]


def check_room(size: int = 0) -> None:
    """Raises DiskFull unless `size` more bytes leave FREE_DISK_BYTES free."""
    if free_bytes() - size < settings.FREE_DISK_BYTES:
        raise DiskFull


# -- artifacts ------------------------------------------------------------------------------------


class Saved(Protocol):
    """An artifact as a step left it."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> Path: ...


def keep_artifacts(file_id: UUID, attempt: int, step: str, artifacts: Iterable[Saved]) -> None:
    """Move what a step made from its work folder to its place."""
    for saved in artifacts:
        target = artifact_path(file_id, attempt, step, saved.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        _bring(saved.path, target)


def adopt(file_id: UUID, source: Path) -> None:
    """Make a file that a step made the content of `file_id`, durably. One that is an artifact stays
    that, and takes no second room on the disk.
    """
    target = path(file_id)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_relative_to(artifacts_root()):
        try:
            target.hardlink_to(source)
        except OSError:  # a file system without links
            shutil.copyfile(source, target)
    else:
        _bring(source, target)
    os.utime(target)
    if settings.UPLOAD_FSYNC:
        with target.open("rb") as file:
            os.fsync(file.fileno())
        sync_folder(target.parent)


def _bring(source: Path, target: Path) -> None:
    """Move a file, perhaps from a file system of the sandbox's own."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.move(source, target)


def as_answer(failure: OSError) -> Exception:
    """What a failed write is to the sender: DiskFull, Unavailable where too many files are open, or
    the unexpected as it was.
    """
    if failure.errno in TOO_MANY_OPEN:
        words = "The server has too many files open right now; try again in a moment."
        return Unavailable(words, headers={"Retry-After": "2"})
    return DiskFull() if failure.errno in NO_ROOM else failure


def head_of_artifact(file_id: UUID, attempt: int, step: str, name: str) -> str:
    """The first 64 KiB of an artifact that is text."""
    with artifact_path(file_id, attempt, step, name).open("rb") as artifact:
        return artifact.read(HEAD_BYTES).decode("utf-8", "replace")


# -- removal --------------------------------------------------------------------------------------


def remove(file_id: UUID) -> None:
    """Begin to remove a file's content, marks and artifacts; returns at once, may be repeated.

    Callers hold a transaction or the event loop, and unlinking gigabytes takes a while. What a
    crash leaves is swept at the next start.
    """
    _pool.submit(_quietly, remove_now, file_id)


def remove_now(file_id: UUID) -> None:
    """As `remove`, done when it returns."""
    content = path(file_id)
    content.unlink(missing_ok=True)
    for note in ("chunk", "form", "draft"):
        mark(file_id, note).unlink(missing_ok=True)
    shutil.rmtree(artifacts(file_id), ignore_errors=True)


def remove_attempt(file_id: UUID, attempt: int) -> None:
    """Begin to remove the artifacts of one attempt."""
    folder = artifacts(file_id) / str(attempt)
    _pool.submit(_quietly, shutil.rmtree, folder, True)  # noqa: FBT003 - ignore_errors


def _quietly(work: Callable[..., object], *args: object) -> None:
    try:
        work(*args)
    except OSError as error:
        log.warning("could not remove", error=str(error))


def stored() -> Iterator[tuple[UUID, str]]:
    """(id, kind of mark or "") of all that lies in the folders; what is not ours is passed over."""
    for root in (content_root(), artifacts_root()):
        for shard in _entries(root):
            for entry in _entries(Path(shard.path)):
                name, _, note = entry.name.partition(".")
                with suppress(ValueError):
                    yield UUID(hex=name), note


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


# -- threads --------------------------------------------------------------------------------------


async def in_pool(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The result of blocking `work`, done on one of our threads.

    A caller who is cancelled meanwhile is cancelled only when the work has ended, so that nobody
    closes a file under a thread that writes it.
    """
    return await settled(submit(work, *args, **kwargs))


def submit(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "asyncio.Future[T]":
    """Begin blocking `work` on one of our threads."""
    return asyncio.get_running_loop().run_in_executor(_pool, lambda: work(*args, **kwargs))


async def settled(running: "asyncio.Future[T]") -> T:
    """Wait for `running` to its end, whatever happens to the waiter; it is cancelled after that."""
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError as error:
        cancelled = error
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
    running.exception()  # seen, so that it is not reported as forgotten
    raise cancelled


def sync_folder(folder: Path | str) -> None:
    """Make a new name in a folder last: fsync of the folder itself."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
