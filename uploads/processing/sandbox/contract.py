"""The words between the sandbox and whoever runs it: what is asked, told, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

MIB = 1024 * 1024

Reason = Literal[
    "ok",
    "crashed",
    "memory_cap",
    "time_cap",
    "disk_cap",
    "thread_cap",
    "output_cap",
    "protocol",
    "lost",
    "cancelled",
]


class SandboxError(Exception):
    """The sandbox can't be started here; the message says why."""


@dataclass(frozen=True)
class Caps:
    """What one child may use. A processor's own `memory` and `seconds` go before these."""

    memory: int = 2048 * MIB  # bytes beyond what the fork server itself holds
    seconds: float = 120.0  # wall time of each step
    disk: int = 1024 * MIB  # bytes in the work folder of the whole run
    threads: int = 64
    files: int = 10_000  # files and folders in the work folder


@dataclass(frozen=True)
class Limit:
    """What whoever runs the server lets one processor use, whatever its author says."""

    seconds: float | None = None
    memory: int | None = None  # bytes


@dataclass(frozen=True)
class SendOn:
    """What a run may send on of what is inside its file: how many files, and bytes in all.

    `wanted`: kinds of containers whose members are; `asked`: those of any. `deep`: none, since the
    file itself lies too deep.
    """

    wanted: tuple[str, ...] = ()
    asked: bool = False
    deep: bool = False
    most: int = 0
    room: int = 0


Turn = Callable[[str], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Task:
    """One file to take apart.

    `steps` None means: identify, then every processor that accepts what was found (own ones only
    where `own`). `results` holds what earlier steps of the same file returned.
    """

    id: str  # for logs and the folder's name
    path: Path  # the original; read only
    name: str  # the uploader's, for display
    size: int  # bytes
    media_type: str | None = None
    kind: str | None = None
    steps: tuple[str, ...] | None = None
    results: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caps: Caps = field(default_factory=Caps)
    network: bool = False  # whether processors that declare the network get it
    own: bool = True  # whether own processors take part in a plan
    send_on: SendOn = field(default_factory=SendOn)
    turn: Turn | None = None  # entered around each own processor, by its name


@dataclass(frozen=True)
class Planned:
    """Which steps the file takes, in order, identify included; known once it is identified."""

    steps: tuple[tuple[str, int], ...]  # name, version


@dataclass(frozen=True)
class StepStarted:
    step: str
    version: int


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units; never decreases within a step."""

    step: str
    done: float
    total: float | None
    unit: str


@dataclass(frozen=True)
class Saved:
    """An artifact, out of the child's reach, in the run's folder until the run's context ends."""

    name: str
    media_type: str
    size: int  # bytes
    path: Path


@dataclass(frozen=True)
class Child:
    """A file to be sent on, out of the child's reach as `Saved`; `path` is what it is called inside
    and may be anything.
    """

    path: str
    size: int  # bytes
    file: Path


@dataclass(frozen=True)
class LeftOut:
    """What was not sent on: some of it as (path, reason), and how many in all."""

    total: int = 0
    shown: tuple[tuple[str, str], ...] = ()


NOTHING = LeftOut()


@dataclass(frozen=True)
class StepDone:
    """A child that is an artifact too lies where the artifact does."""

    step: str
    result: dict[str, Any]
    artifacts: tuple[Saved, ...]
    duration_ms: float
    children: tuple[Child, ...] = ()
    left_out: LeftOut = NOTHING


@dataclass(frozen=True)
class StepFailed:
    """`message` is for people; `detail` for the processor's author: traceback or last output."""

    step: str
    code: str
    message: str
    duration_ms: float
    detail: str = ""


Message = Planned | StepStarted | Progress | StepDone | StepFailed


@dataclass(frozen=True)
class Exit:
    """How a run ended: the first thing that went wrong with a child of it, or ok.

    A step that fails in a civil way (`bad_file`, `processor_error`) leaves the run ok.
    """

    reason: Reason
    step: str | None = None
    detail: str = ""
    cpu_seconds: float = 0.0
    max_rss: int = 0  # bytes, of the largest child
    printed: str = ""  # the last of what the last child printed


# The code that a step gets when its child ended for a reason.
CODES: Mapping[Reason, str] = {
    "crashed": "crashed",
    "memory_cap": "memory_cap",
    "time_cap": "time_cap",
    "disk_cap": "disk_cap",
    "thread_cap": "thread_cap",
    "output_cap": "output_cap",
    "protocol": "invalid_result",
    "lost": "worker_lost",
}


def sentence(reason: str, caps: Caps) -> str:
    """What hit its cap, with the cap, as one sentence."""
    return {
        "memory_cap": f"It needed more memory than its cap of {_size(caps.memory)}.",
        "time_cap": f"It took longer than its cap of {caps.seconds:g} s.",
        "disk_cap": (
            f"It wrote more than its cap of {_size(caps.disk)} or {caps.files:,} files allows."
        ),
        "thread_cap": f"It started more threads than its cap of {caps.threads}.",
        "output_cap": "It sent more output than is taken from one step.",
        "protocol": "What it sent can't be understood.",
        "lost": "The sandbox broke down during this step; that is no fault of the file.",
    }.get(reason, "It ended without saying why.")


def _size(count: int) -> str:
    if count >= 1024 * MIB and count % (1024 * MIB) == 0:
        return f"{count // (1024 * MIB)} GiB"
    return f"{count / MIB:,.0f} MiB" if count >= MIB else f"{count:,} bytes"
