"""Where unfinished uploads are remembered, so that a program that was killed goes on with them."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path


def usual_folder() -> Path:
    """`$XDG_STATE_HOME/millrace`, by default `~/.local/state/millrace`."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "millrace"


class Memory:
    """Addresses of unfinished uploads, one small file each, by what is sent where."""

    def __init__(self, folder: Path | None) -> None:
        """Without a folder nothing is remembered."""
        self.folder = folder

    def key(self, server: str, space: str, source: Path, batch: str | None) -> str:
        """Changes when the file does."""
        facts = source.stat()
        place = [server, space, batch or "", str(source.resolve())]
        parts = [*place, facts.st_size, facts.st_mtime_ns]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def recall(self, key: str) -> str | None:
        """The address of the upload that was begun, if any."""
        if self.folder is None:
            return None
        with suppress(OSError):
            return (self.folder / key).read_text(encoding="utf-8") or None
        return None

    def remember(self, key: str, address: str) -> None:
        """An upload has begun."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self.folder / f"{key}.{os.getpid()}"
        draft.write_text(address, encoding="utf-8")
        draft.replace(self.folder / key)

    def forget(self, key: str) -> None:
        """An upload is complete, or gone."""
        if self.folder is not None:
            (self.folder / key).unlink(missing_ok=True)
