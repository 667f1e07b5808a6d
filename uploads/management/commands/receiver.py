"""`manage.py receiver`: the process for crowds of small files, which the server starts itself."""

import signal
import socket
from contextlib import suppress
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from project.lending import Borrower
from uploads.receiving.receiver import Receiver


class Command(BaseCommand):
    """Store small files."""

    help = "Stores small files for the server that starts it, until that closes the line."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Two sockets."""
        parser.add_argument("line", type=int, help="descriptor of the socket on which files come")
        parser.add_argument("turn", type=int, help="descriptor of the socket of the turn to write")

    def handle(self, *_args: Any, line: int, turn: int, **_options: Any) -> None:
        """Work until the server has gone."""
        for ending in (signal.SIGINT, signal.SIGTERM):  # meant for the server, which hangs up then
            signal.signal(ending, signal.SIG_IGN)
        receiver = Receiver(socket.socket(fileno=line), Borrower(socket.socket(fileno=turn)))
        with suppress(EOFError, ConnectionError):
            receiver.run()
