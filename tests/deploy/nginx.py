"""A real nginx that runs the project's nginx.conf, on the loopback and on folders of the test."""

import os
import re
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.deploy.conftest import answer
from tests.support.processes import spawn

ROOT = Path(__file__).resolve().parents[2]


def program() -> str:
    """Where nginx is; fails with the command that installs it."""
    found = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    assert found, "nginx is needed: apt-get install nginx"
    return found


class Nginx:
    """Serves on 127.0.0.1:`port`, in front of the ports `upstreams`, over the files in `data`."""

    def __init__(self, folder: Path, *, port: int, upstreams: list[int], data: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.upstreams = upstreams
        (folder / "tmp").mkdir(parents=True)
        servers = " ".join(f"server 127.0.0.1:{each} max_fails=0;" for each in upstreams)
        text = (ROOT / "nginx.conf").read_text(encoding="utf-8")
        for there, here in (
            (r" /tmp/", f" {folder}/tmp/"),  # noqa: S108 - replaced by one of the test's own
            (r"server web:8000 max_fails=0;", servers),
            (r"listen 8080 default_server;", f"listen 127.0.0.1:{port} default_server;"),
            (r"alias /data/", f"alias {data}/"),
            (r"access_log /dev/stdout", f"access_log {folder}/access.log"),
        ):
            assert re.search(there, text), f"nginx.conf no longer says {there}"
            text = re.sub(there, here, text)
        self.file = folder / "nginx.conf"
        self.file.write_text(text, encoding="utf-8")

    def command(self, *more: str) -> list[str]:
        """nginx with this file; started by root it stays so, as the test's folders are root's."""
        user = "user root;" if os.geteuid() == 0 else ""
        return [program(), "-c", str(self.file), "-g", f"daemon off; {user}", *more]

    def __enter__(self) -> Self:
        self.log = (self.folder / "error.log").open("wb")
        self.process = spawn(self.command(), "TERM", stderr=self.log)
        answer(f"{self.url}/static/none", seconds=60).close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.log.close()
