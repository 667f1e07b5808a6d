"""What the server's JSON looks like, for type checkers; nothing is converted or checked."""

from typing import Any, Literal, NotRequired, TypedDict

Status = Literal["receiving", "queued", "processing", "processed", "failed", "cancelled"]
ENDED: frozenset[str] = frozenset({"processed", "failed", "cancelled"})
Counts = dict[str, int]


class RunningStep(TypedDict):
    """The step that runs now: `done` of `total` in `unit`, seconds left if they can be told, and
    since when it has given no sign of life where that is too long.
    """

    name: str
    done: float | None
    total: float | None
    unit: str | None
    eta_s: float | None
    stalled_since: NotRequired[str | None]


class Error(TypedDict):
    """Why a file failed, and at which step."""

    code: str
    message: str
    step: str | None


class File(TypedDict):
    """A file as lists, events and snapshots show it."""

    id: str
    space: str
    name: str
    path: str
    size: int | None
    received: int
    media_type: str | None
    kind: str | None
    sha256: str | None
    status: Status
    batch: str | None
    parent: str | None
    attempt: int
    created_at: str
    finished_at: str | None
    step: RunningStep | None
    error: Error | None
    thumbnail: str | None


class LeftOut(TypedDict):
    """A file inside that was not sent on, and why."""

    path: str
    reason: Literal["depth", "number", "bytes", "locked", "broken", "link", "quota", "disk"]


class SentOn(TypedDict):
    """What became of the files inside of a file."""

    files: int
    known: int
    left_out: list[LeftOut]
    left_out_total: int


class Step(TypedDict):
    """One processor's run."""

    name: str
    version: int
    status: Literal["waiting", "running", "done", "failed", "skipped"]
    attempt: int
    started_at: str | None
    finished_at: str | None
    duration_ms: int | None
    done: float | None
    total: float | None
    unit: str | None
    error: dict[str, str] | None
    detail: str | None  # for managers of the space
    sent_on: SentOn | None
    worker: str | None  # who ran it


class Artifact(TypedDict):
    """A file that a step made."""

    step: str
    name: str
    media_type: str
    size: int
    url: str


class Queued(TypedDict):
    """Where a file stands in its space's queue: 1 is next; seconds until its turn if known."""

    place: int
    wait_s: float | None
    priority: int


class Attempt(TypedDict):
    """One attempt whose results are kept, with the versions of the processors of its steps."""

    attempt: int
    started_at: str | None
    finished_at: str | None
    versions: dict[str, int]


class Outdated(TypedDict):
    """A step whose processor has a newer version by now."""

    step: str
    version: int
    newest: int


class FileDetail(File):
    """A file by itself: with its steps, their results and artifacts, and its place while it is
    queued.
    """

    received_at: str | None
    steps: list[Step]
    results: dict[str, dict[str, Any]]
    artifacts: list[Artifact]
    queue: Queued | None
    attempts: list[Attempt]
    outdated: list[Outdated]


class Batch(TypedDict):
    """The files of one drop."""

    id: str
    total: int | None
    counts: Counts
    ended: bool


class Event(TypedDict, total=False):
    """One numbered change: `seq`, `type` and `at` always, then `file` or `batch`."""

    seq: int
    type: Literal["file.created", "file.updated", "file.deleted", "batch.ended"]
    at: str
    file: File
    batch: Batch


class Progress(TypedDict):
    """The newest measure of one file; while receiving, `step` is `receive` in bytes."""

    id: str
    attempt: int
    step: str
    done: float
    total: float | None
    unit: str
    eta_s: float | None


class Pause(TypedDict):
    """Why nothing new is begun; `until` None: until somebody resumes it."""

    scope: Literal["space", "server"]
    by: str | None
    reason: str
    since: str
    until: str | None


class Frame(TypedDict, total=False):
    """What the stream sends; `type` says which of the others there are."""

    type: Literal["snapshot", "events", "ready", "progress", "position", "delivery", "queue"]
    cursor: str
    counts: Counts
    events: list[Event]
    files: list[Any]  # of File in a snapshot, of Progress in progress
    reason: Literal["first", "expired", "epoch", "behind"]
    last: bool
    degraded: bool
    pauses: list[Pause]  # of queue: what holds it up
