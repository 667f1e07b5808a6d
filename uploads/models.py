"""The tables of the domain, and nothing that changes a status (`processing.jobs` alone does).

Every row hangs on a space. Numbers that must be right in a stream (`seq`, the counts, used bytes)
live on the space's row and change in the transaction of the change itself.
"""

import secrets
import uuid
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import pgettext_lazy


class Status(models.TextChoices):
    """Where a file stands; the same word everywhere."""

    RECEIVING = "receiving", pgettext_lazy("status", "Receiving")
    QUEUED = "queued", pgettext_lazy("status", "Queued")
    PROCESSING = "processing", pgettext_lazy("status", "Processing")
    PROCESSED = "processed", pgettext_lazy("status", "Processed")
    FAILED = "failed", pgettext_lazy("status", "Failed")
    CANCELLED = "cancelled", pgettext_lazy("status", "Cancelled")


ENDED = (Status.PROCESSED, Status.FAILED, Status.CANCELLED)
IN_FLIGHT = (Status.RECEIVING, Status.QUEUED, Status.PROCESSING)


class Role(models.TextChoices):
    """What a member may do in a space; each includes those before it."""

    VIEWER = "viewer", pgettext_lazy("role", "Viewer")
    UPLOADER = "uploader", pgettext_lazy("role", "Uploader")
    MANAGER = "manager", pgettext_lazy("role", "Manager")


class User(AbstractUser):
    """Somebody who signs in or owns tokens."""

    # counts how often the user signed out everywhere: sessions of an earlier round are void
    session_round = models.IntegerField(default=0, db_default=0, editable=False)

    # whether a mail tells the user that a drop of theirs has ended
    wants_mail = models.BooleanField(default=False, db_default=False)
    # in which the user last asked for mail: one of settings.LANGUAGES, "" for the first of them
    mail_language = models.CharField(max_length=16, default="", db_default="", blank=True)

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must hold to be this user's: of the password, and of the round."""
        if not self.session_round:
            usual: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]
            return usual
        salt = "uploads.models.User.session"
        value = f"{self.password}:{self.session_round}"
        return salted_hmac(salt, value, secret=secret, algorithm="sha256").hexdigest()


def new_epoch() -> str:
    """A name for a stream's life; it changes when the stream can't be continued."""
    return secrets.token_hex(4)


class Space(models.Model):
    """Who a file belongs to."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    owner = models.OneToOneField(
        User, models.CASCADE, null=True, blank=True, related_name="private_space"
    )
    members: "models.ManyToManyField[User, Membership]" = models.ManyToManyField(
        User, through="Membership", related_name="spaces"
    )
    created_at = models.DateTimeField(default=timezone.now)
    quota_bytes = models.BigIntegerField(null=True, blank=True)
    used_bytes = models.BigIntegerField(default=0)
    epoch = models.CharField(max_length=16, default=new_epoch)
    seq = models.BigIntegerField(default=0)  # number of the newest event
    pruned_seq = models.BigIntegerField(default=0)  # events up to here are gone
    receiving = models.BigIntegerField(default=0)
    queued = models.BigIntegerField(default=0)
    processing = models.BigIntegerField(default=0)
    processed = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return self.slug

    @property
    def quota(self) -> int:
        """Bytes that it may hold; 0 for no limit."""
        return settings.SPACE_QUOTA_BYTES if self.quota_bytes is None else self.quota_bytes

    def room(self, others: int = 0) -> int | None:
        """Bytes that may still come, beside `others` not counted yet; None for no limit."""
        return max(0, self.quota - self.used_bytes - others) if self.quota else None

    @property
    def counts(self) -> dict[str, int]:
        """Files by status."""
        return {status.value: getattr(self, status.value) for status in Status}


class Membership(models.Model):
    """A user's role in a space."""

    space = models.ForeignKey(Space, models.CASCADE)
    user = models.ForeignKey(User, models.CASCADE)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "user"], name="one_role_per_space")]

    def __str__(self) -> str:
        return f"{self.user} in {self.space}: {self.role}"


class Token(models.Model):
    """An API token; only its sha-256 is kept."""

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    space = models.ForeignKey(Space, models.CASCADE, null=True, blank=True)  # reaches this one only
    name = models.CharField(max_length=100, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)  # of "read", "upload", "manage", "metrics"
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.user}: {self.name or self.pk}"


def _in_a_day() -> Any:
    return timezone.now() + timedelta(days=1)


class SignInLink(models.Model):
    """A link that signs a user in once; only its sha-256 is kept."""

    user = models.ForeignKey(User, models.CASCADE)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(default=_in_a_day)

    def __str__(self) -> str:
        return f"link for {self.user}"


class SignedIn(models.Model):
    """Where a session came from, so that its user knows it again; it goes with its session."""

    user = models.ForeignKey(User, models.CASCADE, related_name="signed_in")
    session_key = models.CharField(max_length=40, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    address = models.CharField(max_length=45, blank=True)
    agent = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.user} from {self.address}"


class Invitation(models.Model):
    """A link that makes one person a member of a space; only its sha-256 is kept."""

    space = models.ForeignKey(Space, models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.role} of {self.space}"


class Batch(models.Model):
    """The files of one drop; `key` and `total` come from the sender."""

    space = models.ForeignKey(Space, models.CASCADE)
    key = models.CharField(max_length=100)
    total = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True, blank=True)  # its end was told by mail, once
    # the users whom the last try did not reach; none: whoever asked
    untold = models.JSONField(default=list, blank=True)
    receiving = models.BigIntegerField(default=0)
    queued = models.BigIntegerField(default=0)
    processing = models.BigIntegerField(default=0)
    processed = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    cancelled = models.BigIntegerField(default=0)
    gone = models.BigIntegerField(default=0)  # deleted, terminated, expired

    class Meta:
        constraints = [models.UniqueConstraint(fields=["space", "key"], name="one_batch_per_key")]
        indexes = [
            models.Index(
                fields=["ended_at"],
                name="batches_untold",
                condition=models.Q(told_at__isnull=True, ended_at__isnull=False),
            )
        ]
        verbose_name_plural = "batches"

    def __str__(self) -> str:
        return self.key

    @property
    def counts(self) -> dict[str, int]:
        """Files by status."""
        return {status.value: getattr(self, status.value) for status in Status}


class FileQuerySet(models.QuerySet["UploadedFile"]):
    """Files by what became of them."""

    def processed(self) -> Self:
        """Those whose every step ended well."""
        return self.filter(status=Status.PROCESSED)

    def in_flight(self) -> Self:
        """Those that have not ended."""
        return self.filter(status__in=IN_FLIGHT)

    def ended(self) -> Self:
        """Processed, failed or cancelled."""
        return self.filter(status__in=ENDED)


class UploadedFile(models.Model):
    """What somebody uploaded; its original bytes never change and stay until it is deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # many indexes begin with the space, so it needs none by itself
    space = models.ForeignKey(Space, models.CASCADE, related_name="files", db_index=False)
    uploader = models.ForeignKey(User, models.SET_NULL, null=True)
    name = models.CharField(
        max_length=255
    )  # what the sender called it; never part of a path on disk
    path = models.CharField(
        max_length=4096, blank=True
    )  # where it lay in a dropped folder, "" if nowhere
    batch = models.CharField(max_length=100, null=True)  # the batch's key
    parent = models.ForeignKey("self", models.SET_NULL, null=True)
    metadata = models.TextField(blank=True)  # Upload-Metadata as the sender gave it
    parts = models.JSONField(
        null=True
    )  # ids of the partials that a final upload is joined from (tus concatenation)
    size = models.BigIntegerField(null=True)  # bytes; unknown while the length is deferred
    received = models.BigIntegerField(
        default=0
    )  # at creation and completion; between them the content's length is the truth
    complete = models.BooleanField(default=False)  # every byte is stored
    sha256 = models.CharField(max_length=64, null=True)
    expected_sha256 = models.CharField(max_length=64, null=True)
    media_type = models.CharField(max_length=127, null=True)
    kind = models.CharField(max_length=10, null=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.RECEIVING)
    attempt = models.IntegerField(default=0)
    step = models.JSONField(null=True)  # the running one, as events.RunningStep
    error = models.JSONField(null=True)  # {code, message, step}
    thumbnail = models.CharField(max_length=100, null=True)  # "STEP/NAME" of the artifact
    created_at = models.DateTimeField(default=timezone.now)
    received_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)  # of an unfinished upload

    objects = FileQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["space", "-created_at", "-id"], name="files_newest"),
            models.Index(fields=["space", "status", "-created_at", "-id"], name="files_by_status"),
            models.Index(fields=["space", "kind", "-created_at", "-id"], name="files_by_kind"),
            models.Index(
                fields=["space", "batch", "-created_at", "-id"],
                name="files_by_batch",
                condition=models.Q(batch__isnull=False),
            ),
            # for snapshots of one batch
            models.Index(
                fields=["space", "batch", "status", "-created_at", "-id"],
                name="batch_by_status",
                condition=models.Q(batch__isnull=False),
            ),
            models.Index(
                fields=["space", "batch", "-finished_at", "-id"],
                name="batch_just_ended",
                condition=models.Q(batch__isnull=False, finished_at__isnull=False),
            ),
            models.Index(
                fields=["space", "sha256"],
                name="files_by_digest",
                condition=models.Q(sha256__isnull=False),
            ),
            models.Index(fields=["space", "-finished_at", "-id"], name="files_just_ended"),
            models.Index("space", Lower("name"), "id", name="files_by_name"),
            models.Index(fields=["space", "size", "id"], name="files_by_size"),
            models.Index(
                fields=["expires_at"], name="files_expiring", condition=models.Q(complete=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def processed(self) -> bool:
        """Whether every step ended well."""
        return self.status == Status.PROCESSED


class Partial(models.Model):
    """A part of an upload (tus concatenation): bytes with an id, not a file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    space = models.ForeignKey(Space, models.CASCADE)
    uploader = models.ForeignKey(User, models.SET_NULL, null=True)
    metadata = models.TextField(blank=True)
    size = models.BigIntegerField(null=True)
    complete = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["expires_at"], name="partials_expiring")]

    def __str__(self) -> str:
        return str(self.pk)


class Job(models.Model):
    """The processing of one file. Every write of a worker is fenced by `(file, attempt)`."""

    class State(models.TextChoices):
        """Queued, running, or ended (the file's status says how)."""

        QUEUED = "queued"
        RUNNING = "running"
        ENDED = "ended"

    file = models.OneToOneField(UploadedFile, models.CASCADE, primary_key=True)
    space = models.ForeignKey(Space, models.CASCADE)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    attempt = models.IntegerField(default=0)
    tries = models.IntegerField(default=0)  # attempts since somebody last asked for it
    priority = models.IntegerField(default=0)  # higher first
    expand = models.BooleanField(default=False)  # somebody asked for all that is inside
    queued_at = models.DateTimeField(default=timezone.now)
    run_after = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["space", "-priority", "queued_at"],
                name="jobs_next",
                condition=models.Q(state="queued"),
            ),
            models.Index(
                fields=["lease_until"], name="jobs_leased", condition=models.Q(state="running")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_id} #{self.attempt}"


class Pause(models.Model):
    """No new jobs are begun: in a space, or anywhere where none is named. What runs goes on."""

    space = models.OneToOneField(Space, models.CASCADE, null=True, blank=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)  # until somebody resumes where null

    class Meta:
        constraints = [
            # SQL takes nulls for different; there is one pause for everything all the same
            models.UniqueConstraint(Coalesce("space", 0), name="one_pause_for_each")
        ]

    def __str__(self) -> str:
        return f"pause of {self.space or 'everything'}"


class Turn(models.Model):
    """A job's right to run a processor of which only so many may run at once, on all machines."""

    processor = models.CharField(max_length=60)
    file = models.ForeignKey(UploadedFile, models.CASCADE)
    attempt = models.IntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["processor", "file"], name="one_turn_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.processor} of {self.file_id} #{self.attempt}"


class Step(models.Model):
    """One processor's run inside a job."""

    class State(models.TextChoices):
        """Where a step stands."""

        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        SKIPPED = "skipped"

    file = models.ForeignKey(UploadedFile, models.CASCADE, related_name="steps")
    # the file's, until a newer attempt of the file has ended
    space = models.ForeignKey(Space, models.CASCADE, null=True, db_index=False)
    attempt = models.IntegerField()
    position = models.IntegerField()
    name = models.CharField(max_length=60)
    version = models.IntegerField()
    status = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    duration_ms = models.IntegerField(null=True)
    done = models.FloatField(null=True)
    total = models.FloatField(null=True)
    unit = models.CharField(max_length=20, null=True)
    error = models.JSONField(null=True)  # {code, message}
    detail = models.TextField(null=True)  # of a failure, for the processor's author
    result = models.JSONField(null=True)
    sent_on = models.JSONField(null=True)  # as events.SentOn
    worker = models.CharField(max_length=100, null=True)  # who ran it

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "attempt", "name"], name="one_step_per_attempt")
        ]
        indexes = [
            # for files with a result of an older version
            models.Index(
                fields=["space", "name", "version", "file"],
                name="steps_by_version",
                condition=models.Q(space__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.file_id} #{self.attempt}"


class Artifact(models.Model):
    """A file that a step made."""

    step = models.ForeignKey(Step, models.CASCADE, related_name="artifacts")
    file = models.ForeignKey(UploadedFile, models.CASCADE, related_name="artifacts")
    name = models.CharField(max_length=100)
    media_type = models.CharField(max_length=127)
    size = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "name"], name="one_artifact_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class KnownProcessor(models.Model):
    """A processor that a worker has, or (without a version) a mistake in an own one."""

    name = models.CharField(max_length=500, unique=True)  # or where the mistake is
    version = models.IntegerField(null=True)
    accepts = models.JSONField(default=list)  # media types
    builtin = models.BooleanField(default=False)
    problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class RowId(models.BigIntegerField):  # type: ignore[type-arg]
    """A key that is SQLite's own row number, so that a row is found without an index."""

    def db_type(self, connection: Any) -> str | None:
        """`integer` is what SQLite knows it by; it has 64 bits all the same."""
        return "integer" if connection.vendor == "sqlite" else super().db_type(connection)


class SearchEntry(models.Model):
    """The words of a file that has ended; `publishing.search` alone writes them.

    The index over them follows by itself: a virtual table with triggers on SQLite, a generated
    column on Postgres.
    """

    id = RowId(primary_key=True)  # in the order of (created_at, id) of the files
    file = models.OneToOneField(UploadedFile, models.CASCADE, related_name="search_entry")
    words = models.TextField()

    def __str__(self) -> str:
        return str(self.file_id)


class Event(models.Model):
    """One numbered, permanent change in a space's stream; `payload` is the event as it goes out."""

    space = models.ForeignKey(Space, models.CASCADE)
    seq = models.BigIntegerField()
    at = models.DateTimeField(default=timezone.now)
    file = models.UUIDField(null=True)  # ids, not keys: events outlive what they tell of
    batch = models.CharField(max_length=100, null=True)
    payload = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["space", "seq"], name="one_event_per_number")
        ]
        indexes = [models.Index(fields=["at"], name="events_by_age")]

    def __str__(self) -> str:
        return f"{self.space_id}:{self.seq}"
