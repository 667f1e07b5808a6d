"""What takes seconds to make and is the same for all: made once in a run, for all its processes."""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = "TESTS_SHARE"  # the folder, in the environment of all who belong to the run


def begin() -> Path:
    """The run's folder; the first who asks makes it, and takes it away."""
    if NAME not in os.environ:
        os.environ[NAME] = tempfile.mkdtemp(prefix="millrace-shared-")
        atexit.register(shutil.rmtree, os.environ[NAME], ignore_errors=True)
    return Path(os.environ[NAME])


def static_files() -> Path:
    """STATIC_ROOT with everything collected, as `manage.py serve` does it."""
    collect = "from uploads.management.commands.serve import _collect_static as go; go()"
    return made("static", lambda place: manage(place, "shell", "--command", collect)) / "static"


def database() -> Path:
    """An empty SQLite with all its tables."""
    return made("tables", lambda place: manage(place, "migrate")) / "millrace.sqlite3"


def made(name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first who wants it has filled."""
    place = begin() / name
    with (begin() / f"{name}.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not place.exists():
            unfinished = place.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(place)
    return place


def manage(data_dir: Path, *command: str, **environment: str) -> None:
    """Run a management command."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    subprocess.run(
        [sys.executable, "manage.py", *command, "--verbosity", "0"],
        cwd=ROOT,
        env=kept | {"DATA_DIR": str(data_dir)} | environment,
        check=True,
    )
