"""The only home of what this process counts; `/metrics` shows it (Prometheus).

Whoever makes a thing happen counts it here, where it happens. What the database knows anyway (files
by status, the queue, events) is not counted but read when somebody asks: `reading.health`. With
PROMETHEUS_MULTIPROC_DIR set, every process of a machine counts into files of that folder and any of
them answers for all. Labels come from short closed lists, never from users.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.conf import settings
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

disable_created_metrics()  # type: ignore[no-untyped-call]  # a sample more for each, for nobody

STEP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600)
WAIT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

UPLOADS = Counter("millrace_uploads", "Files received whole.", ["door"])
RECEIVED_BYTES = Counter("millrace_received_bytes", "Bytes stored of uploads.", ["door"])
SENT_BYTES = Counter("millrace_sent_bytes", "Bytes of contents and artifacts sent by us.")
STEPS = Counter("millrace_steps", "Steps that ended.", ["step", "outcome"])
STEP_DURATION = Histogram(
    "millrace_step_seconds", "How long steps took.", ["step"], buckets=STEP_SECONDS
)
JOBS = Counter("millrace_jobs", "Jobs that ended.", ["outcome"])
JOB_WAIT = Histogram("millrace_job_wait_seconds", "From queued to claimed.", buckets=WAIT_SECONDS)
SANDBOX = Gauge(
    "millrace_sandbox",
    "1 where a layer of the sandbox holds.",
    ["layer"],
    multiprocess_mode="livemin",
)
SOCKETS = Gauge(
    "millrace_sockets", "Subscribers connected now.", ["door"], multiprocess_mode="livesum"
)
FRAMES = Counter("millrace_frames", "Frames handed to subscribers.", ["type"])
SLOW = Counter("millrace_slow_subscribers", "Subscribers that were closed as too slow.")
LAG = Histogram(
    "millrace_delivery_seconds", "From an event's commit to outboxes.", buckets=LAG_SECONDS
)


def step_ended(step: str, outcome: str, duration_ms: float) -> None:
    """A step ended as `outcome`: done, or the code of its error."""
    STEPS.labels(step, outcome).inc()
    STEP_DURATION.labels(step).observe(duration_ms / 1000)


def job_claimed(waited_seconds: float) -> None:
    """A job left the queue."""
    JOB_WAIT.observe(max(0.0, waited_seconds))


def job_ended(outcome: str) -> None:
    """A job ended as `outcome`: processed, failed or cancelled."""
    JOBS.labels(outcome).inc()


def sandbox_started(layers: Mapping[str, bool]) -> None:
    """What holds processors in this process, as it was tried."""
    for layer, holds in layers.items():
        SANDBOX.labels(layer).set(holds)


@contextmanager
def served(address: tuple[str, int] | None) -> Iterator[None]:
    """Answer Prometheus on an address of one's own, for a process without a web server."""
    server = thread = None
    if address is not None:
        server, thread = start_http_server(address[1], address[0], counted())
    try:
        yield
    finally:
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            thread.join()
        if settings.METRICS_DIR:
            mark_process_dead(os.getpid(), settings.METRICS_DIR)  # type: ignore[no-untyped-call]


def counted() -> CollectorRegistry:
    """This process's counts, or those of all processes that share a folder for them."""
    if not settings.METRICS_DIR:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, settings.METRICS_DIR)  # type: ignore[no-untyped-call]
    return registry
