"""What is said to the kernel of each connection, so that a peer that vanished is noticed."""

import socket
import subprocess
import sys

from project.server import SILENT_SECONDS, STUCK_SECONDS, notice_dead_peers
from tests.support.server import ROOT


def test_every_accepted_connection_inherits_that_dead_peers_are_noticed() -> None:
    with socket.socket() as listener:
        notice_dead_peers(listener)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            idle = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
            stuck = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert (idle, stuck) == (SILENT_SECONDS, STUCK_SECONDS * 1000)


def test_a_socket_file_is_left_as_it_is() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        notice_dead_peers(listener)


def test_gunicorn_does_so_before_the_first_connection() -> None:
    program = (
        "import runpy, socket, types; conf = runpy.run_path('gunicorn.conf.py');"
        "made = socket.socket(); listener = types.SimpleNamespace(sock=made);"
        "conf['when_ready'](types.SimpleNamespace(LISTENERS=[listener]));"
        "print(made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(STUCK_SECONDS * 1000)]
