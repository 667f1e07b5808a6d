"""The only module that lists files: filters, orders, search; a page costs the same at any size.

A page is found in one of three ways. When some filter leaves only a few files, these are fetched
and put in order (`few`). Otherwise rows are walked in their order, through the index that fits best,
until the page is full (`walk`); in a search by time of creation, matches are walked (`matches`).
No page looks at more than SCAN rows: where rare files hide among very many, it may hold fewer than
`limit`, or none, and its `next` leads on.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from uploads.models import IN_FLIGHT, Space, Status, UploadedFile
from uploads.publishing.search import Match, Sql, entry_key, terms
from uploads.reading import cursors
from uploads.reading.cursors import Place

FEW = 4000  # files that are fetched and sorted rather than walked to
FEW_SEARCHED = 500  # likewise, where each must be looked up in the search index too
SCAN = 50_000  # rows that one page looks at
SCAN_MATCHES = 5000  # matches that one page looks at
FLIGHT = 1000  # newest files in flight, whose names are searched though they have no entry yet
TABLE = "uploads_uploadedfile"


@dataclass(frozen=True)
class Filters:
    """Which files: all of what is given must be so. Sizes in bytes; `until` and `below` exclude."""

    status: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    media_type: tuple[str, ...] = ()  # "image/png", "image/*"
    sha256: str | None = None
    batch: str | None = None
    parent: UUID | None = None
    q: str = ""
    since: datetime | None = None
    until: datetime | None = None
    at_least: int | None = None
    below: int | None = None


@dataclass(frozen=True)
class Page:
    """Files in order, and the cursor of the next page; None after the last."""

    files: list[UploadedFile]
    next: str | None
