"""The types of what the API takes, and of what it gives beside `publishing.events`.

Both are in the specification; what comes in is validated by them.
"""

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from uploads.processors.media_types import KINDS
from uploads.publishing.events import (
    Counts,
    Cursor,
    File,
    Frozen,
    Queued,
    QueuePause,
    StatusWord,
)
from uploads.reading.filters import ORDERS, Filters

PAGE_FILES = 1000  # files on one page, at the most
PAGE_EVENTS = 1000
MOST_ASKED = 100  # digests, or sizes, that one question names
BULK_FILES = 1000  # files that one request changes, at the most
PLACES = 100  # places in the queue that one request asks for, at the most
MOST_PRIORITY = 100

Role = Literal["viewer", "uploader", "manager"]
Scope = Literal["read", "upload", "manage", "metrics"]


def _among(words: Collection[str]) -> Any:
    """One of a closed list that has its home elsewhere."""
    pattern = "|".join(re.escape(word) for word in words)
    return Field(pattern=f"^({pattern})$", json_schema_extra={"enum": list(words)})


def _split(values: Any) -> Any:
    """`a,b` and `a&…=b` alike."""
    if isinstance(values, str):
        values = [values]
    if not isinstance(values, list):
        return values
    return [part.strip() for value in values for part in str(value).split(",") if part.strip()]


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


Sort = Annotated[str, _among(ORDERS)]
Kind = Annotated[str, _among(KINDS)]
Several = BeforeValidator(_split)
Plain = Field(pattern=r"^[^\x00]*$")  # Postgres holds no NUL
Key = Annotated[str, Plain, Field(max_length=100)]
Username = Annotated[str, Plain, Field(max_length=150)]
Word = Annotated[str, Plain, Field(max_length=60)]
Moment = Annotated[datetime, AfterValidator(_aware)]
Digest = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]
Size = Annotated[int, Field(ge=0, le=2**62)]
MediaType = Annotated[str, Field(pattern=r"^[\w!#$&^.+-]{1,63}/([\w!#$&^.+-]{1,63}|\*)$")]


class Asked(BaseModel):
    """Parameters of an address; an empty one is as none."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value not in ("", [""])}


class FilterQuery(Asked):
    """Which files are meant. Several values are separated by commas."""

    status: Annotated[list[StatusWord], Several] = Field([], max_length=6)
    kind: Annotated[list[Kind], Several] = Field([], max_length=len(KINDS))
    media_type: Annotated[list[MediaType], Several] = Field(
        [], max_length=20, description="`image/png`, or `image/*` for a whole family"
    )
    q: Annotated[str, Plain] = Field(
        "",
        max_length=200,
        description="Words of the name (their beginnings suffice) or of the text that was found "
        "in the file (whole, or four letters and more)",
    )
    sha256: Annotated[list[Digest], Several] = Field(
        [], max_length=MOST_ASKED, description="Files whose content is one of these"
    )
    size: Annotated[list[Size], Several] = Field(
        [], max_length=MOST_ASKED, description="Exactly so many bytes"
    )
    batch: Key | None = None
    parent: UUID | None = Field(None, description="The file that these were taken from")
    error: Word | None = Field(None, description="The code of the error that they failed with")
    step: Word | None = Field(None, description="The step at which they failed")
    since: Moment | None = Field(None, description="Created then or later")
    until: Moment | None = Field(None, description="Created before")
    min_size: Size | None = None
    max_size: Size | None = None

    def filters(self) -> Filters:
        """As the list wants them."""
        return Filters(
            status=tuple(self.status),
            kind=tuple(self.kind),
            media_type=tuple(self.media_type),
            sha256=tuple(digest.lower() for digest in self.sha256),
            sizes=tuple(self.size),
            batch=self.batch,
            parent=self.parent,
            error=self.error,
            step=self.step,
            q=self.q,
            since=self.since,
            until=self.until,
            at_least=self.min_size,
            below=None if self.max_size is None else self.max_size + 1,
        )


class ListQuery(FilterQuery):
    """What `GET /api/files/` can be asked."""

    sort: Sort = Field("-created_at", description="`-` for descending; without a value: last")
    cursor: Annotated[str, Field(max_length=2000)] | None = Field(
        None, description="`next` of the page before"
    )
    limit: int = Field(50, ge=1, le=PAGE_FILES)


class ZipQuery(FilterQuery):
    """Which files go into one zip: those named, or all that the filters leave."""

    ids: Annotated[list[UUID], Several] = Field([], max_length=BULK_FILES)


class AttemptQuery(Asked):
    """Which attempt's steps are meant."""

    attempt: int | None = Field(None, ge=0, le=2**31 - 1, description="Without: the newest")


class EventsQuery(Asked):
    """Where in the stream to read."""

    after: Cursor | None = Field(None, max_length=40, description="Without: the oldest kept")
    limit: int = Field(500, ge=1, le=PAGE_EVENTS)
    batch: Key | None = None
    file: UUID | None = None


class FilesPage(Frozen):
    """Files in order; `next` is the cursor of the page that follows, null after the last.

    A page may hold fewer files than asked for, even none, and still have a `next`.
    """

    items: list[File]
    next: str | None


class Selection(BaseModel):
    """Files to change: by their ids, or by their status, perhaps within a batch or by what they
    failed with. `cursor` is `next` of the answer before.
    """

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[UUID], Field(min_length=1, max_length=BULK_FILES)] | None = None
    status: Annotated[list[StatusWord], Several, Field(min_length=1)] | None = None
    batch: Key | None = None
    error: Word | None = Field(None, description="The code of the error that they failed with")
    step: Word | None = Field(None, description="The step at which they failed")
    cursor: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.ids is None) == (self.status is None):
            raise ValueError("either ids or status is needed")
        if self.ids is not None and any((self.batch, self.error, self.step, self.cursor)):
            raise ValueError("batch, error, step and cursor go with status, not with ids")
        return self

    def filters(self) -> Filters:
        """As the list wants them."""
        return Filters(
            status=tuple(self.status or ()), batch=self.batch, error=self.error, step=self.step
        )


class Code(Frozen):
    """What went wrong: a word for programs, a sentence for people."""

    code: str
    message: str


class Refusal(Frozen):
    """The body of every answer that is not a success."""

    error: Code


class RefusedFile(Frozen):
    """A file that was not changed, and why."""

    id: UUID
    error: Code


class Changed(Frozen):
    """What became of a selection; `more` says that others are left: ask again, with `next` as
    `cursor`, so that nothing comes twice.
    """

    changed: int
    refused: list[RefusedFile]
    more: bool
    next: str | None


class Reason(Frozen):
    """Files that failed alike: the error's code, the step, one of their messages, how many."""

    code: str
    step: str | None
    message: str
    count: int


class Reasons(Frozen):
    """Why files failed, the most frequent reason first; `more`: only the newest were looked at."""

    items: list[Reason]
    more: bool


class QueueQuery(Asked):
    """Whose places are asked for."""

    files: Annotated[list[UUID], Several] = Field(
        [], max_length=PLACES, description="Without: those that you sent and whose turn is next"
    )


class QueuedFile(Queued):
    """A file's place in the queue."""

    id: UUID


class Queue(Frozen):
    """A space's queue: files that wait and that are in work, seconds until all that wait have begun
    (null where nobody can tell), what holds it up, and places.
    """

    waiting: int
    running: int
    wait_s: float | None
    pauses: list[QueuePause]
    files: list[QueuedFile]


class NewTotal(BaseModel):
    """How many files a batch has, those that are gone included."""

    model_config = ConfigDict(extra="forbid")

    total: int = Field(ge=1, le=10**9)


class NewPause(BaseModel):
    """Begin nothing new: for so many minutes, until a time, or until somebody resumes it."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Plain] = Field("", max_length=500)
    until: Moment | None = None
    minutes: int | None = Field(None, ge=1, le=366 * 24 * 60)

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.until is not None and self.minutes is not None:
            raise ValueError("either until or minutes, not both")
        return self


class NewPriority(BaseModel):
    """Higher comes first within the space; 0 is what every file begins with."""

    model_config = ConfigDict(extra="forbid")

    priority: int = Field(ge=-MOST_PRIORITY, le=MOST_PRIORITY)


class Space(Frozen):
    """A space that is yours, and your role there. Sizes in bytes; a quota of null is no limit."""

    slug: str
    name: str
    role: Role
    own: bool
    counts: Counts
    used_bytes: int
    quota_bytes: int | None


class Spaces(Frozen):
    """All spaces that you are a member of."""

    items: list[Space]


class NewSpace(BaseModel):
    """A space to be made; its slug is made of the name."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[
        str, Plain, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)
    ]


class Member(Frozen):
    """Somebody in a space; `own`: it is their private one."""

    user: str
    role: Role
    own: bool
    you: bool


class Members(Frozen):
    """Everybody in a space, by name."""

    items: list[Member]


class NewRole(BaseModel):
    """What a member is from now on."""

    model_config = ConfigDict(extra="forbid")

    role: Role


class NewInvitation(BaseModel):
    """An invitation for one person."""

    model_config = ConfigDict(extra="forbid")

    role: Role = "uploader"
    days: int = Field(7, ge=1, le=90, description="Until it is void")


class Invitation(Frozen):
    """An invitation that was not accepted yet; its secret is kept nowhere."""

    id: int
    role: Role
    by: str | None
    created_at: datetime
    expires_at: datetime


class MadeInvitation(Invitation):
    """A new invitation with the path of its link, which is shown this once."""

    path: str


class Invitations(Frozen):
    """All invitations of a space that can still be accepted."""

    items: list[Invitation]


class Ticket(Frozen):
    """For one `hello` from elsewhere; seconds until it is void."""

    ticket: str
    expires_in: int


class NewToken(BaseModel):
    """A token to be made; `space` restricts it to one space."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Plain, Field(min_length=1, max_length=100)]
    space: Annotated[str, Plain, Field(max_length=64)] | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=4)] = ["read", "upload"]
    expires_at: Moment | None = Field(None, description="Without: never")


class Token(Frozen):
    """A token as it is listed; its secret is kept nowhere."""

    id: int
    name: str
    space: str | None
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class MadeToken(Token):
    """A new token with its secret, which is shown this once."""

    secret: str


class Tokens(Frozen):
    """All tokens of yours."""

    items: list[Token]
