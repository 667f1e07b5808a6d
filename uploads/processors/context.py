"""All that a processor sees: its file, a way to tell progress, a place for what it makes."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from uploads.processors.children import Children
from uploads.processors.failures import ProcessorError

ARTIFACT_NAME_CHARACTERS = 100
ARTIFACTS_PER_STEP = 256
MEDIA_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,80}(;[ \w.+=\"-]{0,60})?", re.ASCII)

Report = Callable[[float, "float | None", str], None]


def _silent(done: float, total: float | None, unit: str) -> None:
    """Progress that nobody listens to (a processor called by hand)."""


@dataclass
class Context:
    """One file, as one step sees it.

    `name` is the uploader's, for display only: it is never a path. `results` holds what the earlier
    steps of the same file returned, by step name.
    """

    path: Path
    name: str
    media_type: str
    kind: str
    size: int
    folder: Path
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    report: Report = _silent
    children: Children = field(default_factory=Children)
    artifacts: list[tuple[str, str]] = field(default_factory=list, init=False)
    _done: float = field(default=0, init=False, repr=False)
    _unit: str | None = field(default=None, init=False, repr=False)

    def progress(self, done: float, total: float | None, unit: str) -> None:
        """Say that `done` of `total` units (bytes, rows, pages, frames) are done.

        A value lower than an earlier one is raised to it: progress never decreases. `total` is None
        while it isn't known. Raises ValueError for what isn't a measure, and for a second unit.
        """
        if not math.isfinite(done) or (total is not None and not math.isfinite(total)):
            raise ValueError("progress is a finite number")
        if self._unit not in (None, unit):
            raise ValueError(f"this step counts {self._unit}, so it can't count {unit} as well")
        self._unit = unit
        self._done = max(self._done, done, 0)
        if total is not None:
            total = max(total, 0)
            self._done = min(self._done, total) if done <= total else total
        self.report(self._done, total, unit)

    def save(self, name: str, media_type: str) -> Path:
        """A path to write an artifact to. Raises ProcessorError for a name that no file can have,
        and for what is no media type.
        """
        if not _is_plain_name(name):
            raise ProcessorError(f"{name[:40]!r} can't be the name of an artifact")
        if not MEDIA_TYPE.fullmatch(media_type):
            raise ProcessorError(f"{media_type[:40]!r} is no media type such as text/plain")
        if (name, media_type) not in self.artifacts:
            if any(name == known for known, _ in self.artifacts):
                raise ProcessorError(f"the artifact {name!r} has two media types")
            if len(self.artifacts) >= ARTIFACTS_PER_STEP:
                raise ProcessorError(f"a step saves at most {ARTIFACTS_PER_STEP} artifacts")
            self.artifacts.append((name, media_type))
        return self.made_folder() / name

    def made_folder(self) -> Path:
        """`folder`, which is there from now on: most steps need none."""
        self.folder.mkdir(exist_ok=True)
        return self.folder

    def sends_on(self, what: str) -> bool:
        """Whether members of such a container (`mail`, `mailbox`, `archive`) are to be sent on."""
        return self.children.asked or what in self.children.wanted

    def child(
        self, path: str, content: bytes | Iterable[bytes] = b"", *, artifact: str | None = None
    ) -> bool:
        """Send a file on, to be processed as a file of its own, once this job has ended.

        `path` is what it is called inside, however hostile. Its content is written as it comes, so
        it may be larger than the memory; or it is an artifact that was saved and written before.
        False where it is left out, since there are too many, too large or too deep ones: the file's
        page says which. What reading the content raises goes on.
        """
        if artifact is None:
            return self.children.add(self.made_folder(), path, content)
        if artifact not in dict(self.artifacts):
            raise ProcessorError(f"there is no artifact {artifact[:40]!r} to send on")
        return self.children.add_artifact(self.folder, path, artifact)


def _is_plain_name(name: str) -> bool:
    if not name or len(name) > ARTIFACT_NAME_CHARACTERS or name.startswith("."):
        return False
    return not any(
        char in "/\\" or unicodedata.category(char)[0] in "CZ" for char in name if char != " "
    )
