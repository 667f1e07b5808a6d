"""Which steps of a run are done, which remain, and which child does the next ones.

Pure: no process, no file, no clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from uploads.processing.sandbox.contract import Caps, Planned, Task
from uploads.processing.sandbox.order import UNKNOWN_KIND, UNKNOWN_MEDIA_TYPE
from uploads.processing.sandbox.steps import IDENTIFY
from uploads.processors import Processor, plan
from uploads.processors.media_types import BINARY, BY_EXTENSION, extension_of


@dataclass(frozen=True)
class Leg:
    """What the next child does. `steps` None: identify, and what follows from it; of that, a
    `light` child takes only the steps before the first one that is heavy. `memory` names the steps
    that may have less than the child.
    """

    steps: tuple[str, ...] | None
    own: bool
    light: bool
    network: bool
    caps: Caps
    memory: Mapping[str, int]


class Course:
    def __init__(self, task: Task, processors: Mapping[str, Processor]) -> None:
        self._task = task
        self._processors = processors
        self._builtin = {name: entry for name, entry in processors.items() if entry.builtin}
        self.media_type = task.media_type or UNKNOWN_MEDIA_TYPE
        self.kind = task.kind or UNKNOWN_KIND
        self.results: dict[str, Mapping[str, Any]] = dict(task.results)
        self._planned = task.steps is not None
        self._remaining: list[str] = list(dict.fromkeys(task.steps or (IDENTIFY,)))
        if IDENTIFY in self.results:
            self._learn(self.results[IDENTIFY])

    @property
    def remaining(self) -> bool:
        return bool(self._remaining)

    @property
    def next_step(self) -> str | None:
        return self._remaining[0] if self._remaining else None

    def leg(self) -> Leg:
        """What the next child does: built-in steps together, own ones each alone."""
        first = self._remaining[0]
        if self._is_own(first):
            return self._leg((first,), own=True)
        if not self._planned:
            return self._leg(None, own=False)
        steps: list[str] = []
        for name in self._remaining:
            if self._is_own(name):
                break
            steps.append(name)
        return self._leg(tuple(steps), own=False)

    def caps(self, step: str | None) -> Caps:
        """The task's, with the time and the memory that are the step's own."""
        caps, entry = self._task.caps, self._processors.get(step or "")
        if entry is None:
            return caps
        return replace(
            caps, seconds=entry.seconds or caps.seconds, memory=entry.memory or caps.memory
        )

    def done(self, step: str, result: Mapping[str, Any]) -> Planned | None:
        """A step has ended well. After identify, what follows from it."""
        self._remaining.remove(step)
        self.results[step] = result
        if step != IDENTIFY:
            return None
        self._learn(result)
        return self._plan()

    def failed(self, step: str) -> Planned | None:
        """A step has ended badly.

        A file that can't be identified is taken for what it was said to be.
        """
        self._remaining.remove(step)
        return self._plan() if step == IDENTIFY else None

    def _plan(self) -> Planned | None:
        if self._planned:
            return None
        self._planned = True
        chosen = plan(self.media_type, self._builtin)
        if self._task.own and len(self._processors) > len(self._builtin):
            chosen += [e for e in plan(self.media_type, self._processors) if not e.builtin]
        self._remaining = [entry.name for entry in chosen if entry.name != IDENTIFY]
        return Planned(tuple((entry.name, entry.version) for entry in chosen))

    def _learn(self, identified: Mapping[str, Any]) -> None:
        media_type, kind = identified.get("media_type"), identified.get("kind")
        self.media_type = media_type if isinstance(media_type, str) else UNKNOWN_MEDIA_TYPE
        self.kind = kind if isinstance(kind, str) else UNKNOWN_KIND

    def _is_own(self, name: str) -> bool:
        """A name that nobody knows is an own one: its child says what is wrong with it."""
        entry = self._processors.get(name)
        return entry is None or not entry.builtin

    def _leg(self, steps: tuple[str, ...] | None, *, own: bool) -> Leg:
        """With the most that any of its steps asks for."""
        names = self._processors if steps is None else steps
        entries = [self._processors[name] for name in names if name in self._processors]
        if steps is None:
            entries = [entry for entry in entries if entry.builtin]
        asked = [entry.memory for entry in entries if entry.memory is not None]
        memory = max(asked) if own and asked else max([self._task.caps.memory, *asked])
        usual = self._task.caps.seconds
        seconds = sum(entry.seconds or usual for entry in entries) or usual
        network = self._task.network and any(entry.network for entry in entries)
        light = all(entry.light for entry in (self._foreseen() if steps is None else entries))
        caps = replace(self._task.caps, memory=memory, seconds=seconds)
        less = {e.name: e.memory for e in entries if e.memory and e.memory < memory}
        return Leg(steps, own, light and not own, network, caps, less)

    def _foreseen(self) -> list[Processor]:
        """What will probably take the file, by its name alone."""
        expected = BY_EXTENSION.get(extension_of(self._task.name), (BINARY,))
        return [entry for media_type in expected for entry in plan(media_type, self._builtin)]
