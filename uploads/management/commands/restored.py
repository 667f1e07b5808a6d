"""`manage.py restored`: what must be done once after a backup was put back, before all else."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from uploads.models import Job, Space
from uploads.processing.jobs import lost
from uploads.publishing import log as stream


class Command(BaseCommand):
    """Go on from a backup."""

    help = "After a restore, with everything stopped: begins new streams and takes all jobs back."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Each space by itself, so that it can be run again when it is cut off."""
        spaces = list(Space.objects.values_list("pk", flat=True))
        for space_id in spaces:
            with transaction.atomic():
                stream.renew(space_id)
        workers = Job.objects.filter(state=Job.State.RUNNING).values_list("worker", flat=True)
        taken = 0
        for worker in set(workers):
            taken += _take_back(worker)
        self.stdout.write(f"{len(spaces)} streams begun anew, {taken} jobs taken back")


def _take_back(worker: str) -> int:
    """All jobs of one worker, some in each transaction."""
    taken = 0
    while True:
        with transaction.atomic():
            more = lost.take_back(worker)
        if not more:
            return taken
        taken += more
