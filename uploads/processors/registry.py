"""Which processors there are, what each accepts, and the order in which they take a file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cache, lru_cache
from typing import Any, TypeVar

from uploads.processors.bounds import bounded
from uploads.processors.context import Context
from uploads.processors.failures import InvalidResult, panics

Function = Callable[[Context], "dict[str, Any] | Awaitable[dict[str, Any]]"]

OPTIONS = ("memory", "seconds", "network", "fallback", "light")

F = TypeVar("F", bound=Function)

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NAME_CHARACTERS = 40

# Seconds for steps that stream: they take as long as the file is large, and are never stuck.
LONG = 1800.0


@dataclass(frozen=True)
class Processor:
    """One registered processor: a function with what the server needs to know to run it."""

    name: str
    version: int
    accepts: tuple[str, ...]
    function: Function
    after: tuple[str, ...] = ()
    memory: int | None = None  # bytes
    seconds: float | None = None
    network: bool = False
    fallback: bool = False
    light: bool = False
    builtin: bool = False

    def accepted(self, media_type: str) -> bool:
        return _accepted(self.accepts, media_type)

    @property
    def takes_every_file(self) -> bool:
        return "*/*" in self.accepts

    def run(self, ctx: Context) -> dict[str, Any]:
        """Call the function, `def` or `async def`, and return its result as bounded, plain JSON.

        Raises InvalidResult where it isn't a dict or is too big; what the function raises goes on.
        """
        with warnings.catch_warnings(), panics(of_the_file=self.builtin):
            if self.builtin:  # libraries warn of broken files; the result says it where it matters
                warnings.simplefilter("ignore")
            result = self.function(ctx)
            if isinstance(result, Awaitable):
                result = _awaited(result)
        if not isinstance(result, dict):
            raise InvalidResult(f"{self.name} returned {type(result).__name__}, not a dict")
        return bounded(result)


REGISTRY: dict[str, Processor] = {}


def processor(
    *,
    name: str,
    accepts: Iterable[str],
    version: int = 1,
    after: Iterable[str] = (),
    **options: Any,
) -> Callable[[F], F]:
    """Register a function as a processor.

    Options: `memory` (bytes), `seconds` (wall time of the step), `network` (it needs the network),
    `fallback` (it takes only files that no other built-in of its own kind takes), `light` (it needs
    none of the heavy modules that are preloaded for others).
    Raises ValueError where the declaration makes no sense or the name is taken.
    """
    if strange := options.keys() - OPTIONS:
        known = ", ".join(OPTIONS)
        raise ValueError(f"{min(strange)} is no option of a processor; there are {known}")

    def register(function: F) -> F:
        entry = _checked(
            Processor(
                name=name,
                version=version,
                accepts=_words(accepts, "accepts"),
                after=_words(after, "after"),
                function=function,
                builtin=function.__module__.startswith(f"{__package__}."),
                **options,
            )
        )
        if name in REGISTRY:
            raise ValueError(f"there is already a processor named {name}")
        REGISTRY[name] = entry
        return function

    return register


def plan(media_type: str, registry: Mapping[str, Processor]) -> list[Processor]:
    """The processors for a media type, in the order in which they run; the same wherever asked.

    Built-in ones come first, in the order of their loading, then the others by name; `after` goes
    before both. What `after` names and isn't in the plan doesn't matter; a circle is ignored.
    """
    takers = [entry for entry in registry.values() if entry.accepted(media_type)]
    if any(entry.builtin and not entry.takes_every_file for entry in takers):
        takers = [entry for entry in takers if not entry.fallback]
    places = {name: place for place, name in enumerate(registry)}
    takers.sort(
        key=lambda entry: (
            not entry.builtin,
            places[entry.name] if entry.builtin else 0,
            entry.name,
        )
    )
    return _ordered(takers)


@lru_cache(maxsize=8192)  # the same few are asked for with every file; a child may make up many
def _accepted(accepts: tuple[str, ...], media_type: str) -> bool:
    return _pattern(accepts).match(media_type) is not None


@cache
def _pattern(accepts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, accepts)))


def _ordered(waiting: list[Processor]) -> list[Processor]:
    ordered: list[Processor] = []
    waiting = list(waiting)
    while waiting:
        names = {entry.name for entry in waiting}
        ready = next(
            (entry for entry in waiting if not names & (set(entry.after) - {entry.name})),
            waiting[0],
        )
        ordered.append(ready)
        waiting.remove(ready)
    return ordered


def _awaited(result: Awaitable[dict[str, Any]]) -> Any:
    # Only here, so that the many processors without a coroutine don't pay for the import.
    import asyncio

    async def main() -> Any:
        return await result

    return asyncio.run(main())


def _words(values: Iterable[str], where: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise ValueError(f"{where} is a list of words, not one word")
    return tuple(values)


def _checked(entry: Processor) -> Processor:
    if not NAME.fullmatch(entry.name) or len(entry.name) > NAME_CHARACTERS:
        raise ValueError(f"{entry.name[:60]!r}: a processor's name is lower-case words joined by -")
    if type(entry.version) is not int or entry.version < 1:
        raise ValueError(f"{entry.name}: version is a whole number from 1 on")
    if not entry.accepts or any(pattern.count("/") != 1 for pattern in entry.accepts):
        raise ValueError(f"{entry.name}: accepts lists media types such as text/* or image/png")
    caps: tuple[Any, ...] = (entry.memory, entry.seconds)
    for cap in caps:
        if cap is not None and (not isinstance(cap, (int, float)) or cap <= 0):
            raise ValueError(f"{entry.name}: memory and seconds are numbers, and more than 0")
    return entry
