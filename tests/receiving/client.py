"""A tus client that does exactly what it is told, wrong things included, and a raw socket."""

import base64
import hashlib
import re
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.support.patience import LOADED
from tests.support.server import Server

VERSION = {"Tus-Resumable": "1.0.0"}
SOON = 1 * LOADED  # seconds
SENDERS = 20  # at once, of `post_all`
BYTES = {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: str) -> dict[str, str]:
    """An Upload-Metadata header."""
    pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())
    return {"Upload-Metadata": ",".join(pairs)}


def checksum(algorithm: str, data: bytes) -> dict[str, str]:
    """An Upload-Checksum header."""
    digest = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    return {"Upload-Checksum": f"{algorithm} {digest}"}


class Tus:
    """One user's requests to one server."""

    def __init__(self, server: Server, token: str) -> None:
        self.server = server
        self.token = token
        self.http = server.client(token)

    def post(self, headers: dict[str, str], body: bytes | None = None) -> httpx.Response:
        """POST /uploads/."""
        return self.http.post("/uploads/", headers=VERSION | headers, content=body)

    def create(self, length: int | None, **names: str) -> str:
        """A new upload's address; `length` None defers it."""
        size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        answer = self.post(size | (metadata(**names) if names else {}))
        assert answer.status_code == 201, answer.text
        return answer.headers["Location"]

    def post_all(self, files: Mapping[str, bytes], **more: str) -> dict[str, httpx.Response]:
        """The answers to creations with their bytes, many at once, by the files' names; further
        metadata as keywords.
        """

        def one(name: str) -> httpx.Response:
            headers = {"Upload-Length": str(len(files[name]))} | BYTES
            return self.post(headers | metadata(filename=name, **more), files[name])

        with ThreadPoolExecutor(SENDERS) as senders:
            return dict(zip(files, senders.map(one, files), strict=True))

    def head(self, url: str) -> httpx.Response:
        """HEAD."""
        return self.http.head(url, headers=VERSION)

    def offset(self, url: str) -> int:
        """Where the upload stands."""
        answer = self.head(url)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["Upload-Offset"])

    def patch(self, url: str, offset: int, body: bytes = b"", **headers: str) -> httpx.Response:
        """PATCH; further headers as keywords, with _ for -."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.patch(
            url, headers=VERSION | BYTES | {"Upload-Offset": str(offset)} | more, content=body
        )

    def delete(self, url: str) -> httpx.Response:
        """DELETE."""
        return self.http.delete(url, headers=VERSION)

    def file(self, url: str) -> dict:
        """The JSON of the file that an upload is."""
        answer = self.http.get(f"/api/files/{url.rpartition('/')[2]}/")
        assert answer.status_code == 200, answer.text
        file: dict = answer.json()
        return file

    def counts(self) -> dict[str, int]:
        """Files of the user's space by status."""
        counts: dict[str, int] = self.http.get("/api/counts/").raise_for_status().json()
        return counts

    def content(self, url: str) -> bytes:
        """What is on disk of an upload."""
        return stored(self.server, url)

    def connect(self) -> socket.socket:
        """A connection to the server."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=30)

    def begin_patch(self, url: str, offset: int, length: int | None) -> socket.socket:
        """A PATCH whose body the test sends itself; `length` None: chunked."""
        return self.begin("PATCH", url, length, {"Upload-Offset": str(offset)})

    def begin(
        self, method: str, url: str, length: int | None, headers: dict[str, str]
    ) -> socket.socket:
        """The head of a request whose body the test sends itself."""
        framing = (
            {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        )
        lines = [f"{method} {url} HTTP/1.1", "Host: 127.0.0.1"]
        all_headers = VERSION | BYTES | {"Authorization": f"Bearer {self.token}"}
        lines += [f"{key}: {value}" for key, value in (all_headers | framing | headers).items()]
        connection = self.connect()
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection


def stored(server: Server, url: str) -> bytes:
    """The bytes on disk of an upload; b"" where there are none."""
    name = url.rstrip("/").rpartition("/")[2].replace("-", "")
    path = server.data_dir / "content" / name[:2] / name
    return path.read_bytes() if path.exists() else b""


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """Status and all of the answer, read until its end or the connection's."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (more := connection.recv(missing)):
        body += more
        missing -= len(more)
    status = int(head.split(b" ", 2)[1]) if head else 0
    return status, head + end + body


def until(condition: Callable[[], object], seconds: float = 100) -> None:
    """Wait for a condition; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)
