"""What all runs of a sandbox share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from uploads.processing.sandbox.link import Link
from uploads.processors import Processor

Result = TypeVar("Result")


@dataclass(frozen=True)
class Surroundings:
    link: Link
    light: Link  # for children that take only light steps
    processors: Mapping[str, Processor]
    processors_dir: Path | None
    broken: tuple[str, ...]  # names of files in it that are known to register nothing
    threads: Executor

    async def in_thread(self, function: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self.threads, function)
        except RuntimeError:  # the sandbox was stopped before its last run was left
            return await asyncio.to_thread(function)
