"""The only module that imports processors: built-in ones, a directory's, installed packages'."""

from __future__ import annotations

import importlib
import importlib.util
import signal
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from uploads.processors.registry import REGISTRY, Processor

if TYPE_CHECKING:  # reading what packages say of themselves loads much, and is rarely wanted
    from importlib.metadata import EntryPoint, EntryPoints

# The order in which a file's steps run, where `after` says nothing else.
BUILTIN = (
    "identify",
    "checksum",
    "image",
    "table",
    "parquet_copy",
    "workbook",
    "columnar",
    "json_lines",
    "database",
    "archive",
    "pdf",
    "audio",
    "video",
    "office",
    "mail",
    "data",
    "notebook",
    "entries",
    "certificates",
    "text",
    "rendered",
    "code",
    "log",
    "font",
    "binary",
)

ENTRY_POINTS = "millrace.processors"
IMPORT_SECONDS = 30.0  # of one own file; large libraries take some


def load_builtin() -> None:
    """Register every built-in processor. Calling it again changes nothing."""
    for module in BUILTIN:
        importlib.import_module(f"{__package__}.{module}")


def described_builtin() -> dict[str, list[Processor]]:
    """The built-in processors by module; loads all."""
    load_builtin()
    modules = {f"{__package__}.{module}": module for module in BUILTIN}
    described: dict[str, list[Processor]] = {module: [] for module in BUILTIN}
    for entry in REGISTRY.values():
        if entry.builtin:
            described[modules[entry.function.__module__]].append(entry)
    return described


def load_light(described: Mapping[str, Iterable[Processor]]) -> None:
    """Register every built-in processor, and load the modules of the light ones only: of the
    others, what is known of them takes their place.
    """
    for module in BUILTIN:
        if any(entry.light for entry in described[module]):
            importlib.import_module(f"{__package__}.{module}")
        else:
            REGISTRY.update((entry.name, entry) for entry in described[module])


def load_directory(directory: Path | None, without: Collection[str] = ()) -> dict[str, str]:
    """Import each `*.py` of the directory as an own processor; {file name: what was wrong}.

    A file with a mistake registers nothing and stops no other. Names with a leading _ are left out,
    and those in `without`.
    """
    if directory is None or not directory.is_dir():
        return {}
    problems: dict[str, str] = {}
    for path in sorted(directory.glob("*.py")):
        if path.name.startswith(("_", ".")) or path.name in without:
            continue
        before = dict(REGISTRY)
        try:
            with _in_time():
                _import(path)
            _must_have_registered(before, path.name)
        except BaseException as error:  # noqa: BLE001 - a stranger's file may raise anything, SystemExit too
            REGISTRY.clear()
            REGISTRY.update(before)
            problems[path.name] = _said(error, path)
    return problems


def load_entry_points() -> dict[str, str]:
    """Import the processors of installed packages; answers {entry point: what was wrong}."""
    problems: dict[str, str] = {}
    for entry in sorted(installed(), key=lambda entry: entry.name):
        problem = _load_entry_point(entry)
        if problem:
            problems[entry.name] = problem
    return problems


def installed() -> EntryPoints:
    """The entry points of installed packages that are said to be processors."""
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINTS)


def _load_entry_point(entry: EntryPoint) -> str | None:
    before = dict(REGISTRY)
    try:
        entry.load()
    except BaseException as error:  # noqa: BLE001 - as above
        REGISTRY.clear()
        REGISTRY.update(before)
        return f"{type(error).__name__}: {error}"[:500]
    return None


@contextmanager
def _in_time() -> Iterator[None]:
    """Raises TimeoutError once it takes too long: a file that never ends would keep all others
    from being known.
    """

    def give_up(*_: object) -> None:
        raise TimeoutError(f"it was not imported within {IMPORT_SECONDS:g} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, IMPORT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _import(path: Path) -> None:
    name = f"millrace_processor_{path.stem}"
    specification = importlib.util.spec_from_file_location(name, path)
    if specification is None or specification.loader is None:
        raise ImportError(f"{path.name} can't be imported")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # dataclasses and pickles look their module up there
    try:
        specification.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def _must_have_registered(before: Mapping[str, object], name: str) -> None:
    if REGISTRY.keys() == before.keys():
        raise ImportError(f"{name} registers no processor; is the @processor(...) line missing?")


def _said(error: BaseException, path: Path) -> str:
    """The error as its author wants it: with the line of the own file where it happened."""
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    where = f" (line {line})" if line else ""
    words = error.msg if isinstance(error, SyntaxError) else error  # without a line of its own
    return f"{type(error).__name__}: {words}"[:500] + where
