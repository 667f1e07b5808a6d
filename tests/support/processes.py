"""Programs that end with the tests; and what a running one holds, as the kernel tells it: children,
memory, open files.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# A process that is to end with its parent ends with the thread that started it: here with the last.
_spawner = ThreadPoolExecutor(1, "spawner")


def with_us(command: Sequence[str | Path], signal: str = "KILL") -> list[str | Path]:
    """The command of a program that gets this signal when the thread that starts it has ended,
    though this process be killed -9. The program has the process id that one has started.
    """
    return ["setpriv", "--pdeathsig", signal, "--", *command]


def spawn(
    command: Sequence[str | Path], signal: str = "KILL", **options: Any
) -> subprocess.Popen[Any]:
    """Start a program that gets this signal when this process ends, however it ends."""
    return _spawner.submit(lambda: subprocess.Popen(with_us(command, signal), **options)).result()


def children(pid: int) -> list[int]:
    """The direct children of a process; none where it has ended."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except OSError:
            continue
    return found


def sandbox_children(pid: int) -> list[int]:
    """Those that run steps: the children of a server's or a worker's fork server."""
    return [child for server in children(pid) for child in children(server)]


def resident(pid: int) -> int:
    """Bytes of memory that are the process's own, shared libraries and mapped files left out."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"the kernel does not tell of process {pid}")


def handles(pid: int) -> list[str]:
    """What each open descriptor of a process leads to."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue  # closed meanwhile
    return found


def left_behind(pid: int, data_dir: Path) -> list[str]:
    """What an idle server should not have: a sandbox child, a work folder's content, an open
    content, pipe or file of memory beyond its own.
    """
    left = [f"child {child}" for child in sandbox_children(pid)]
    try:
        for folder in (data_dir / "work").iterdir():
            if folder.is_dir():
                left += [str(entry) for entry in folder.iterdir() if entry.name != ".lock"]
    except FileNotFoundError as error:
        left.append(f"{error.filename}, which is just being removed")
    content = (str(data_dir / "content"), "/memfd:order")
    return left + [target for target in handles(pid) if target.startswith(content)]


def running(pid: int) -> bool:
    """Whether it lives; one that waits to be reaped doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
