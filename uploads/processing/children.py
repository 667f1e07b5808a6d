"""Files that come out of another file: the only module that brings them to their place on disk,
and chooses which of them become files of the space.

A step sends them on (`Context.child`). They are stored when the steps have ended, and become rows
in the transaction that ends the job (`attempts.finish`), so that a lost attempt leaves none. One
that its parent has already, by path and sha-256, is not made again, however often the parent is
processed. They belong to no batch: a batch's total is its sender's word.
"""

import hashlib
import os
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from uploads import names, storage
from uploads.errors import DiskFull
from uploads.models import Space, Step, UploadedFile
from uploads.processing.sandbox import Child, LeftOut, SendOn

log = structlog.get_logger(__name__)

SHOWN = 20  # of what was left out that are named


@dataclass(frozen=True)
class Found:
    """A file that a step sends on, stored under its id; `path` is what it is called inside."""

    id: uuid.UUID
    step: str
    path: str
    size: int
    sha256: str


@dataclass
class Inside:
    """All that the steps of one attempt send on, and what they left out."""

    found: list[Found] = field(default_factory=list)
    left_out: dict[str, LeftOut] = field(default_factory=dict)  # by step

    def __bool__(self) -> bool:
        return bool(self.found or self.left_out)

    def note(self, step: str, left_out: LeftOut) -> None:
        """What a step left out."""
        if left_out.total:
            before = self.left_out.get(step, LeftOut())
            shown = (*before.shown, *left_out.shown)[:SHOWN]
            self.left_out[step] = LeftOut(before.total + left_out.total, shown)


def may_send(depth: int, *, asked: bool) -> SendOn:
    """What the steps of a file may send on that lies so many containers deep."""
    return SendOn(
        wanted=tuple(settings.SEND_ON),
        asked=asked,
        deep=depth >= settings.CHILD_DEPTH,
        most=settings.CHILD_FILES,
        room=settings.CHILD_BYTES,
    )


def depth(file: UploadedFile) -> int:
    """How many containers a file lies in, as far as they are still there and it matters."""
    found, parent = 0, file.parent_id
    while parent is not None and found < settings.CHILD_DEPTH:
        found += 1
        parent = UploadedFile.objects.filter(pk=parent).values_list("parent", flat=True).first()
    return found


# -- on disk ---------------------------------------------------------------------------------------


def store(step: str, sent: Iterable[Child], inside: Inside) -> None:
    """Bring a step's files to their place, durably, and note them. Blocks for as long as it takes
    to read them once.
    """
    for child in sent:
        file_id = storage.new_id()
        try:
            storage.check_room(child.size)
            storage.adopt(file_id, child.file)
            with storage.path(file_id).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (DiskFull, OSError) as error:
            log.warning("could not be sent on", step=step, error=str(error))
            storage.remove(file_id)
            inside.note(step, LeftOut(1, ((child.path, "disk"),)))
        else:
            inside.found.append(Found(file_id, step, child.path, child.size, digest))


def touch(inside: Inside) -> None:
    """Make them young again, so that nobody takes them for what was left behind."""
    for one in inside.found:
        os.utime(storage.path(one.id))


def discard(inside: Inside) -> None:
    """Remove them; they will be nobody's."""
    for one in inside.found:
        storage.remove(one.id)


# -- as rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """What is to become a file, under which name and path."""

    found: Found
    name: str
    path: str


def choose(file: UploadedFile, inside: Inside) -> list[Chosen]:
    """Those that `file` does not have yet and that its space still holds; the others' content goes,
    and each step tells what became of what it sent on. In the transaction that ends the job, whose
    change has locked the space's row.
    """
    here = _room(file)
    chosen: list[Chosen] = []
    told: defaultdict[str, _Told] = defaultdict(_Told)
    for found in inside.found:
        name, path = names.fitted(f"{file.path or file.name}/{found.path}")
        why = here.refuses(path, found)
        told[found.step].count(found, why)
        if why is None:
            chosen.append(Chosen(found, name, path))
        else:
            transaction.on_commit(partial(storage.remove, found.id))
    _tell(file, told, inside.left_out)
    return chosen


def _room(file: UploadedFile) -> "_Room":
    """What may still come out of this file, and what its space has left."""
    has = list(UploadedFile.objects.filter(parent=file.pk).values_list("path", "sha256"))
    space = Space.objects.get(pk=file.space_id)
    return _Room(set(has), settings.CHILD_FILES - len(has), settings.CHILD_BYTES, space.room())


@dataclass
class _Room:
    """Files and bytes."""

    known: set[tuple[str, str | None]]
    files: int
    bytes: int
    quota: int | None

    def refuses(self, path: str, found: Found) -> str | None:
        """Why it does not become a file; None where it does, and takes its room."""
        if (path, found.sha256) in self.known:
            return "known"
        if self.files <= 0:
            return "number"
        if found.size > self.bytes:
            return "bytes"
        if self.quota is not None and found.size > self.quota:
            return "quota"
        self.known.add((path, found.sha256))
        self.files -= 1
        self.bytes -= found.size
        self.quota = None if self.quota is None else self.quota - found.size
        return None


@dataclass
class _Told:
    """What became of what one step sent on."""

    files: int = 0
    known: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def count(self, found: Found, why: str | None) -> None:
        if why is None:
            self.files += 1
        elif why == "known":
            self.known += 1
        else:
            self.left_out.append((found.path, why))

    def json(self, before: LeftOut) -> dict[str, Any]:
        shown = (*before.shown, *self.left_out)[:SHOWN]
        return {
            "files": self.files,
            "known": self.known,
            "left_out": [{"path": path, "reason": reason} for path, reason in shown],
            "left_out_total": before.total + len(self.left_out),
        }


def _tell(file: UploadedFile, told: Mapping[str, _Told], left_out: Mapping[str, LeftOut]) -> None:
    for step in {*told, *left_out}:
        said = told.get(step, _Told()).json(left_out.get(step, LeftOut()))
        rows = Step.objects.filter(file=file.pk, attempt=file.attempt, name=step)
        rows.update(sent_on=said)


def where(sent: Sequence[Child], artifacts: Mapping[Path, Path]) -> tuple[Child, ...]:
    """The same, each where it is now that the artifacts among them have been moved."""
    return tuple(Child(one.path, one.size, artifacts.get(one.file, one.file)) for one in sent)
