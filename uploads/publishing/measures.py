"""The only module that keeps progress: the newest measure of each file in flight, as this process
heard it.

Within an attempt a measure never goes back, and none outlives its attempt: a file's event says
which attempts may still speak. Who hears the doorbell keeps them (`kept`); whoever describes a file
asks how far it has really come (`shown`).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson

MOST_FILES = 20_000  # measured at once; of a space's, the longest silent is forgotten first
MOST_FLOORS = 5_000  # files whose late measures are known as such
OVER = 2**31  # no attempt of a deleted file may speak
MOVING = {"receiving", "processing"}


class Measure(NamedTuple):
    """How far one step of one file is."""

    batch: str | None
    attempt: int
    step: str
    done: float
    body: dict[str, Any]  # `events.FileProgress`
    text: str  # the same as JSON


class Measures:
    """The newest measure of each file, by space."""

    def __init__(self) -> None:
        self._spaces: dict[int, OrderedDict[str, Measure]] = {}
        self._floors: OrderedDict[str, int] = (
            OrderedDict()
        )  # least attempt of a file that may still speak
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def get(self, space: int, file: str) -> Measure | None:
        """The newest measure of a file in flight."""
        files = self._spaces.get(space)
        return None if files is None else files.get(file)

    def texts(self, space: int, files: Iterable[str]) -> list[str]:
        """The newest measures of those files that still have one, as JSON."""
        known: Mapping[str, Measure] = self._spaces.get(space) or {}
        return [measure.text for file in files if (measure := known.get(file)) is not None]

    def files(self, space: int, wanted: Callable[[str, str | None], bool]) -> list[str]:
        """The files of a space that have a measure and are wanted, by file and batch."""
        known: Mapping[str, Measure] = self._spaces.get(space) or {}
        return [file for file, measure in known.items() if wanted(file, measure.batch)]

    def take(self, space: int, batch: str | None, body: dict[str, Any]) -> bool:
        """Keep a measure (`events.FileProgress` as a dict); False when it tells nothing new."""
        file, attempt, step, done = body["id"], body["attempt"], body["step"], body["done"]
        if attempt < self._floors.get(file, 0):
            return False
        known = self.get(space, file)
        if known is not None and not _follows(known, attempt, step, done):
            return False
        files = self._spaces.setdefault(space, OrderedDict())
        files[file] = Measure(batch, attempt, step, done, body, orjson.dumps(body).decode())
        files.move_to_end(file)
        self._count += known is None
        if self._count > MOST_FILES:
            self._drop(space, next(iter(files)))
        return True

    def heard(self, space: int, event: dict[str, Any]) -> None:
        """A file has changed: what an attempt that is over has said is forgotten."""
        if "file" not in event:
            return
        file: str = event["file"]["id"]
        floor = _floor(event)
        known = self.get(space, file)
        if known is not None and known.attempt < floor:
            self._drop(space, file)
        if floor:
            self._floors[file] = floor
            self._floors.move_to_end(file)
            if len(self._floors) > MOST_FLOORS:
                self._floors.popitem(last=False)

    def show(self, space: int, file: dict[str, Any]) -> dict[str, Any]:
        """A described file, as far as it has really come."""
        measure = self.get(space, file["id"])
        if measure is None or measure.attempt != file["attempt"] or file["status"] not in MOVING:
            return file
        body = measure.body
        step = {
            "name": measure.step,
            **{key: body[key] for key in ("done", "total", "unit", "eta_s")},
            "stalled_since": _stalled(file["step"], measure.step),
        }
        received = int(measure.done) if file["status"] == "receiving" else file["received"]
        return {**file, "step": step, "received": received}

    def _drop(self, space: int, file: str) -> None:
        files = self._spaces[space]
        del files[file]
        self._count -= 1
        if not files:
            del self._spaces[space]


_kept: Measures | None = None


@contextmanager
def kept() -> Iterator[Measures]:
    """Those of this process, while somebody feeds them."""
    global _kept
    _kept = Measures()
    try:
        yield _kept
    finally:
        _kept = None


def shown(space: int, file: dict[str, Any]) -> dict[str, Any]:
    """A described file, as far as this process knows that it has come. From any thread."""
    return file if (known := _kept) is None else known.show(space, file)


def _follows(known: Measure, attempt: int, step: str, done: float) -> bool:
    if attempt != known.attempt:
        return attempt > known.attempt
    return step != known.step or done >= known.done


def _stalled(step: dict[str, Any] | None, name: str) -> str | None:
    """Since when the database says that this very step is silent."""
    return None if step is None or step["name"] != name else step.get("stalled_since")


def _floor(event: dict[str, Any]) -> int:
    if event["type"] == "file.deleted":
        return OVER
    attempt: int = event["file"]["attempt"]
    return attempt if event["file"]["status"] in MOVING else attempt + 1
