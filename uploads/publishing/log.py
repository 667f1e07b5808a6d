"""The stream: the only module that numbers, keeps and prunes events.

A space's number, counts and used bytes change on the space's row in the transaction of the change,
so that commits are in the order of their numbers and a reader never sees a hole.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from uploads.errors import BadRequest, CursorGone, NotFound
from uploads.models import Batch, Event, Space, Status, UploadedFile, new_epoch
from uploads.publishing import doorbell
from uploads.publishing.describing import describe, describe_batch, has_ended, moment
from uploads.statements import Plus, insert, insert_values, update

PAGE = 1000  # events read at once, at the most


@dataclass(frozen=True)
class Head:
    """Where a space's stream stands, and its counts there."""

    slug: str
    epoch: str
    seq: int
    counts: dict[str, int]


def cursor_of(epoch: str, seq: int) -> str:
    """`epoch:seq`, opaque to clients."""
    return f"{epoch}:{seq}"


def parse_cursor(cursor: str) -> tuple[str, int]:
    """(epoch, seq). Raises BadRequest for what no stream of ours has given out."""
    epoch, _, digits = cursor.partition(":")
    if not (epoch.isalnum() and digits.isdecimal() and len(cursor) <= 40):
        raise BadRequest("That is not a cursor that this server gave out.")
    return epoch, int(digits)


def created(file: UploadedFile) -> Space:
    """A file has come, in whatever status it is now; the space as that leaves it."""
    return _file_event("file.created", file, None, file.status, used=file.size or 0)


def created_together(files: Sequence[UploadedFile]) -> Space:
    """Several files of one space have come, in one status: as `created`, with fewer statements."""
    space_id, status, number = files[0].space_id, str(files[0].status), len(files)
    used = sum(file.size or 0 for file in files)
    changes = {"seq": Plus(number), "used_bytes": Plus(used), status: Plus(number)}
    space = update(Space, changes, id=space_id)
    if space is None:
        raise NotFound("The space is gone.")
    at = timezone.now()
    noted, last = [], space.counts
    for still, file in zip(reversed(range(number)), files, strict=True):
        seq = space.seq - still
        told = describe(file, space.slug)
        body = {"seq": seq, "type": "file.created", "at": moment(at), "file": told}
        counts = last | {status: last[status] - still}  # as they were after this one
        noted.append(_Noted(space, seq, counts, at, body, file.pk, file.batch))
    _append_all(noted)
    for key, of_batch in Counter(file.batch for file in files).items():
        if key is not None:
            _move_batch(space_id, key, None, status, number=of_batch)
    return space


def updated(file: UploadedFile, before: str, *, used: int = 0) -> Space:
    """A file has changed; `before` was its status. `used` is by how much the space's bytes grow."""
    return _file_event("file.updated", file, before, file.status, used=used)


def deleted(file: UploadedFile, before: str) -> Space:
    """A file has gone."""
    return _file_event("file.deleted", file, before, None, used=-(file.size or 0))


def _file_event(
    kind: str, file: UploadedFile, before: str | None, after: str | None, *, used: int
) -> Space:
    space = _advance(file.space_id, before, after, used)
    at = timezone.now()
    body = {"seq": space.seq, "type": kind, "at": moment(at), "file": describe(file, space.slug)}
    _append(space, at, body, file=file.pk, batch=file.batch)
    if file.batch is not None and before != after:
        _move_batch(file.space_id, file.batch, before, after)
    return space


def _advance(space_id: int, before: str | None, after: str | None, used: int = 0) -> Space:
    """Take the next number and move the counts; locks the space's row until the commit."""
    changes = {"seq": Plus(1), "used_bytes": Plus(used), **_moved(before, after)}
    space = update(Space, changes, id=space_id)
    if space is None:
        raise NotFound("The space is gone.")
    return space


def _moved(before: str | None, after: str | None, number: int = 1) -> dict[str, Plus]:
    if before == after:
        return {}
    return {
        str(status): Plus(amount)
        for status, amount in ((before, -number), (after, number))
        if status is not None
    }


@dataclass(frozen=True)
class _Noted:
    """An event to be kept and rung; `counts` as it leaves them."""

    space: Space
    seq: int
    counts: dict[str, int]
    at: datetime
    body: dict[str, Any]
    file: UUID | None
    batch: str | None


def _append(
    space: Space, at: datetime, body: dict[str, Any], *, file: UUID | None, batch: str | None
) -> None:
    _append_all([_Noted(space, space.seq, space.counts, at, body, file, batch)])


def _append_all(noted: Sequence[_Noted]) -> None:
    rows, rings = [], []
    for one in noted:
        payload = orjson.dumps(one.body).decode()
        rows.append(
            {
                "space_id": one.space.pk,
                "seq": one.seq,
                "at": one.at,
                "file": one.file,
                "batch": one.batch,
                "payload": payload,
            }
        )
        change = {
            "space": one.space.pk,
            "epoch": one.space.epoch,
            "seq": one.seq,
            "event": payload,
            "file": None if one.file is None else str(one.file),
            "batch": one.batch,
            "counts": one.counts,
        }
        rings.append(partial(doorbell.ring, change))
    insert_values(Event, rows)
    for ring in rings:
        transaction.on_commit(ring)


def _move_batch(
    space_id: int, key: str, before: str | None, after: str | None, *, number: int = 1
) -> None:
    """Move the batch's own counts; the event of its end follows the last file's."""
    changes = _moved(before, after or "gone", number)
    batch = update(Batch, changes, space_id=space_id, key=key)
    if batch is None:
        batch = Batch(space_id=space_id, key=key)
        for column, moved in changes.items():
            setattr(batch, column, moved.amount)
        insert([batch])
    _see_end(batch)


def announce(space_id: int, key: str, total: int) -> Batch:
    """The sender says how many files the batch has, fewer than it has said before, too. Raises
    NotFound while none has come.
    """
    Space.objects.select_for_update().filter(pk=space_id).first()  # its row is locked before others
    batch = update(Batch, {"total": total}, space_id=space_id, key=key)
    if batch is None:
        raise NotFound
    _see_end(batch)
    return batch


def _see_end(batch: Batch) -> None:
    """Note that a batch has ended, or goes on again."""
    if has_ended(batch) and batch.ended_at is None:
        batch.ended_at = timezone.now()
        update(Batch, {"ended_at": batch.ended_at}, id=batch.pk)
        space = _advance(batch.space_id, None, None)
        at, told = moment(batch.ended_at), describe_batch(batch)
        body = {"seq": space.seq, "type": "batch.ended", "at": at, "batch": told}
        _append(space, batch.ended_at, body, file=None, batch=batch.key)
    elif batch.ended_at is not None and not has_ended(batch):
        update(Batch, {"ended_at": None}, id=batch.pk)


def head(space_id: int) -> Head:
    """Where the stream stands now."""
    values = Space.objects.values_list("slug", "epoch", "seq", *Status.values).get(pk=space_id)
    slug, epoch, seq, *counts = values
    return Head(slug, epoch, seq, dict(zip(Status.values, counts, strict=True)))


def heads(space_ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    """(epoch, seq) of each space."""
    rows = Space.objects.filter(pk__in=list(space_ids)).values_list("pk", "epoch", "seq")
    return {pk: (epoch, seq) for pk, epoch, seq in rows}


@dataclass(frozen=True)
class Page:
    """Events in order, as `(seq, payload, file, batch)`, and where the stream stands after the last
    of them.
    """

    epoch: str
    seq: int
    events: list[tuple[int, str, str | None, str | None]]
    more: bool
    counts: dict[str, int]


def read(
    space_id: int,
    after: tuple[str, int] | None,
    limit: int = PAGE,
    *,
    file: str | None = None,
    batch: str | None = None,
) -> Page:
    """Events after a cursor (None: from the oldest kept), at most `limit`.

    Raises CursorGone when the stream can't be continued from there: another epoch, pruned, or a
    number not yet given. Counts are those of the space at the time of reading. Call it inside
    `database.consistent()` or a transaction.
    """
    space = Space.objects.get(pk=space_id)
    start = space.pruned_seq
    if after is not None:
        epoch, start = after
        if epoch != space.epoch or not space.pruned_seq <= start <= space.seq:
            raise CursorGone
    rows = Event.objects.filter(space_id=space_id, seq__gt=start).order_by("seq")
    if file is not None:
        rows = rows.filter(file=file)
    if batch is not None:
        rows = rows.filter(batch=batch)
    found = list(rows.values_list("seq", "payload", "file", "batch")[: limit + 1])
    more = len(found) > limit
    events = [
        (seq, payload, None if at is None else str(at), key)
        for seq, payload, at, key in found[:limit]
    ]
    seq = events[-1][0] if more else space.seq
    return Page(space.epoch, seq, events, more, space.counts)


def prune(space_id: int) -> int:
    """Drop events that are too old or too many; returns how many."""
    space = Space.objects.select_for_update().get(pk=space_id)
    limit = space.seq - settings.EVENTS_KEEP
    old = Event.objects.filter(
        space_id=space_id, at__lt=timezone.now() - timedelta(days=settings.EVENTS_KEEP_DAYS)
    )
    newest_old = old.order_by("-seq").values_list("seq", flat=True).first() or 0
    upto = max(limit, newest_old, space.pruned_seq)
    if upto <= space.pruned_seq:
        return 0
    gone, _ = Event.objects.filter(space_id=space_id, seq__lte=upto).delete()
    Space.objects.filter(pk=space_id).update(pruned_seq=upto)
    return gone


def renew(space_id: int) -> None:
    """Begin a new epoch: after a restore from a backup, old cursors must not be honoured."""
    space = Space.objects.select_for_update().get(pk=space_id)
    Event.objects.filter(space_id=space_id).delete()
    Space.objects.filter(pk=space_id).update(epoch=new_epoch(), pruned_seq=space.seq)
