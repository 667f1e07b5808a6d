"""`/healthz`, `/readyz`, `/metrics`: whether this process lives, whether it can work, what it does.

What a check says is for people who run the server and names no secret: `/readyz` is open to all.
"""

import ipaddress
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Count, Min, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from project import database, health
from uploads import metrics, storage
from uploads.access.identity import Who
from uploads.errors import Forbidden, NotSignedIn
from uploads.models import Job, Space, Status
from uploads.processing import nudges
from uploads.publishing import doorbell
from uploads.reading import doors

PREFIX = "millrace"
ELSEWHERE = {"workers"}  # this process can take files and tell of them all the same
PROXIED = ("x-forwarded-for", "x-real-ip", "forwarded")  # a proxy that others reach us through


class Healthz(doors.Door):
    """Alive: the loop turns."""

    public = True

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """Asks nothing of anything else."""
        return doors.answer({"status": "alive"})


class Readyz(doors.Door):
    """Able to work; what is not well is named."""

    public = True

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """200, or 503 with the names in `failing`. `warnings` and `facts` never make it fail."""
        checks = await findings()
        troubled = sorted(name for name, problem in checks.items() if problem)
        failing = [name for name in troubled if name not in ELSEWHERE]
        body = {
            "status": "failing" if failing else "ready",
            "failing": failing,
            "warnings": [name for name in troubled if name in ELSEWHERE],
            "checks": {name: problem or "well" for name, problem in sorted(checks.items())},
            "facts": health.facts(),
        }
        return doors.answer(body, 503 if failing else 200)


async def findings() -> dict[str, str]:
    """What is wrong with each part that the server needs; "" where nothing is."""
    found = health.findings()
    expected = ("hub", "runner") if settings.ENGINE == "embedded" else ("hub",)
    for name in expected:
        if name not in found:
            found[name] = "" if name in health.facts() else "It has not started, or has ended."
    found["layer"] = "" if doorbell.healthy() else "Its own pulse does not come back through it."
    found["disk"] = await storage.in_pool(_disk)
    found["database"] = await _database()
    if settings.ENGINE == "procrastinate" and not found["database"]:
        found["workers"] = await _workers()
    return found


def _disk() -> str:
    if not os.access(settings.DATA_DIR, os.W_OK):
        return "DATA_DIR can't be written to."
    if storage.free_bytes() < settings.FREE_DISK_BYTES:
        return "The disk is nearly full; uploads are refused."
    return ""


async def _database() -> str:
    try:
        await database.read(_ask)
    except (OperationalError, InterfaceError):
        return "It can't be reached."
    return ""


async def _workers() -> str:
    try:
        alive = await database.read(nudges.listening)
    except (OperationalError, InterfaceError):
        return ""  # the database is what is not well
    return "" if alive else "No worker is alive; files wait for one."


def _ask() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


class Metrics(doors.Door):
    """For Prometheus; from this machine itself, or with a token that has the scope `metrics`."""

    public = True

    async def get(self, request: HttpRequest) -> HttpResponseBase:
        """What processes count, and what the database knows."""
        check_scope(request)
        checks = await findings()
        body = b"" if checks["database"] else generate_latest(await database.read(_stored))
        body += generate_latest(_now(checks)) + generate_latest(metrics.counted())
        return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def check_scope(request: HttpRequest) -> None:
    """Raises NotSignedIn or Forbidden for whoever may not see the numbers of all spaces."""
    who: Who | None = request.who  # type: ignore[attr-defined]
    if _from_here(request) or (who is not None and "metrics" in who.scopes):
        return
    raise NotSignedIn if who is None else Forbidden("That needs a token with the scope metrics.")


def _from_here(request: HttpRequest) -> bool:
    """Whether this machine itself asks, and not somebody else through a proxy on it, or a page in a
    browser on it whose name was made to lead here (DNS rebinding).
    """
    if any(name in request.headers for name in PROXIED):
        return False
    try:
        request.get_host()
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except (ValueError, DisallowedHost):
        return False


class _Families:
    """Numbers that were just found, in the form that the exposition takes."""

    def __init__(self, *families: Metric) -> None:
        self.families = families

    def collect(self) -> Iterator[Metric]:
        yield from self.families


def _registry(*families: Metric) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(*families))
    return registry


def _stored() -> CollectorRegistry:
    """What the database knows."""
    sums = Space.objects.aggregate(
        **{column: Sum(column) for column in Status.values},
        events=Sum("seq"),
        bytes=Sum("used_bytes"),
    )
    files = GaugeMetricFamily(f"{PREFIX}_files", "Files by status.", labels=["status"])
    for column in Status.values:
        files.add_metric([column], sums[column] or 0)
    events = CounterMetricFamily(
        f"{PREFIX}_events", "Events of all spaces.", value=sums["events"] or 0
    )
    stored = GaugeMetricFamily(
        f"{PREFIX}_stored_bytes", "Bytes of all files.", value=sums["bytes"] or 0
    )
    return _registry(files, events, stored, *_queue())


def _queue() -> Iterator[Metric]:
    queued = Job.objects.filter(state=Job.State.QUEUED)
    found = queued.aggregate(depth=Count("pk"), oldest=Min("queued_at"))
    now = timezone.now()
    age = 0.0 if found["oldest"] is None else (now - found["oldest"]).total_seconds()
    yield GaugeMetricFamily(f"{PREFIX}_queue_depth", "Jobs that wait.", value=found["depth"])
    yield GaugeMetricFamily(
        f"{PREFIX}_queue_age_seconds", "How long the oldest has waited.", value=max(0.0, age)
    )
    running = Job.objects.filter(state=Job.State.RUNNING)
    late = running.filter(lease_until__lt=now).count()
    yield GaugeMetricFamily(f"{PREFIX}_jobs_running", "Jobs that run.", value=running.count())
    yield GaugeMetricFamily(f"{PREFIX}_jobs_lost", "Jobs whose lease ran out.", value=late)


def _now(checks: dict[str, str]) -> CollectorRegistry:
    """How this process is."""
    up = GaugeMetricFamily(f"{PREFIX}_well", "1 where a part is well.", labels=["part"])
    for name, problem in checks.items():
        up.add_metric([name], 0 if problem else 1)
    free = GaugeMetricFamily(
        f"{PREFIX}_free_bytes", "Bytes that the disk has left.", value=storage.free_bytes()
    )
    facts = GaugeMetricFamily(
        f"{PREFIX}_facts", "What parts of this process say of themselves.", labels=["part", "fact"]
    )
    for part, name, value in _numbers(health.facts()):
        facts.add_metric([part, name], value)
    return _registry(up, free, facts)


def _numbers(facts: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, float]]:
    for part, values in facts.items():
        for name, value in values.items():
            if isinstance(value, bool | int | float):
                yield part, name, float(value)
