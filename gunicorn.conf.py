"""How gunicorn runs Millrace: uvicorn workers, restarted one by one, told by time-outs that agree.

    gunicorn asgi:application                       # WEB_CONCURRENCY workers (1) on 127.0.0.1:8000
    gunicorn --bind 0.0.0.0:8000 asgi:application   # behind a proxy on another host

Several workers are several processes: they need DATABASE_URL (Postgres), REDIS_URL and
ENGINE=procrastinate. One worker is enough for the embedded engine.
"""

from pathlib import Path
from typing import Any, ClassVar

from prometheus_client.multiprocess import mark_process_dead
from uvicorn_worker import UvicornWorker

from project import env
from project.server import GRACEFUL_SECONDS, UVICORN, notice_dead_peers, raise_file_limit

COUNTS = env.text("PROMETHEUS_MULTIPROC_DIR", "", "Folder in which all web processes count.")


class Worker(UvicornWorker):  # type: ignore[misc]  # it comes without types
    """A uvicorn that is configured as `manage.py serve` configures its own."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = UVICORN


bind = ["127.0.0.1:8000"]
worker_class = Worker
# Each worker starts threads, an event loop and a sandbox of its own, none of which survives a fork.
preload_app = False
# A worker whose loop has not turned for this long is replaced. A long request does not stop it.
timeout = 60
# After SIGTERM: the requests' own time first, then time for the services to leave in order.
graceful_timeout = GRACEFUL_SECONDS + 20
# A worker's sign of life is a file that it touches; on a disk busy with uploads that can block.
worker_tmp_dir = "/dev/shm"  # noqa: S108 - it holds nothing, under no name
# Nothing listens that no one asked for.
control_socket_disable = True
accesslog = None  # the application logs requests, where their ids are known
errorlog = "-"


def on_starting(_arbiter: Any) -> None:
    """Before the first worker: more files, and counts without those of processes that are gone."""
    raise_file_limit()
    if not COUNTS:
        return
    folder = Path(COUNTS)
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        if not Path("/proc", file.stem.rpartition("_")[2]).exists():
            file.unlink()


def when_ready(arbiter: Any) -> None:
    """Before the first connection."""
    for listener in arbiter.LISTENERS:
        notice_dead_peers(listener.sock)


def child_exit(_arbiter: Any, worker: Any) -> None:
    """A worker's gauges go with it, and what it has counted stays."""
    if COUNTS:
        mark_process_dead(worker.pid, COUNTS)  # type: ignore[no-untyped-call]  # it has no types
