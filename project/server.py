"""The only place that says how a process serves us, in `manage.py serve` and gunicorn's workers."""

import resource
from typing import Any

# A proxy must close an idle connection before we do, or a request may meet a closed door;
# nginx.conf says 60 s.
KEEP_ALIVE_SECONDS = 75
# Once this has passed, subscribers have been told to come again (1012), and uploads that still run
# are cut where they are, to be resumed.
GRACEFUL_SECONDS = 10

UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "project.sockets:Sockets",  # send() waits for the socket, so a slow subscriber is felt
    "ws_max_size": 64 * 1024,  # clients send a hello and little else
    "ws_per_message_deflate": False,  # three times the memory of an idle subscriber
    "lifespan": "on",  # what fails to start must not serve
    "interface": "asgi3",
    "access_log": False,  # requests are logged where their ids are known
    "log_config": None,
    "server_header": False,
    "timeout_keep_alive": KEEP_ALIVE_SECONDS,
    "timeout_graceful_shutdown": GRACEFUL_SECONDS,
}


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the system allows.

    Each upload, subscriber and database connection is one.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
