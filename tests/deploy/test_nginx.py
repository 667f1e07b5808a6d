"""What nginx.conf does to requests, shown by a real nginx in front of a peer that records them."""

import asyncio
import gzip
import re
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from project.server import KEEP_ALIVE_SECONDS
from tests.deploy.nginx import ROOT, Nginx, program
from tests.support import server

pytestmark = pytest.mark.nginx

SECONDS = {"s": 1, "m": 60}
PATIENCE_SECONDS = 60  # only against hanging


@dataclass
class Request:
    """What arrived at the peer: the head at once, the body as it comes."""

    line: str
    headers: dict[str, str]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class Peer:
    """An HTTP server that answers each request by `reply`, and keeps what it saw."""

    port: int = 0
    seen: list[Request] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    reply: Callable[[Request], Awaitable[None]] | None = None

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.split(": ", 1) for line in head[1:] if line)
            request = Request(
                head[0], {name.lower(): value for name, value in pairs}, reader, writer
            )
            self.seen.append(request)
            self.asked.set()
            assert self.reply is not None
            await self.reply(request)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # nginx went away
        finally:
            writer.close()


async def say(request: Request, status: str, *headers: str, body: bytes = b"") -> None:
    lines = [
        f"HTTP/1.1 {status}",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *headers,
        "",
        "",
    ]
    request.writer.write("\r\n".join(lines).encode() + body)
    await request.writer.drain()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    it = Peer(reply=lambda request: say(request, "200 OK", body=b"hello"))
    server = await asyncio.start_server(it.take, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    yield it
    server.close()


@pytest.fixture
async def nginx(peer: Peer, tmp_path: Path, free_port: int) -> AsyncIterator[Nginx]:
    data = tmp_path / "data"
    (data / "static").mkdir(parents=True)
    it = Nginx(tmp_path / "nginx", port=free_port, upstreams=[peer.port], data=data)
    await asyncio.to_thread(it.__enter__)
    yield it
    await asyncio.to_thread(it.__exit__, None, None, None)


@asynccontextmanager
async def sent(nginx: Nginx, head: str, body: bytes = b"") -> AsyncIterator[Any]:
    """A connection on which this was sent, as its reader and its writer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", nginx.port)
    try:
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()
        yield reader, writer
    finally:
        writer.close()


async def whole(nginx: Nginx, head: str) -> tuple[str, bytes]:
    """The head and the body of the answer to a request without a body."""
    async with sent(nginx, head + "\nConnection: close") as (reader, _):
        answer = await reader.read()
    head_bytes, _, body = answer.partition(b"\r\n\r\n")
    return head_bytes.decode(), body


def test_nginx_finds_nothing_to_say_about_the_file(tmp_path: Path, free_port: int):
    it = Nginx(tmp_path / "nginx", port=free_port, upstreams=[1], data=tmp_path)
    said = subprocess.run(it.command("-t"), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "warn" not in said.stderr


def test_the_guides_lines_for_tls_are_good(tmp_path: Path, free_port: int):
    it = Nginx(tmp_path / "nginx", port=free_port, upstreams=[1], data=tmp_path)
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    tls, redirect = re.findall(r"```nginx\n(.*?)```", guide, re.DOTALL)
    key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout privkey.pem"
    self_signed = f"openssl req -x509 {key} -subj /CN=files.example.org -out fullchain.pem"
    subprocess.run(self_signed.split(), cwd=tmp_path, check=True, capture_output=True)
    version = subprocess.run([program(), "-v"], capture_output=True, text=True, check=True).stderr
    if tuple(int(each) for each in re.findall(r"\d+", version)[:2]) < (1, 25):
        tls = re.sub(r"listen (.*?);\s+http2 on;", r"listen \1 http2;", tls)  # as it says beside
    text = it.file.read_text(encoding="utf-8")
    plain = f"listen 127.0.0.1:{free_port} default_server;"
    assert plain in text
    text = text.replace(plain, tls.replace("/etc/ssl/millrace", str(tmp_path)))
    it.file.write_text(text.rstrip().removesuffix("}") + redirect + "}\n", encoding="utf-8")
    said = subprocess.run(it.command("-t"), capture_output=True, text=True, check=False)
    assert "test is successful" in said.stderr, said.stderr


async def test_web_processes_that_were_away_are_asked_again_at_once(peer: Peer, tmp_path: Path):
    """A rolling restart takes each away for a moment: nobody is refused once they are back."""
    (tmp_path / "static").mkdir()
    port, *web = (server.free_port() for _ in range(3))
    with Nginx(tmp_path / "nginx", port=port, upstreams=web, data=tmp_path) as it:
        for _ in range(8):
            assert "502" in (await whole(it, "GET / HTTP/1.1\nHost: a.example"))[0]
        servers = [await asyncio.start_server(peer.take, "127.0.0.1", each) for each in web]
        for _ in range(8):
            assert (await whole(it, "GET / HTTP/1.1\nHost: a.example"))[1] == b"hello"
        for each in servers:
            each.close()


async def test_an_upload_reaches_the_application_while_it_is_being_sent(nginx, peer):
    arrived = asyncio.Event()

    async def reply(request: Request) -> None:
        assert await request.reader.readexactly(5) == b"first"
        arrived.set()
        assert await request.reader.readexactly(6) == b"second"
        await say(request, "204 No Content")

    peer.reply = reply
    head = "PATCH /uploads/1 HTTP/1.1\nHost: here\nContent-Length: 11"
    async with sent(nginx, head, b"first") as (reader, writer):
        await asyncio.wait_for(arrived.wait(), PATIENCE_SECONDS)
        writer.write(b"second")
        assert b" 204 " in await reader.readline()


async def test_no_size_is_too_large_for_nginx(nginx, peer):
    head = f"PATCH /uploads/1 HTTP/1.1\nHost: here\nContent-Length: {10**13}"
    async with sent(nginx, head, b"x"):
        await asyncio.wait_for(peer.asked.wait(), PATIENCE_SECONDS)
    assert peer.seen[0].headers["content-length"] == str(10**13)


async def test_the_end_of_a_cut_upload_is_passed_on(nginx, peer):
    cut = asyncio.Event()

    async def reply(request: Request) -> None:
        assert await request.reader.read() == b"half"
        cut.set()

    peer.reply = reply
    head = "PATCH /uploads/1 HTTP/1.1\nHost: here\nContent-Length: 8"
    async with sent(nginx, head, b"half"):
        await asyncio.wait_for(peer.asked.wait(), PATIENCE_SECONDS)
    await asyncio.wait_for(cut.wait(), PATIENCE_SECONDS)


async def test_an_event_reaches_the_subscriber_at_once(nginx, peer):
    seen = asyncio.Event()

    async def reply(request: Request) -> None:
        head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
        request.writer.write(head.encode() + b"data: 1\n\n")
        await request.writer.drain()
        await seen.wait()

    peer.reply = reply
    async with sent(nginx, "GET /events/ HTTP/1.1\nHost: here\nAccept-Encoding: gzip") as (
        reader,
        _,
    ):
        await asyncio.wait_for(reader.readuntil(b"data: 1\n\n"), PATIENCE_SECONDS)
        seen.set()


async def test_a_websocket_is_let_through_both_ways(nginx, peer):
    async def reply(request: Request) -> None:
        assert request.headers["upgrade"] == "websocket"
        assert request.headers["connection"] == "upgrade"
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "",
            "",
        ]
        request.writer.write("\r\n".join(lines).encode())
        request.writer.write((await request.reader.readexactly(4))[::-1])
        await request.writer.drain()

    peer.reply = reply
    head = (
        "GET /ws/events/ HTTP/1.1\nHost: here\nUpgrade: WebSocket\nConnection: keep-alive, Upgrade"
    )
    async with sent(nginx, head, b"ping") as (reader, _):
        assert b" 101 " in await reader.readline()
        await asyncio.wait_for(reader.readuntil(b"gnip"), PATIENCE_SECONDS)


async def test_another_upgrade_is_not_let_through(nginx, peer):
    await whole(nginx, "GET / HTTP/1.1\nHost: here\nUpgrade: h2c")
    assert "upgrade" not in peer.seen[0].headers


async def test_what_a_client_claims_of_itself_is_dropped(nginx, peer):
    await whole(
        nginx,
        "GET / HTTP/1.1\nHost: our.site\nX-Forwarded-For: 6.6.6.6\nX-Forwarded-Proto: https",
    )
    headers = peer.seen[0].headers
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["host"] == "our.site"


async def test_nginx_sends_the_content_that_the_application_names(nginx, peer, tmp_path):
    stored = tmp_path / "data" / "content" / "ab" / "abcd"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(bytes(range(256)))
    headers = [
        "Content-Type: image/png",
        "Content-Disposition: attachment",
        "Content-Security-Policy: sandbox",
        "X-Content-Type-Options: nosniff",
    ]
    peer.reply = lambda request: say(
        request, "200 OK", "X-Accel-Redirect: /_content/content/ab/abcd", *headers
    )
    head, body = await whole(nginx, "GET /api/files/1/content/ HTTP/1.1\nHost: here")
    assert body == bytes(range(256))
    for line in headers:
        assert head.splitlines().count(line) == 1, line
    assert "X-Accel" not in head

    (tag,) = [line for line in head.splitlines() if line.startswith("ETag: ")]
    part = "GET /api/files/1/content/ HTTP/1.1\nHost: here\nRange: bytes=16-31\nIf-Range: "
    head, body = await whole(nginx, part + tag.removeprefix("ETag: "))
    assert " 206 " in head.splitlines()[0]
    assert body == bytes(range(16, 32))


async def test_content_has_no_door_of_its_own(nginx, peer, tmp_path):
    stored = tmp_path / "data" / "content" / "abcd"
    stored.parent.mkdir(parents=True)
    stored.write_bytes(b"secret")
    (tmp_path / "data" / "secret_key").write_bytes(b"secret")
    for path in (
        "/_content/content/abcd",
        "/_content/secret_key",
        "/static/../secret_key",
        "/static../secret_key",
    ):
        _, body = await whole(nginx, f"GET {path} HTTP/1.1\nHost: here")
        assert b"secret" not in body, path


async def test_a_static_file_is_kept_for_ever_when_its_name_says_what_is_in_it(nginx, tmp_path):
    static = tmp_path / "data" / "static"
    (static / "page.js").write_bytes(b"let x = 1\n")
    (static / "page.0123456789ab.js").write_bytes(b"let x = 1\n")
    (static / "page.0123456789ab.js.gz").write_bytes(gzip.compress(b"let x = 1\n"))
    head, _ = await whole(nginx, "GET /static/page.js HTTP/1.1\nHost: here")
    assert "Cache-Control: no-cache" in head
    head, body = await whole(
        nginx, "GET /static/page.0123456789ab.js HTTP/1.1\nHost: here\nAccept-Encoding: gzip"
    )
    assert "Cache-Control: public, max-age=31536000, immutable" in head
    assert "X-Content-Type-Options: nosniff" in head
    assert "javascript" in head
    assert gzip.decompress(body) == b"let x = 1\n"


def test_its_time_outs_agree_with_the_applications(settings):
    text = (ROOT / "nginx.conf").read_text(encoding="utf-8")

    def seconds(directive: str) -> list[int]:
        found = re.findall(rf"^\s*{directive} (\d+)([sm]);", text, re.MULTILINE)
        assert found, directive
        return [int(number) * SECONDS[unit] for number, unit in found]

    assert (
        min(seconds("client_body_timeout")) > settings.UPLOAD_IDLE_SECONDS
    )  # the application ends it first
    assert min(seconds("proxy_send_timeout")) > settings.UPLOAD_IDLE_SECONDS
    assert min(seconds("proxy_read_timeout")) > 3 * 25  # a subscriber hears something every 25 s
    upstream = text[text.index("upstream web") :]
    idle = re.search(r"keepalive_timeout (\d+)s", upstream)
    assert idle
    assert int(idle[1]) < KEEP_ALIVE_SECONDS  # nginx closes first
