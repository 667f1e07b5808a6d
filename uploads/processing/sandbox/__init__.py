"""Runs processors on files that nobody trusts, each in a child that reaches that file only.

Knows no database and no web.
"""

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
