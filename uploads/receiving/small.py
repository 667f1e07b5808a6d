"""A small file whose bytes are all in memory: looked at and stored, several in one go."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from uploads import storage
from uploads.errors import ApiError, ChecksumMismatch, DigestMismatch
from uploads.processing.jobs.arrivals import Arrival
from uploads.receiving import tus
from uploads.receiving.content import store_whole
from uploads.receiving.tus import Checksum

MOST = 64  # files in one write


@dataclass(eq=False, slots=True)
class Small:
    """What is known of it, its bytes, and what they must hash to."""

    arrival: Arrival
    data: bytes
    checksum: Checksum | None = None


def store(files: Sequence[Small]) -> list[str | Exception]:
    """Blocks. The sha-256 of each that is stored now, and why each of the others is not."""
    outcomes: list[str | Exception] = [_check(file) for file in files]
    place = {file.arrival.id: number for number, file in enumerate(files)}
    good = [
        (file.arrival.id, file.data)
        for file, outcome in zip(files, outcomes, strict=True)
        if isinstance(outcome, str)
    ]
    for file_id, error in store_whole(good, lasting=settings.UPLOAD_FSYNC).items():
        outcomes[place[file_id]] = storage.as_answer(error)
    return outcomes


def _check(file: Small) -> str | ApiError:
    checksum = file.checksum
    if checksum is not None:
        hashing = tus.hasher(checksum)
        hashing.update(file.data)
        if hashing.digest() != checksum.digest:
            return ChecksumMismatch()
    sha256 = hashlib.sha256(file.data).hexdigest()
    if file.arrival.expected_sha256 not in {None, sha256}:
        return DigestMismatch()
    return sha256
