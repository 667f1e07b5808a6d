"""Takes a file apart as the server does, in this process and without its sandbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from uploads.processors import REGISTRY, BadFile, Context, load_builtin, plan

load_builtin()


@dataclass
class Taken:
    """What all steps of one file gave."""

    folder: Path
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)  # step → message of its BadFile
    reports: dict[str, list[tuple[float, float | None, str]]] = field(default_factory=dict)
    artifacts: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def __getitem__(self, step: str) -> dict[str, Any]:
        assert step in self.results, f"{step} of {list(self.results)}: {self.broken}"
        return self.results[step]

    @property
    def media_type(self) -> str:
        return str(self["identify"]["media_type"])

    def artifact(self, step: str, name: str) -> bytes:
        assert name in dict(self.artifacts[step])
        return (self.folder / step / name).read_bytes()


Take = Callable[..., Taken]


def take_apart(path: Path, name: str, folder: Path) -> Taken:
    """All planned steps, one after the other; only BadFile is let through, as a message."""
    taken = Taken(folder)
    found = {"media_type": "", "kind": ""}
    for step in ["identify", *(entry.name for entry in _rest(path, name, folder, found))]:
        _step(step, path, name, found, taken)
    return taken


def _rest(path: Path, name: str, folder: Path, found: dict[str, str]) -> list[Any]:
    scout = Taken(folder / "scout")
    _step("identify", path, name, found, scout)
    found.update({key: scout["identify"][key] for key in found})
    return plan(found["media_type"], REGISTRY)[1:]


def _step(step: str, path: Path, name: str, found: dict[str, str], taken: Taken) -> None:
    folder = taken.folder / step
    folder.mkdir(parents=True, exist_ok=True)
    reports = taken.reports.setdefault(step, [])
    ctx = Context(
        path=path,
        name=name,
        media_type=found["media_type"],
        kind=found["kind"],
        size=path.stat().st_size,
        folder=folder,
        results=taken.results,
        report=lambda done, total, unit: reports.append((done, total, unit)),
    )
    try:
        taken.results[step] = REGISTRY[step].run(ctx)
    except BadFile as error:
        taken.broken[step] = str(error)
    taken.artifacts[step] = ctx.artifacts


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """take(content: bytes | Path, name="file") -> Taken"""
    number = 0

    def run(content: bytes | str | Path, name: str = "file") -> Taken:
        nonlocal number
        number += 1
        place = tmp_path / f"{number}"
        place.mkdir()
        if isinstance(content, Path):
            return take_apart(content, name, place)
        path = place / "original"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return take_apart(path, name, place)

    return run
