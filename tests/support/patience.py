"""How long tests wait: for the law's time on a machine that does much else, for the rest very long.

Where a law names a time ("a cancelled step has stopped within a second"), `within` holds to it. The
other limits in tests guard against hanging alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

LOADED = 5  # how many times slower than idle a machine may be on which all tests run at once


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What is done inside takes no longer than the law says, leaving a factor for the machine."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < LOADED * seconds, f"{took:.2f} s instead of {seconds} s"
