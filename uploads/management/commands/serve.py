"""`manage.py serve`: everything that `make run` needs after the installation, in one process on
127.0.0.1.
"""

import hashlib
import signal
import socket
import sys
from argparse import ArgumentParser
from types import FrameType
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor

from project.server import UVICORN, notice_dead_peers, raise_file_limit
from uploads import people
from uploads.models import User

OPERATOR = "admin"


class Server(uvicorn.Server):
    """Prints the sign-in link when the first page can be had."""

    link = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say where."""
        await super().startup(sockets)
        if self.started:
            sys.stdout.write(f"Millrace is ready. Sign in once at {self.link}\n")
            sys.stdout.flush()


class Command(BaseCommand):
    """Serve on 127.0.0.1."""

    help = "Migrates, collects static files, and serves on 127.0.0.1:$PORT."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """No options: the environment says all."""

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Prepare what is missing, then serve until a signal."""
        settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
        raise_file_limit()
        listener = _listen(settings.PORT)
        _migrate()
        _collect_static()
        with transaction.atomic():
            operator, _ = User.objects.get_or_create(
                username=OPERATOR,
                defaults={"is_staff": True, "is_superuser": True, "password": make_password(None)},
            )
            people.private_space(operator)
            link = people.make_sign_in_link(operator)
        connection.close()
        server = Server(_config())
        server.link = f"http://127.0.0.1:{settings.PORT}{link}"
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _ended_in_order)
        server.run(sockets=[listener])
        if not server.started:
            raise CommandError("the server did not start; the log above says why")


def _ended_in_order(_number: int, _frame: FrameType | None) -> None:
    """uvicorn raises the signal once more after it has ended everything; nothing is left to do."""


def _config() -> uvicorn.Config:
    return uvicorn.Config("asgi:application", proxy_headers=False, **UVICORN)


def _listen(port: int) -> socket.socket:
    """Take the port before anything else is done, so that a second server leaves the first one's
    data alone.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    notice_dead_peers(listener)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        raise CommandError(
            f"port {port} on 127.0.0.1 can't be had ({error.strerror}); set PORT to another"
        ) from None
    return listener


def _migrate() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", interactive=False, verbosity=0)


def _collect_static() -> None:
    """Collect only when a source file is newer than the last collection."""
    mark = settings.STATIC_ROOT / ".collected"
    facts = hashlib.sha256()
    for folder in settings.STATICFILES_DIRS:
        for path in sorted(folder.rglob("*")):
            facts.update(f"{path}:{path.stat().st_mtime_ns}\n".encode())
    if mark.exists() and mark.read_text(encoding="ascii") == facts.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0)
    mark.write_text(facts.hexdigest(), encoding="ascii")
