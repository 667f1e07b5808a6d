"""The types of everything that goes out: files, batches, events, frames. The only home of their
shapes.

The API, the stream and both specifications are made from these; `describing` builds the JSON of a
row in them.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

StatusWord = Literal["receiving", "queued", "processing", "processed", "failed", "cancelled"]
Counts = dict[StatusWord, Annotated[int, Field(ge=0)]]
Cursor = Annotated[str, Field(description="A place in a stream; opaque", examples=["5f0c2a91:42"])]


class Frozen(BaseModel):
    """What goes out is closed and never changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Error(Frozen):
    """Why a file failed, and at which step."""

    code: str
    message: str
    step: str | None


class StepError(Frozen):
    """Why a step failed."""

    code: str
    message: str


class RunningStep(Frozen):
    """The step that runs now: `done` of `total` in `unit`, seconds left if they can be told, and
    since when it has given no sign of life where that is too long.
    """

    name: str
    done: float | None
    total: float | None
    unit: str | None
    eta_s: float | None
    stalled_since: datetime | None = None


class File(Frozen):
    """A file as lists, events and snapshots show it."""

    id: UUID
    space: str
    name: str
    path: str
    size: int | None
    received: int
    media_type: str | None
    kind: str | None
    sha256: str | None
    status: StatusWord
    batch: str | None
    parent: UUID | None
    attempt: int
    created_at: datetime
    finished_at: datetime | None
    step: RunningStep | None
    error: Error | None
    thumbnail: str | None


class LeftOut(Frozen):
    """A file inside that was not sent on, and why."""

    path: str
    reason: Literal["depth", "number", "bytes", "locked", "broken", "link", "quota", "disk"]


class SentOn(Frozen):
    """What became of the files inside: how many are files of their own now, how many were already,
    and those that were left out, of which some are named.
    """

    files: int
    known: int
    left_out: list[LeftOut]
    left_out_total: int


class Step(Frozen):
    """One processor's run. `detail` is for the processor's author: only managers get it."""

    name: str
    version: int
    status: Literal["waiting", "running", "done", "failed", "skipped"]
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    duration_ms: int | None
    done: float | None
    total: float | None
    unit: str | None
    error: StepError | None
    detail: str | None
    sent_on: SentOn | None
    worker: str | None


class Artifact(Frozen):
    """A file that a step made."""

    step: str
    name: str
    media_type: str
    size: int
    url: str


class Queued(Frozen):
    """Where a file stands in its space's queue: 1 is next; seconds until its turn if known."""

    place: int
    wait_s: float | None
    priority: int


class Attempt(Frozen):
    """One attempt whose results are kept, with the versions of the processors of its steps."""

    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    versions: dict[str, int]


class Outdated(Frozen):
    """A step whose processor has a newer version by now."""

    step: str
    version: int
    newest: int


class FileDetail(File):
    """A file by itself: with its steps, their results and artifacts, and its place while it is
    queued. Steps are those of one attempt; `attempts` are all that are kept. Every byte was there
    at `received_at`.
    """

    received_at: datetime | None
    steps: list[Step]
    results: dict[str, Any]
    artifacts: list[Artifact]
    queue: Queued | None
    attempts: list[Attempt]
    outdated: list[Outdated]


class Batch(Frozen):
    """The files of one drop."""

    id: str
    total: int | None
    counts: Counts
    ended: bool


class FileEvent(Frozen):
    """A file came, changed or went; `file` is as it is after that."""

    seq: int
    type: Literal["file.created", "file.updated", "file.deleted"]
    at: datetime
    file: File


class BatchEvent(Frozen):
    """Every file of a batch has ended."""

    seq: int
    type: Literal["batch.ended"]
    at: datetime
    batch: Batch


Event = Annotated[FileEvent | BatchEvent, Field(discriminator="type")]


class Hello(BaseModel):
    """The client's first message."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["hello"]
    after: Cursor | None = None
    batch: Annotated[str, Field(max_length=100, pattern=r"^[^\x00]*$")] | None = None
    file: UUID | None = None
    ticket: Annotated[str, Field(max_length=2000)] | None = None


class EventsFrame(Frozen):
    """Changes, in order; `cursor` is the place after the last."""

    type: Literal["events"]
    cursor: Cursor
    events: list[Event]
    counts: Counts


class SnapshotFrame(Frozen):
    """A part of the state of the world at `cursor`; all frames of a snapshot have the same one."""

    type: Literal["snapshot"]
    cursor: Cursor
    files: Annotated[list[File], Field(max_length=500)]
    counts: Counts
    reason: Literal["first", "expired", "epoch", "behind"]
    last: bool


class ReadyFrame(Frozen):
    """What follows is live."""

    type: Literal["ready"]


class PositionFrame(Frozen):
    """Where the stream stands, so that a client sees its own gap."""

    type: Literal["position"]
    cursor: Cursor


class DeliveryFrame(Frozen):
    """Whether what happens is told at once or, while `degraded`, up to some seconds late; sent when
    that changes, and after `ready` where it is late.
    """

    type: Literal["delivery"]
    degraded: bool


class QueuePause(Frozen):
    """Why nothing new is begun, in this space or on the whole server; `until` null: until somebody
    resumes it.
    """

    scope: Literal["space", "server"]
    by: str | None
    reason: str
    since: datetime
    until: datetime | None


class QueueFrame(Frozen):
    """What holds the space's queue up, nothing where `pauses` is empty; sent when that changes, and
    after `ready` where something does.
    """

    type: Literal["queue"]
    pauses: list[QueuePause]


class FileProgress(Frozen):
    """The newest measure of one file; while receiving, step is `receive` in bytes."""

    id: UUID
    attempt: int
    step: str
    done: float
    total: float | None
    unit: str
    eta_s: float | None


class ProgressFrame(Frozen):
    """Fleeting measures between events."""

    type: Literal["progress"]
    files: list[FileProgress]


Frame = Annotated[
    EventsFrame
    | SnapshotFrame
    | ReadyFrame
    | PositionFrame
    | ProgressFrame
    | DeliveryFrame
    | QueueFrame,
    Field(discriminator="type"),
]


class EventsPage(Frozen):
    """Events read over HTTP; `more` says that others follow at once."""

    cursor: Cursor
    events: list[Event]
    more: bool
