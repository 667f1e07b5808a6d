"""The only module that makes and reads the cursors of lists: a place in an order, signed.

A cursor holds the last row's place in its order, so a page costs the same wherever it starts, and
rows that come meanwhile neither repeat nor hide others. It is signed because it goes into queries
as it is, and because whoever guesses at it should hear so instead of missing rows.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.utils.crypto import salted_hmac

from uploads.errors import BadRequest

SIGNATURE_BYTES = 12
CURSOR_CHARACTERS = 2000  # a long name is part of the place in the order by name


@dataclass(frozen=True)
class Place:
    """Where a row stands in the order `sort`: by `value` (None comes last), then by its id.

    `entry` is the row's place in the search index, where one was searched for.
    """

    sort: str
    value: Any
    id: UUID
    entry: int | None = None


def write(place: Place) -> str:
    """The cursor for what comes after `place`."""
    body = orjson.dumps([place.sort, place.value, place.id.hex, place.entry])
    return base64.urlsafe_b64encode(_signature(body) + body).rstrip(b"=").decode("ascii")


def read(cursor: str, sort: str) -> Place:
    """The place that a cursor names. Raises BadRequest for one not ours, or of another order."""
    if len(cursor) > CURSOR_CHARACTERS:
        raise BadRequest("cursor: that is not one that this server gave out.")
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    signature, body = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
    if not body or not hmac.compare_digest(signature, _signature(body)):
        raise BadRequest("cursor: that is not one that this server gave out.")
    kind, value, hexadecimal, entry = orjson.loads(body)
    if kind != sort:
        raise BadRequest(f"cursor: it belongs to a list sorted by {kind}; begin this one anew.")
    return Place(kind, value, UUID(hex=hexadecimal), entry)


def _signature(body: bytes) -> bytes:
    return salted_hmac("millrace.cursor", body, algorithm="sha256").digest()[:SIGNATURE_BYTES]
