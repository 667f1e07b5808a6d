"""Which tests stay together when several processes share them (`make test`), and which begin.

A file's tests stay in one process, since they share servers; so do the files that share one whole
installation. What takes longest begins, so that no process is left with it at the end. There is a
process more than two cores would need, since many tests wait rather than compute.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

INSTALLATION = (
    "tests/production/test_faults.py",
    "tests/production/test_stream.py",
    "tests/production/test_workers.py",
)
FIRST: tuple[str | tuple[str, ...], ...] = (
    INSTALLATION,
    "tests/production/test_laws.py",
    "tests/receiving/test_crowd.py",
    "tests/pages/test_live.py",
    "tests/pages/test_accessible.py",
    "tests/sandbox/test_ordinary_user.py",
    "tests/production/",
    "tests/pages/test_file.py",
    "tests/processing/test_mailing.py",
    "tests/pages/test_reload.py",
    "tests/pages/test_dashboard.py",
    "tests/pages/test_catching_up.py",
    "tests/pages/",
    "tests/whole/",
    "tests/processors/test_bombs.py",
    "tests/processors/test_rendered.py",
    "tests/receiving/test_faults.py",
    "tests/receiving/test_expiration.py",
    "tests/receiving/test_clients.py",
    "tests/deploy/",
    "tests/sandbox/test_lifetime.py",
    "tests/sandbox/test_own_processors.py",
    "tests/sandbox/test_caps.py",
    "tests/processing/test_processor_command.py",
)


class Parts(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out parts of the tests in the order of `sort`."""

    def _split_scope(self, nodeid: str) -> str:
        return "installation" if nodeid.startswith(INSTALLATION) else nodeid.split("::")[0]


def sort(items: list[pytest.Item]) -> None:
    """The long parts first; otherwise as they are."""

    def place(item: pytest.Item) -> int:
        found = (at for at, part in enumerate(FIRST) if item.nodeid.startswith(part))
        return next(found, len(FIRST))

    items.sort(key=place)
