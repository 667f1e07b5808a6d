"""Tries one processor on a file outside of the server, in the same sandbox, for its author."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from uploads.processing.sandbox import (
    Caps,
    Child,
    Message,
    Run,
    Sandbox,
    Saved,
    SendOn,
    StepDone,
    StepFailed,
    Task,
)
from uploads.processors import Processor, plan

IDENTIFY = "identify"

Watch = Callable[[Message], object]
Keep = Callable[[Saved | Child], object]


class Unknown(Exception):
    """There is no such processor; the message says which there are, and what is wrong with some."""


@dataclass
class Tried:
    """How it went. `accepted` is false where the processor would never be given such a file."""

    media_type: str
    accepted: bool
    done: StepDone | None = None
    failed: StepFailed | None = None
    printed: str = ""
    results: dict[str, Any] = field(default_factory=dict)


async def attempt(sandbox: Sandbox, path: Path, name: str, watch: Watch, keep: Keep) -> Tried:
    """Run `name` on the file, after those that it wants to come after; `watch` hears of it all,
    `keep` is given what it made while it is there. Raises Unknown.
    """
    processor = sandbox.processors.get(name)
    if processor is None:
        raise Unknown(_known(sandbox))
    tried = await _identified(sandbox, path, processor, watch)
    steps = tuple(step for step in _before(sandbox, processor, tried) if step not in tried.results)
    async with _run(sandbox, path, (*steps, name), tried.results) as run:
        async for message in run:
            _hear(tried, name, message, watch)
            if isinstance(message, StepDone) and message.step == name:
                for saved in message.artifacts:
                    keep(saved)
                for child in message.children:
                    keep(child)
        tried.printed = run.exit.printed
    return tried


async def _identified(sandbox: Sandbox, path: Path, processor: Processor, watch: Watch) -> Tried:
    tried = Tried("application/octet-stream", accepted=True)
    async with _run(sandbox, path, (IDENTIFY,), {}) as run:
        async for message in run:
            _hear(tried, processor.name, message, watch)
    if found := tried.results.get(IDENTIFY):
        tried.media_type = found["media_type"]
    tried.accepted = processor.accepted(tried.media_type)
    return tried


def _hear(tried: Tried, name: str, message: Message, watch: Watch) -> None:
    watch(message)
    if isinstance(message, StepDone):
        tried.results[message.step] = message.result
        if message.step == name:
            tried.done = message
    elif isinstance(message, StepFailed) and message.step == name:
        tried.failed = message


def _before(sandbox: Sandbox, processor: Processor, tried: Tried) -> list[str]:
    """The steps of such a file that must have run before, in their order."""
    takers = plan(tried.media_type, sandbox.processors)
    wanted = {processor.name}
    for entry in reversed(takers):
        if entry.name in wanted:
            wanted |= set(entry.after)
    wanted |= set(processor.after)
    return [entry.name for entry in takers if entry.name in wanted - {processor.name}]


def _run(sandbox: Sandbox, path: Path, steps: tuple[str, ...], results: Mapping[str, Any]) -> Run:
    found = results.get(IDENTIFY, {})
    caps = Caps(settings.STEP_MEMORY_BYTES, settings.STEP_SECONDS, settings.STEP_DISK_BYTES)
    send_on = SendOn(asked=True, most=settings.CHILD_FILES, room=settings.CHILD_BYTES)
    task = Task(
        "try",
        path,
        path.name,
        path.stat().st_size,
        media_type=found.get("media_type"),
        kind=found.get("kind"),
        steps=steps,
        results=results,
        caps=caps,
        network=True,
        send_on=send_on,
    )
    return sandbox.run(task)


def _known(sandbox: Sandbox) -> str:
    names = ", ".join(sorted(sandbox.processors))
    problems = [f"{where}: {what}" for where, what in sandbox.problems.items()]
    return "\n".join([f"There is no such processor. There are: {names}.", *problems])
