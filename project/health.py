"""The only list of what must be well for this server to be able to work.

Parts that live in a process put themselves on it while they live; `/readyz` reads it. A check
returns "" when all is well, else what is wrong in words for people. It runs on the event loop and
must not block.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)

Check = Callable[[], str]
Facts = Callable[[], Mapping[str, Any]]

_checks: dict[str, Check] = {}
_facts: dict[str, Facts] = {}


def watch(name: str, check: Check) -> Callable[[], None]:
    """Ask `check` whenever somebody wants to know; returns what takes it back."""
    _checks[name] = check
    return lambda: _forget(_checks, name, check)


def tell(name: str, facts: Facts) -> Callable[[], None]:
    """Show what `facts` says beside the checks; it never makes the server unready."""
    _facts[name] = facts
    return lambda: _forget(_facts, name, facts)


def _forget(known: dict[str, Any], name: str, mine: object) -> None:
    if known.get(name) is mine:  # whoever came after under this name stays
        del known[name]


def findings() -> dict[str, str]:
    """What each check says now, by name; a check that breaks is not well."""
    return {name: _asked(name, check) for name, check in list(_checks.items())}


def _asked(name: str, check: Check) -> str:
    try:
        return check()
    except Exception:
        log.exception("health check broke", check=name)
        return "Its check broke; the log says why."


def facts() -> dict[str, dict[str, Any]]:
    """What the parts say of themselves, by name."""
    return {name: dict(tell_all()) for name, tell_all in list(_facts.items())}
