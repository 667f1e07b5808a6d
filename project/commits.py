"""What became of a commit whose answer was lost, and what is called after each: the only home of
both.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import Error, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from project.models import Writer as Mark

log = structlog.get_logger(__name__)

# A database that is started anew is waited for; one that stays away for longer is an error.
AWAY_SECONDS = 20
ASK_SECONDS = 0.1  # between two attempts to reach it
FORGET_MARKS = timedelta(days=2)  # of processes that are gone


class OutcomeUnknown(OperationalError):
    """The database went away during a commit and has not come back to tell what became of it."""


class Marks:
    """Numbers this writer's commits in a row of its own, where a commit's answer can get lost."""

    def __init__(self) -> None:
        self._id = uuid.uuid4()
        self._number = 0
        self._known = False

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction; leaving it without an error means that it was committed."""
        marked = connection.vendor == "postgresql"
        if marked and not self._known:
            self._begin()
        hooks: list[Callable[[], object]] = []
        asked = False
        try:
            with transaction.atomic():
                yield
                if marked:
                    self._mark()
                hooks = take_hooks()
                asked = True
        except (OperationalError, InterfaceError):
            if not (asked and marked and self._was_committed()):
                raise
        run_hooks(hooks)

    def _mark(self) -> None:
        self._number += 1
        with connection.cursor() as cursor:
            sql = "UPDATE project_writer SET commits = %s, at = now() WHERE id = %s"
            cursor.execute(sql, [self._number, self._id])

    def forget(self) -> None:
        """Leave no row behind."""
        if self._known:
            try:
                Mark.objects.filter(pk=self._id).delete()
            except Error:
                log.info("the writer's row stays until it is swept")

    def _begin(self) -> None:
        Mark.objects.filter(at__lt=timezone.now() - FORGET_MARKS).delete()
        Mark.objects.get_or_create(pk=self._id)
        self._known = True

    def _was_committed(self) -> bool:
        """Ask for the row; whoever still holds it, for the lost connection, is waited for."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            connection.close()
            try:
                with transaction.atomic():
                    mark = Mark.objects.select_for_update().get(pk=self._id)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise OutcomeUnknown(*error.args) from error
                time.sleep(ASK_SECONDS)
            else:
                return mark.commits == self._number


def take_hooks() -> list[Callable[[], object]]:
    """What is to be called after the commit. Django would forget it when the answer gets lost."""
    hooks: list[Callable[[], object]] = [entry[1] for entry in connection.run_on_commit]
    connection.run_on_commit = []
    return hooks


def run_hooks(hooks: list[Callable[[], object]]) -> None:
    """Call each, whatever becomes of the others."""
    for hook in hooks:
        try:
            hook()
        except Exception:
            log.exception("call after a commit failed")
