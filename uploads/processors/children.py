"""Files that a step sends on, to be processed as files of their own: counted while they are
written, and what is left out is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from uploads.processors.failures import ProcessorError

PATH = 1000  # characters of a member's path
SHOWN = 20  # of what was left out that are named; the others are counted
REASONS = ("depth", "number", "bytes", "locked", "broken", "link", "quota", "disk")


class _Unwritable(Exception):
    """The disk takes no more; unlike an OSError of who reads the member."""


@dataclass
class Children:
    """What one step may send on, and what it has.

    `wanted` are the words of the setting SEND_ON, `asked` says that somebody wants all that is
    inside. `deep`: the file lies so deep already that nothing of it is sent on.
    """

    wanted: tuple[str, ...] = ()
    asked: bool = False
    deep: bool = False
    most: int = 100
    room: int = 1024**3  # bytes
    sent: list[tuple[str, str]] = field(default_factory=list)  # name in the folder, path inside
    left_out: list[tuple[str, str]] = field(default_factory=list)  # path inside, reason
    left_out_total: int = 0

    def leave_out(self, path: str, reason: str) -> None:
        """Note that a member is not sent on."""
        self.left_out_total += 1
        if len(self.left_out) < SHOWN:
            self.left_out.append((path[:PATH], reason))

    def add(self, folder: Path, path: str, content: bytes | Iterable[bytes]) -> bool:
        """Write a member down as it comes; False where it is left out. What reading it raises goes
        on, and nothing of it stays.
        """
        if not self._admits(path):
            return False
        name = f".child-{len(self.sent) + self.left_out_total + 1}"
        target = folder / name
        try:
            size = self._write(target, [content] if isinstance(content, bytes) else content)
        except _Unwritable:
            target.unlink(missing_ok=True)
            self.leave_out(path, "disk")
            return False
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if size > self.room:
            target.unlink()
            self.leave_out(path, "bytes")
            return False
        return self._take(name, path, size)

    def add_artifact(self, folder: Path, path: str, name: str) -> bool:
        """Send on what the step has saved as an artifact. Raises ProcessorError where it hasn't."""
        if not self._admits(path):
            return False
        try:
            size = (folder / name).stat().st_size
        except OSError as error:
            raise ProcessorError(f"there is no artifact {name[:40]!r} to send on") from error
        if size > self.room:
            self.leave_out(path, "bytes")
            return False
        return self._take(name, path, size)

    def _admits(self, path: str) -> bool:
        if self.deep or len(self.sent) >= self.most:
            self.leave_out(path, "depth" if self.deep else "number")
            return False
        return True

    def _write(self, target: Path, blocks: Iterable[bytes]) -> int:
        """How many bytes came, as soon as they are too many."""
        size = 0
        with target.open("wb", buffering=0) as file:
            for block in blocks:
                size += len(block)
                if size > self.room:
                    break
                try:
                    file.write(block)
                except OSError as error:
                    raise _Unwritable from error
        return size

    def _take(self, name: str, path: str, size: int) -> bool:
        self.room -= size
        self.sent.append((name, path[:PATH]))
        return True
