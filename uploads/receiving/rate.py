"""The only module that bounds how fast one user creates uploads: a token bucket for each, in this
process.

It holds a full minute's worth, so that a folder dropped at once passes, and fills evenly.
"""

import math
import time
from collections import OrderedDict
from dataclasses import dataclass

from django.conf import settings

from uploads.errors import TooManyRequests

REMEMBERED = 10_000  # users; one who is forgotten starts with a full bucket


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


_buckets: OrderedDict[int, _Bucket] = OrderedDict()


def take(user_id: int) -> None:
    """One more upload of this user. Raises TooManyRequests, which says when to come again."""
    most = settings.UPLOADS_PER_MINUTE
    if not most:
        return
    now = time.monotonic()
    bucket = _buckets.setdefault(user_id, _Bucket(most, now))
    _buckets.move_to_end(user_id)
    while len(_buckets) > REMEMBERED:
        _buckets.popitem(last=False)
    bucket.left = min(most, bucket.left + (now - bucket.at) * most / 60)
    bucket.at = now
    if bucket.left < 1:
        seconds = math.ceil((1 - bucket.left) * 60 / most)
        raise TooManyRequests(
            f"At most {most} uploads a minute are taken from one user; go on in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )
    bucket.left -= 1
