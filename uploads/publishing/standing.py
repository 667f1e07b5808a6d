"""What holds queues up, for whoever is told of it: the only module that looks up pauses."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from uploads.models import Pause
from uploads.publishing.describing import describe_pause

Held = dict[int | None, list[dict[str, Any]]]  # by space, None for the server: `events.QueuePause`


def pauses(space_id: int | None = None) -> list[Pause]:
    """The pauses that hold now, the oldest first: of one space, that of everything included, or all
    there are. Sync.
    """
    now = timezone.now()
    found = Pause.objects.filter(Q(until=None) | Q(until__gt=now)).select_related("space", "by")
    if space_id is not None:
        found = found.filter(Q(space=None) | Q(space=space_id))
    return list(found.order_by("since"))


def held() -> Held:
    """All that is paused, as subscribers are told it. Sync."""
    found: Held = {}
    for pause in pauses():
        found.setdefault(pause.space_id, []).append(describe_pause(pause))
    return found


def of(held: Held, space_id: int) -> list[dict[str, Any]]:
    """What holds one space up, the oldest first."""
    both = held.get(None, []) + held.get(space_id, [])
    return sorted(both, key=lambda pause: str(pause["since"]))
