"""What can be sent: a file on disk, bytes, or an open binary file."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

BLOCK_BYTES = 512 * 1024

Content = str | os.PathLike[str] | bytes | BinaryIO


class Source:
    """Bytes of a known length that can be read from any offset; to be closed."""

    def __init__(self, content: Content) -> None:
        self.path: Path | None = None
        if isinstance(content, str | os.PathLike):
            self.path = Path(content)
            self._file: BinaryIO = self.path.open("rb")
        elif isinstance(content, bytes):
            self._file = io.BytesIO(content)
        else:
            self._file = content
        self._ours = not hasattr(content, "read")
        self._start = self._file.tell()
        self.size = self._file.seek(0, os.SEEK_END) - self._start

    def close(self) -> None:
        """Close what was opened here."""
        if self._ours:
            self._file.close()

    async def blocks(self, offset: int) -> AsyncIterator[bytes]:
        """The bytes from `offset` on, read in a thread."""
        at = offset
        while at < self.size:
            block = await asyncio.to_thread(self._read, at)
            if not block:
                raise OSError(f"the file has become shorter than {self.size} bytes")
            at += len(block)
            yield block

    def _read(self, at: int) -> bytes:
        self._file.seek(self._start + at)
        return self._file.read(min(BLOCK_BYTES, self.size - at))

    async def sha256(self) -> str:
        """Hexadecimal digest of the whole."""
        digest = hashlib.sha256()
        async for block in self.blocks(0):
            digest.update(block)
        return digest.hexdigest()
