"""Makes a space of very many files, as years of use would leave them; no benchmark by itself.

`python -m benchmarks.filling NUMBER`, in the environment of the server that is to serve them.
"""

import os
import random
import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
django.setup()

from django.core.management import call_command  # noqa: E402 - after Django is set up
from django.db import transaction  # noqa: E402

from benchmarks.reading import BEGAN, SLUG, WORDS  # noqa: E402
from uploads import people  # noqa: E402
from uploads.models import SearchEntry, Space, UploadedFile  # noqa: E402
from uploads.publishing import search  # noqa: E402

KINDS = (("image", "image/jpeg"), ("text", "text/plain"), ("pdf", "application/pdf"))
IN_FLIGHT = 600
TEXT = "the quarterly harvest of the mill"


def fill(files: int) -> None:
    """In blocks, each in a transaction."""
    call_command("migrate", interactive=False, verbosity=0)
    space = people.shared_space(SLUG, people.person("keeper"))
    counts = dict.fromkeys(space.counts, 0)
    rows = _rows(space.pk, files)
    while block := list(islice(rows, 20_000)):
        with transaction.atomic():
            UploadedFile.objects.bulk_create(block, batch_size=500)
            ended = [(number, file) for number, file in enumerate(block) if file.finished_at]
            entries = [_entry(file, TEXT if number % 4 == 0 else "") for number, file in ended]
            SearchEntry.objects.bulk_create(entries, batch_size=2000)
        for file in block:
            counts[file.status] += 1
    Space.objects.filter(pk=space.pk).update(**counts, seq=files)


def _rows(space_id: int, files: int) -> Iterator[UploadedFile]:
    dice = random.Random(1)
    for number in range(files):
        flying = number >= files - IN_FLIGHT
        ended = dice.choices(["processed", "failed", "cancelled"], [97, 2, 1])[0]
        kind, media_type = KINDS[dice.randrange(3)]
        created = BEGAN + timedelta(seconds=number, microseconds=dice.randrange(10**6))
        yield UploadedFile(
            id=uuid.UUID(int=dice.getrandbits(128), version=4),
            space_id=space_id,
            name=f"{dice.choice(WORDS)}-{number:07}.{kind[:3]}",
            status="queued" if flying else ended,
            kind=None if flying else kind,
            media_type=None if flying else media_type,
            size=dice.randrange(10**8),
            sha256=f"{dice.getrandbits(256):064x}",
            complete=True,
            batch=f"drop-{number // 1000}",
            attempt=0 if flying else 1,
            created_at=created,
            received_at=created,
            finished_at=None if flying else created + timedelta(seconds=2),
        )


def _entry(file: UploadedFile, text: str) -> SearchEntry:
    found = search.entry_words(file, search.words(file.name, text))
    key = search.entry_key(file.created_at, file.pk)
    return SearchEntry(id=key, file_id=file.pk, words=found)


if __name__ == "__main__":
    fill(int(sys.argv[1]))
