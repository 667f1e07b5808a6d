"""Runs processors on files that nobody trusts, each in a child that reaches that file only.

Knows no database and no web.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from uploads.processing.sandbox.contract import (
    Caps,
    Child,
    Exit,
    LeftOut,
    Limit,
    Message,
    Planned,
    Progress,
    SandboxError,
    Saved,
    SendOn,
    StepDone,
    StepFailed,
    StepStarted,
    Task,
)

if TYPE_CHECKING:
    from uploads.processing.sandbox.run import Run
    from uploads.processing.sandbox.sandbox import Sandbox

__all__ = [
    "Caps",
    "Child",
    "Exit",
    "LeftOut",
    "Limit",
    "Message",
    "Planned",
    "Progress",
    "Run",
    "Sandbox",
    "SandboxError",
    "Saved",
    "SendOn",
    "StepDone",
    "StepFailed",
    "StepStarted",
    "Task",
]


def __getattr__(name: str) -> Any:
    """The server's half, once it is asked for: a fork server imports this package for the other
    half, and what it has loaded is copied for each of its children.
    """
    if name in ("Run", "Sandbox"):
        return getattr(import_module(f"{__name__}.{name.lower()}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
