"""The servers that uploads are compared with, each in a process of its own on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import node
from tests.support.server import ROOT, free_port

START_SECONDS = 20


@dataclass(frozen=True)
class Peer:
    """Where a server listens."""

    name: str
    port: int
    pid: int
    creation: str = "/uploads"


@contextmanager
def tus_server(folder: Path, name: str = "node-large") -> Iterator[Peer]:
    """@tus/server on Node, with its file store."""
    port = free_port()
    packages = node.packages(ROOT / "benchmarks" / "node")
    script = ROOT / "benchmarks" / "peer_tus_server.mjs"
    files = folder / name
    files.mkdir()
    with running([str(node.NODE), str(script), str(packages), str(port), str(files)], port) as pid:
        yield Peer("@tus/server", port, pid)


@contextmanager
def tuspyserver(folder: Path) -> Iterator[Peer]:
    """tuspyserver on FastAPI and uvicorn."""
    with _python("benchmarks.peer_tuspyserver", folder / "tuspyserver") as (port, pid):
        yield Peer("tuspyserver", port, pid, "/files/")


@contextmanager
def stock_django(folder: Path) -> Iterator[Peer]:
    """An async Django view with one insert, under Django's own handler and middleware."""
    with _python("benchmarks.peer_django", folder / "django") as (port, pid):
        yield Peer("stock Django", port, pid, "/upload/")


@contextmanager
def nginx_dav(folder: Path) -> Iterator[Peer]:
    """nginx with WebDAV's PUT."""
    port, root = free_port(), folder / "nginx"
    (root / "files").mkdir(parents=True)
    user = "user root;" if os.geteuid() == 0 else ""
    conf = root / "nginx.conf"
    conf.write_text(
        f"""{user} daemon off; pid {root}/pid; error_log {root}/error.log; worker_processes 2;
        events {{ worker_connections 256; }}
        http {{
          access_log off; client_body_temp_path {root}/temp; client_max_body_size 0;
          server {{ listen 127.0.0.1:{port}; root {root}/files; location / {{ dav_methods PUT; }} }}
        }}"""
    )
    with running(["nginx", "-e", str(root / "error.log"), "-c", str(conf)], port) as pid:
        yield Peer("nginx WebDAV", port, pid, "/")


@contextmanager
def _python(module: str, folder: Path) -> Iterator[tuple[int, int]]:
    folder.mkdir()
    port = free_port()
    with running([sys.executable, "-m", module, str(port), str(folder)], port) as pid:
        yield port, pid


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[int]:
    """The pid of a server that is started by `command`, once it listens."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        _await(port, process)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.05)
        else:
            return
