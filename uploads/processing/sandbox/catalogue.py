"""Which processors there are, by what children said; nothing of theirs is imported here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from uploads.processing.sandbox.contract import Limit
from uploads.processors import Context, Processor
from uploads.processors.loading import installed
from uploads.processors.registry import NAME

_MOST = 500  # own processors
_TEXT = 500  # characters


class Unsound(ValueError):
    """What a child says of a processor can't be so; the message says what."""


def builtin(described: Collection[Mapping[str, Any]]) -> dict[str, Processor]:
    return {entry["name"]: _processor(entry, builtin=True) for entry in described}


def may_have_own(folder: Path | None) -> bool:
    """Whether a child is to be asked for own processors at all."""
    here = folder is not None and any(folder.glob("*.py"))
    return here or bool(installed())


def own(
    answer: Mapping[str, Any], *, taken: Collection[str]
) -> tuple[dict[str, Processor], dict[str, str]]:
    """Own processors and what is wrong with which, out of a child's answer.

    Strange code wrote it: nothing is taken on trust.
    """
    found: dict[str, Processor] = {}
    problems: dict[str, str] = {}
    said = answer.get("problems")
    if isinstance(said, dict):
        problems |= {
            str(where)[:_TEXT]: str(what)[:_TEXT] for where, what in list(said.items())[:_MOST]
        }
    described = answer.get("processors")
    for entry in described[:_MOST] if isinstance(described, list) else ():
        try:
            processor = _checked(entry)
        except (Unsound, KeyError, TypeError, ValueError) as error:
            problems[str(entry)[:60]] = f"Its declaration makes no sense: {error}"
            continue
        if processor.name in taken:
            problems[processor.name] = "A built-in processor has that name."
        else:
            found[processor.name] = processor
    return found, problems


def limited(
    processors: Mapping[str, Processor], limits: Mapping[str, Limit]
) -> tuple[dict[str, Processor], dict[str, str]]:
    """The same with the limits that were set for them, and what is wrong with which limit."""
    within = dict(processors)
    problems = {}
    for name, limit in limits.items():
        entry = within.get(name)
        if entry is None:
            problems[name] = "A limit is set for it, and there is no such processor."
            continue
        within[name] = replace(
            entry, seconds=limit.seconds or entry.seconds, memory=limit.memory or entry.memory
        )
    return within, problems


def _checked(entry: Mapping[str, Any]) -> Processor:
    if not NAME.fullmatch(entry["name"]) or len(entry["name"]) > 40:
        raise Unsound("its name isn't lower-case words joined by -")
    if not isinstance(entry["version"], int) or not 0 < entry["version"] < 2**31:
        raise Unsound("its version isn't a whole number from 1 on")
    memory, seconds = entry["memory"], entry["seconds"]
    if memory is not None and not 0 < int(memory) < 2**50:
        raise Unsound("its memory isn't a number of bytes")
    if seconds is not None and not 0 < float(seconds) < 10**7:
        raise Unsound("its seconds aren't a time")
    return _processor(entry, builtin=False)


def _processor(entry: Mapping[str, Any], *, builtin: bool) -> Processor:
    return Processor(
        name=entry["name"],
        version=entry["version"],
        accepts=tuple(map(str, entry["accepts"])),
        function=_elsewhere,
        after=tuple(map(str, entry["after"])),
        memory=entry["memory"],
        seconds=entry["seconds"],
        network=entry["network"] is True,
        fallback=entry["fallback"] is True,
        light=builtin and entry["light"] is True,
        builtin=builtin,
    )


def _elsewhere(ctx: Context) -> dict[str, Any]:
    raise RuntimeError("A processor runs in a child of the sandbox, never here.")
