"""`manage.py processor list` and `processor run FILE NAME`: for authors of processors.

The result of a run is on stdout, as JSON and nothing else; all that is for people is on stderr.
Exit codes: 0, 1 where the processor failed, 2 where it could not be tried.
"""

import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from uploads import names
from uploads.processing import trying
from uploads.processing.sandbox import (
    Child,
    Message,
    Progress,
    Sandbox,
    SandboxError,
    Saved,
    StepDone,
    StepFailed,
    StepStarted,
)

LINE_SECONDS = 1.0  # between two lines of progress, where the terminal can't write over one
NOT_TRIED = 2


class Command(BaseCommand):
    """Try processors."""

    help = "Lists the processors, or tries one on a file, in the sandbox and without the server."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """list; run FILE NAME."""
        words = parser.add_subparsers(dest="word", required=True, metavar="list|run")
        listing = words.add_parser("list", help="the processors that there are")
        run = words.add_parser("run", help="try one on a file")
        run.add_argument("file", type=Path, help="any file; it is only read")
        run.add_argument("name", help="the processor's name")
        run.add_argument("--artifacts", type=Path, help="folder for what it saves and sends on")
        for one in (listing, run):
            one.add_argument(
                "--directory", type=Path, help="look for processors here; default PROCESSORS_DIR"
            )

    def handle(self, *_args: Any, word: str, directory: Path | None, **options: Any) -> None:
        """Start a sandbox of its own, and do what was asked."""
        logging.getLogger("uploads.processing.sandbox").setLevel(logging.ERROR)  # it is said here
        folder = directory or settings.PROCESSORS_DIR
        if directory is not None and not directory.is_dir():
            raise CommandError(f"There is no folder {directory}.", returncode=NOT_TRIED)
        if word == "run":
            if not options["file"].is_file():
                raise CommandError(f"There is no file {options['file']}.", returncode=NOT_TRIED)
            options["file"] = options["file"].resolve()
        with tempfile.TemporaryDirectory(prefix="millrace-") as root:
            try:
                failed = asyncio.run(self._do(Sandbox(Path(root), folder), word, options))
            except SandboxError as error:
                raise CommandError(str(error), returncode=NOT_TRIED) from None
        if failed:
            sys.exit(1)

    async def _do(self, sandbox: Sandbox, word: str, options: dict[str, Any]) -> bool:
        await sandbox.start()
        try:
            if word == "list":
                return self._list(sandbox)
            return await self._run(sandbox, **options)
        finally:
            await sandbox.stop()

    # -- list --------------------------------------------------------------------------------------

    def _list(self, sandbox: Sandbox) -> bool:
        width = max(map(len, sandbox.processors))
        for entry in sandbox.processors.values():
            whose = "built in" if entry.builtin else "own"
            accepts = ", ".join(entry.accepts[:4]) + (", …" if len(entry.accepts) > 4 else "")
            self.stdout.write(f"{entry.name:{width}}  {entry.version:3}  {whose:8}  {accepts}")
        self._complain(sandbox)
        return bool(sandbox.problems)

    def _complain(self, sandbox: Sandbox) -> None:
        for where, what in sandbox.problems.items():
            self.stderr.write(f"{where}: {what}")
        if missing := [layer for layer, there in sandbox.layers.items() if not there]:
            self.stderr.write(f"The sandbox lacks {', '.join(missing)} here.")

    # -- run ---------------------------------------------------------------------------------------

    async def _run(
        self, sandbox: Sandbox, file: Path, name: str, artifacts: Path | None, **_options: Any
    ) -> bool:
        """Whether it failed."""
        self._complain(sandbox)
        kept = _Kept(artifacts)
        try:
            with self._terminal() as terminal:
                tried = await trying.attempt(sandbox, file, name, terminal.hear, kept.keep)
        except trying.Unknown as error:
            raise CommandError(str(error), returncode=NOT_TRIED) from None
        if not tried.accepted:
            self.stderr.write(f"Such a file ({tried.media_type}) would not be given to {name}.")
        printed = tried.printed.strip()
        if not (tried.failed and printed in tried.failed.detail):
            kept.lines += [f"printed: {line}" for line in printed.splitlines()]
        for line in kept.lines:
            self.stderr.write(line)
        if tried.done is None:
            self._explain(tried.failed)
            return True
        self.stdout.write(json.dumps(tried.done.result, ensure_ascii=False, indent=2))
        return False

    @contextmanager
    def _terminal(self) -> Iterator["_Terminal"]:
        terminal = _Terminal(self.stderr, overwrites=self.stderr.isatty())
        try:
            yield terminal
        finally:
            terminal.clear()

    def _explain(self, failed: StepFailed | None) -> None:
        if failed is None:
            self.stderr.write("It was not run: a step before it took too much.")
            return
        if failed.detail:
            self.stderr.write(failed.detail.rstrip())
        self.stderr.write(f"{failed.step} failed ({failed.code}): {failed.message}")


class _Terminal:
    """Shows how it goes: on one line that is written over, or now and then on a new one."""

    def __init__(self, stream: Any, *, overwrites: bool) -> None:
        self._stream = stream
        self._overwrites = overwrites
        self._said_at = 0.0

    def hear(self, message: Message) -> None:
        if isinstance(message, StepStarted):
            self._show(f"{message.step} …")
        elif isinstance(message, Progress):
            total = "" if message.total is None else f" of {message.total:,.0f}"
            self._show(f"{message.step}: {message.done:,.0f}{total} {message.unit}")
        elif isinstance(message, StepDone | StepFailed):
            word = "done" if isinstance(message, StepDone) else "failed"
            self.clear()
            self._stream.write(f"{message.step} {word} in {message.duration_ms:,.0f} ms")

    def clear(self) -> None:
        """Leave the line that is written over."""
        if self._overwrites:
            self._stream.write("\r\033[K", ending="")
            self._stream.flush()

    def _show(self, line: str) -> None:
        if self._overwrites:
            self._stream.write(f"\r\033[K{line}", ending="")
            self._stream.flush()
        elif time.monotonic() - self._said_at > LINE_SECONDS:
            self._said_at = time.monotonic()
            self._stream.write(line)


class _Kept:
    """Where artifacts, and files that are sent on, go: into a folder, or nowhere."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self.lines: list[str] = []

    def keep(self, made: Saved | Child) -> None:
        if isinstance(made, Saved):
            source, place, what = made.path, Path(made.name), f"artifact {made.name}"
        else:
            name = names.fitted(made.path)[1]
            source, place, what = made.file, Path("inside", name), f"sent on {name}"
        self.lines.append(f"{what} ({made.size:,} bytes)")
        if self._folder is not None:
            target = self._folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
