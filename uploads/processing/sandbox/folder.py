"""What is done to a child's folder from outside: taking artifacts over, removing it.

Both trust nothing in it.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from uploads.processing.sandbox.contract import Child, Saved
from uploads.processing.sandbox.wire import Sent

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Unfit(Exception):
    """An artifact isn't what it should be; the message says why."""


def take_over(
    source: Path,
    kept: Path,
    artifacts: Sequence[tuple[str, str]],
    sent: Sequence[Sent] = (),
    *,
    room: int,
) -> tuple[tuple[Saved, ...], tuple[Child, ...]]:
    """Move artifacts (name, media type) and what is sent on out of a child's folder and reach, and
    look at them there.

    `room` is how many bytes they may have in all. Raises Unfit; what was moved by then stays for
    the folder's removal.
    """
    kept.mkdir(parents=True)
    names = [name for name, _ in artifacts] + [one.name for one in sent if not one.is_artifact]
    sizes = _moved(source, kept, names, room)
    if any(one.name not in sizes for one in sent):
        raise Unfit("what is sent on isn't there")
    return (
        tuple(Saved(name, kind, sizes[name], kept / name) for name, kind in artifacts),
        tuple(Child(one.path, sizes[one.name], kept / one.name) for one in sent),
    )


def _moved(source: Path, kept: Path, names: Sequence[str], room: int) -> dict[str, int]:
    """The files' sizes, by name."""
    sizes: dict[str, int] = {}
    try:
        with _opened(source) as from_folder, _opened(kept) as to_folder:
            for name in names:
                os.rename(name, name, src_dir_fd=from_folder, dst_dir_fd=to_folder)
                sizes[name] = _size_of_plain_file(name, to_folder)
                room -= sizes[name]
                if room < 0:
                    raise Unfit("the artifacts are larger than the cap of the disk")
    except OSError as error:
        raise Unfit(f"an artifact can't be taken: {error.strerror}") from None
    return sizes


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _size_of_plain_file(name: str, folder: int) -> int:
    """Only now is it out of the child's reach, so that what is seen is what stays."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
        raise Unfit(f"the artifact {name!r} isn't a plain file")
    os.chmod(name, 0o600, dir_fd=folder)
    return status.st_size


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it, however deep, wide or closed.

    Its makers must have ended. Folders inside are brought up to the top one by one, so that no
    depth exhausts paths, descriptors or the stack.
    """
    with contextlib.suppress(FileNotFoundError):
        _empty(folder)
        folder.rmdir()


def _empty(top: Path) -> None:
    waiting = [top]
    prefix = os.urandom(8).hex()  # that no child can have guessed
    number = 0
    while waiting:
        current = waiting.pop()
        current.chmod(0o700)
        with os.scandir(current) as scan:
            entries = list(scan)
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)  # noqa: PTH108 - they may be many, and paths are slow
            elif not _removed_empty(entry.path):
                number += 1
                inner = top / f"{prefix}-{number}"
                os.chmod(entry.path, 0o700)  # noqa: PTH101
                os.rename(entry.path, inner)  # noqa: PTH104
                waiting.append(inner)
        if current != top:
            current.rmdir()


def _removed_empty(folder: str) -> bool:
    try:
        os.rmdir(folder)  # noqa: PTH106
    except OSError:
        return False
    return True
