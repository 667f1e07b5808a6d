"""What the command line shows: a bar at a terminal, one JSON object a line otherwise."""

import json
import shutil
import sys
import time
from typing import Any, Protocol, TextIO

from millrace_client.shapes import File

REDRAW_SECONDS = 0.1
LINE_SECONDS = 1.0  # between two lines of progress
SIGNS = {"processed": "✓", "failed": "✗", "cancelled": "–"}


class Totals:
    """How far everything is, in numbers."""

    def __init__(self, files: int, size: int) -> None:
        self.files = files
        self.bytes = size
        self.sent_files = 0
        self.sent_bytes = 0
        self.ended = 0
        self.failed = 0
        self.began = time.monotonic()

    @property
    def rate(self) -> float:
        """Bytes sent per second, on the average."""
        return self.sent_bytes / max(time.monotonic() - self.began, 0.001)


class Show(Protocol):
    """Somebody who watches."""

    def tell(self, kind: str, **facts: Any) -> None:
        """Something happened."""

    def progress(self, totals: Totals) -> None:
        """Something has moved; may be called as often as one likes."""

    def end(self) -> None:
        """Nothing follows."""


class Lines:
    """For programs: NDJSON."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._told_at = 0.0

    def tell(self, kind: str, **facts: Any) -> None:
        """One line."""
        self._out.write(json.dumps({"type": kind} | facts, ensure_ascii=False) + "\n")
        self._out.flush()

    def progress(self, totals: Totals) -> None:
        """A line a second at the most."""
        now = time.monotonic()
        if now - self._told_at >= LINE_SECONDS:
            self._told_at = now
            facts = {key: value for key, value in vars(totals).items() if key != "began"}
            self.tell("progress", **facts)

    def end(self) -> None:
        """There is nothing to clear away."""


class Terminal:
    """For people: a line for what has ended, and a bar below it that moves."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._drawn_at = 0.0
        self._drawn = False

    def tell(self, kind: str, **facts: Any) -> None:
        """One line, above the bar."""
        self._clear()
        text = _sentence(kind, facts)
        if text:
            self._out.write(printable(text) + "\n")
            self._out.flush()

    def progress(self, totals: Totals) -> None:
        """Redraw the bar, ten times a second at the most."""
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_SECONDS:
            return
        self._drawn_at, self._drawn = now, True
        width = shutil.get_terminal_size().columns - 1
        self._out.write(f"\r{bar(totals, width)[:width]}\x1b[K")
        self._out.flush()

    def end(self) -> None:
        """Leave the line as if no bar had been there."""
        self._clear()
        self._out.flush()

    def _clear(self) -> None:
        if self._drawn:
            self._out.write("\r\x1b[K")
            self._drawn = False


def bar(totals: Totals, width: int) -> str:
    """The state of things in one line."""
    words = (
        f" {size(totals.sent_bytes)} of {size(totals.bytes)}, {size(totals.rate)}/s,"
        f" {totals.ended} of {totals.files} done"
    )
    words += f", {totals.failed} failed" if totals.failed else ""
    room = max(10, min(40, width - len(words)))
    share = totals.sent_bytes / totals.bytes if totals.bytes else 1.0
    processed = totals.ended / totals.files if totals.files else 1.0
    filled, half = int(room * processed), int(room * share)
    return "█" * filled + "▒" * max(0, half - filled) + "░" * (room - max(filled, half)) + words


def size(number: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def printable(text: str) -> str:
    """Nothing in a file's name may move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _sentence(kind: str, facts: dict[str, Any]) -> str:
    if kind == "ended":
        return _ending(facts["file"])
    if kind in {"refused", "error"}:
        where = facts.get("path") or facts.get("name") or facts.get("id") or ""
        return f"✗ {where}: {facts['error']['message']}".replace("✗ : ", "✗ ")
    if kind == "gap":
        return f"… events are missing here ({facts['reason']})"
    if kind == "saved":
        return f"{facts['to']}"
    if kind.startswith("file.") or kind == "batch.ended":
        return _event(kind, facts)
    return ""


def _ending(file: File) -> str:
    error = file["error"]
    why = f": {error['message']}" if error else ""
    return f"{SIGNS.get(file['status'], ' ')} {file['path'] or file['name']}  {file['status']}{why}"


def _event(kind: str, facts: dict[str, Any]) -> str:
    at = str(facts["at"])[11:19]
    if "batch" in facts and "file" not in facts:
        return f"{at}  batch {facts['batch']['id']} has ended"
    file = facts["file"]
    what = "deleted" if kind == "file.deleted" else file["status"]
    return f"{at}  {what:<10}  {file['path'] or file['name']}"
