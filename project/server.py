"""The only place that says how a process serves us, in `manage.py serve` and gunicorn's workers."""

import resource
import socket
from typing import Any

# A proxy must close an idle connection before we do, or a request may meet a closed door;
# nginx.conf says 60 s.
KEEP_ALIVE_SECONDS = 75
# Once this has passed, subscribers have been told to come again (1012), and uploads that still run
# are cut where they are, to be resumed.
GRACEFUL_SECONDS = 10
# A peer that vanished without a word is noticed after so long: while nothing is on its way to it,
# and while it takes nothing of what is. Not sooner: whoever pauses a film takes nothing either.
SILENT_SECONDS, STUCK_SECONDS = 60, 300

UVICORN: dict[str, Any] = {
    "loop": "uvloop",
    "http": "project.connections:Connections",  # bounds what comes before a request is one
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


def notice_dead_peers(listener: socket.socket) -> None:
    """Every connection that it accepts inherits this; without it the kernel waits for hours."""
    if listener.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENT_SECONDS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENT_SECONDS // 4)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STUCK_SECONDS * 1000)


def raise_file_limit() -> None:
    """Let this process and its children open as many files as the system allows.

    Each upload, subscriber and database connection is one.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
