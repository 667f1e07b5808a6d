"""How long we go on trying, and how fast."""

import random
import time

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 10.0


class Patience:
    """Pauses between attempts that grow, with jitter, until nothing has gone well for too long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._failing_since: float | None = None
        self._pause = FIRST_SECONDS

    def success(self) -> None:
        """Something has gone well: patience is whole again."""
        self._failing_since = None
        self._pause = FIRST_SECONDS

    def failure(self) -> float | None:
        """Seconds to wait before the next attempt; None when there should be none."""
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since >= self.seconds:
            return None
        longest, self._pause = self._pause, min(2 * self._pause, LONGEST_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads those who come again
