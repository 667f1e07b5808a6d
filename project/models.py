"""The one table of the wiring: how far each writing thread has come (`project.commits`)."""

import uuid

from django.db import models
from django.utils import timezone


class Writer(models.Model):
    """A writing thread of a process; `commits` is the number of its last transaction."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    commits = models.BigIntegerField(default=0)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.pk}: {self.commits}"
