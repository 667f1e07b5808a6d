"""Runs in a process of its own what would leave much behind in this one.

A fork server is copied for each child with all that it has ever loaded: a library that is needed
once is better loaded by somebody else.
"""

from __future__ import annotations

import os
from collections.abc import Callable


def answer(function: Callable[[], bytes]) -> bytes:
    """What `function` returns, called in a fork. Raises OSError where it returns nothing. For a
    process of one thread that has no child.
    """
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        _tell(function, theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        said = pipe.read()
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise ChildProcessError("it ended before it could answer")
    return said


def _tell(function: Callable[[], bytes], descriptor: int) -> None:
    try:
        with os.fdopen(descriptor, "wb") as pipe:
            pipe.write(function())
    except BaseException:  # noqa: BLE001 - a fork must never return into its parent's code
        os._exit(1)
    os._exit(0)
