"""How long a step will still take, from what was measured: the speed of this run, and of earlier
runs of the same step and kind.
"""

from collections import OrderedDict

REMEMBER = 500  # pairs of step and kind
SMOOTHING = 0.3  # weight of the newest run
TRUSTED_SECONDS = 2.0  # a run's own speed counts fully from here on


class Rates:
    """Units per second by (step, kind, unit)."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], float] = OrderedDict()

    def learn(self, step: str, kind: str, unit: str, done: float, seconds: float) -> None:
        """A run of `seconds` did `done` units."""
        if done <= 0 or seconds <= 0:
            return
        key = (step, kind, unit)
        rate = done / seconds
        before = self._known.pop(key, rate)
        self._known[key] = before + SMOOTHING * (rate - before)
        while len(self._known) > REMEMBER:
            self._known.popitem(last=False)

    def eta(
        self, key: tuple[str, str, str], done: float, total: float | None, seconds: float
    ) -> float | None:
        """Seconds left of a run that did `done` of `total` in `seconds`; None where nothing is
        known.
        """
        if total is None or total <= done:
            return None
        own = done / seconds if done > 0 and seconds > 0 else None
        known = self._known.get(key)
        if own is None and known is None:
            return None
        if own is None or known is None:
            rate = own or known or 0.0
        else:
            trust = min(1.0, seconds / TRUSTED_SECONDS)
            rate = known + trust * (own - known)
        return round((total - done) / rate, 1) if rate > 0 else None
