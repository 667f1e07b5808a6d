"""The only module that sends files from disk: whole or in ranges, so that none can act as a page.

Whatever people upload is hostile until shown otherwise, and so is what was made from it. Every
answer is an attachment (but for pictures in formats that can't hold a script), its type is not
guessed, and should a browser show it after all, a sandbox without an origin holds it (RFC 6266, RFC
8187; the directive `sandbox` of Content Security Policy). Ranges follow RFC 9110 §14, bounded:
thousands of them in one header are answered with the whole.
"""

import asyncio
import os
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from uploads import metrics
from uploads.errors import NotFound, RangeNotSatisfiable

CHUNK_BYTES = 256 * 1024  # one read, one send; two of them are in memory for each download
RANGES = 5  # parts in one answer, at the most
RANGE_HEADER_BYTES = 200  # longer ones are not read at all
THREADS = 8  # reading from disk for all downloads together
INLINE = frozenset({"image/webp", "image/png", "image/jpeg"})  # may be shown where they are
FALLBACK = "application/octet-stream"

_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}", re.IGNORECASE)
_RANGE = re.compile(r"\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.ASCII)
_pool = ThreadPoolExecutor(THREADS, "sender")


async def serve_content(
    request: HttpRequest,
    path: Path,
    name: str,
    media_type: str | None,
    *,
    digest: str | None = None,
    inline: bool = False,
) -> HttpResponseBase:
    """The answer to a GET or HEAD of the file at `path`, which is complete and theirs to have.

    `name` is what people call it; `digest` its sha-256 in hex, which names this content for ever.
    `inline` lets pictures be shown in the page. Raises NotFound and RangeNotSatisfiable.
    """
    content = await asyncio.wrap_future(_pool.submit(Content.open, path, digest))
    kept = False
    try:
        response = _answer(request, content, _plain_type(media_type))
        kept = isinstance(response, _Stream)
    finally:
        if not kept:
            content.close()
    for header, value in _safety(name, _plain_type(media_type), inline=inline).items():
        response.headers[header] = value
    response.headers["ETag"] = content.etag
    response.headers["Accept-Ranges"] = "bytes"
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _plain_type(media_type: str | None) -> str:
    """One that can stand in a header: a child that took a hostile file apart may have named it."""
    return media_type if media_type and _MEDIA_TYPE.fullmatch(media_type) else FALLBACK


def _safety(name: str, media_type: str, *, inline: bool) -> dict[str, str]:
    shown = inline and media_type in INLINE
    return {
        "Content-Disposition": disposition(name, attachment=not shown),
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }


def disposition(name: str, *, attachment: bool = True) -> str:
    """Content-Disposition with the name in ASCII for the old and as RFC 8187 says for the rest."""
    kind = "attachment" if attachment else "inline"
    name = "".join(sign for sign in name if sign.isprintable() and sign not in "/\\") or "file"
    plain = name.encode("ascii", "replace").decode().translate(_NOT_PLAIN)
    encoded = quote(name.encode("utf-8", "replace"), safe="!#$&+-.^_`|~")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


_NOT_PLAIN = str.maketrans({'"': "_", "?": "_", "%": "_", ";": "_"})


class Content:
    """A file held open for one answer."""

    def __init__(self, path: Path, handle: int, digest: str | None) -> None:
        self.path = path
        self.handle = handle
        facts = os.fstat(handle)
        self.size = facts.st_size
        self.etag = f'"{digest or f"{facts.st_mtime_ns:x}-{facts.st_size:x}"}"'
        self._last: Future[bytes] | None = None

    @classmethod
    def open(cls, path: Path, digest: str | None) -> "Content":
        """Open it; blocks. Raises NotFound for what is not there, or no plain file."""
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise NotFound from error
        return cls(path, handle, digest)

    def read(self, start: int, length: int) -> "Future[bytes]":
        """Begin to read; one thread of the pool does it."""
        self._last = _pool.submit(os.pread, self.handle, length, start)
        return self._last

    def close(self) -> None:
        """Close it as soon as no thread reads it any more."""
        handle, self.handle = self.handle, -1
        if handle < 0:
            return
        if self._last is None:
            os.close(handle)
        else:
            self._last.cancel()
            self._last.add_done_callback(lambda _: os.close(handle))

    def __del__(self) -> None:
        """An answer that nobody began to read is closed too."""
        self.close()

    async def chunks(self, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`; the next chunk is read while one is being sent."""
        ahead = self.read(start, min(CHUNK_BYTES, end - start)) if start < end else None
        while ahead is not None:
            chunk = await asyncio.wrap_future(ahead)
            if not chunk:
                raise EOFError(f"{self.path} is shorter than it was")  # better cut than padded
            start += len(chunk)
            left = min(CHUNK_BYTES, end - start)
            ahead = self.read(start, left) if left > 0 else None
            yield chunk


@dataclass(frozen=True)
class Span:
    """Bytes from `start` up to `end`, which is not among them."""

    start: int
    end: int

    def header(self, size: int) -> str:
        """The value of Content-Range."""
        return f"bytes {self.start}-{self.end - 1}/{size}"


def _answer(request: HttpRequest, content: Content, media_type: str) -> HttpResponseBase:
    if _matches(request.headers.get("If-None-Match", ""), content.etag):
        response: HttpResponseBase = HttpResponse(status=304)
        del response.headers["Content-Type"]
        return response
    if settings.ACCEL_REDIRECT:
        place = quote(str(content.path.relative_to(settings.DATA_DIR)))
        return HttpResponse(
            headers={"X-Accel-Redirect": f"/_content/{place}", "Content-Type": media_type}
        )
    if request.method == "HEAD":
        return _empty(content.size, media_type)
    spans = _spans(request, content)
    if spans is None:
        return _Stream(content, [Span(0, content.size)], media_type)
    if len(spans) == 1:
        response = _Stream(content, spans, media_type, status=206)
        response.headers["Content-Range"] = spans[0].header(content.size)
        return response
    return _Parts(content, spans, media_type)


def _empty(size: int, media_type: str) -> HttpResponse:
    return HttpResponse(headers={"Content-Length": str(size), "Content-Type": media_type})


def _matches(header: str, etag: str) -> bool:
    """RFC 9110 §13.1.2: the weak comparison; `*` is any."""
    named = (tag.strip().removeprefix("W/") for tag in header[:4096].split(","))
    return any(tag in {etag, "*"} for tag in named)


def _spans(request: HttpRequest, content: Content) -> list[Span] | None:
    """The ranges to be sent, None for the whole. Raises RangeNotSatisfiable."""
    header = request.headers.get("Range", "")
    if not header or len(header) > RANGE_HEADER_BYTES:
        return None
    condition = request.headers.get("If-Range")
    if condition is not None and condition.strip() != content.etag:
        return None  # it changed (or a date is named, and we give none out)
    return parse_ranges(header, content.size)


def parse_ranges(header: str, size: int) -> list[Span] | None:
    """The spans that a Range header asks for, in its order; None where it is to be passed over.

    Passed over (RFC 9110 §14.2): units other than bytes, what can't be read, more than RANGES of
    them, and ranges that overlap. Raises RangeNotSatisfiable when none lies in the content.
    """
    unit, _, ranges = header.partition("=")
    asked = ranges.split(",")
    if unit.strip().lower() != "bytes" or len(asked) > RANGES:
        return None
    found: list[Span] = []
    for one in asked:
        parsed = _RANGE.fullmatch(one)
        if parsed is None or not _ordered(parsed):
            return None
        found += _span(parsed, size)
    if not found:
        raise RangeNotSatisfiable(headers={"Content-Range": f"bytes */{size}"})
    return None if _overlap(found) else found


def _ordered(parsed: "re.Match[str]") -> bool:
    first, last, _ = parsed.groups()
    return not (first and last) or int(first) <= int(last)


def _span(parsed: "re.Match[str]", size: int) -> Iterator[Span]:
    first, last, suffix = parsed.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if start < end:
        yield Span(start, end)


def _overlap(spans: list[Span]) -> bool:
    ordered = sorted(spans, key=lambda span: span.start)
    return any(after.start < before.end for before, after in pairwise(ordered))


class _Stream(StreamingHttpResponse):
    """Spans of a file, read as fast as the client takes them; the file is closed with it."""

    def __init__(
        self, content: Content, spans: list[Span], media_type: str, status: int = 200
    ) -> None:
        super().__init__((), status=status, content_type=media_type)
        self.content_file = content
        self.spans = spans
        self.headers["Content-Length"] = str(self.length())

    def length(self) -> int:
        """Bytes of the whole body."""
        return sum(span.end - span.start for span in self.spans)

    def before(self, span: Span) -> bytes:
        """What goes before a span."""
        return b""

    def after(self) -> bytes:
        """What goes at the end."""
        return b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for span in self.spans:
                if head := self.before(span):
                    yield head
                async for chunk in self.content_file.chunks(span.start, span.end):
                    yield chunk
                    metrics.SENT_BYTES.inc(len(chunk))
            if tail := self.after():
                yield tail
        finally:
            self.content_file.close()


class _Parts(_Stream):
    """Several spans in one body: multipart/byteranges (RFC 9110 §14.6)."""

    def __init__(self, content: Content, spans: list[Span], media_type: str) -> None:
        self.boundary = secrets.token_hex(16)
        self.part_type = media_type
        super().__init__(
            content, spans, f"multipart/byteranges; boundary={self.boundary}", status=206
        )

    def length(self) -> int:
        """Bytes of spans, their heads and the tail."""
        heads = sum(len(self.before(span)) for span in self.spans)
        return super().length() + heads + len(self.after())

    def before(self, span: Span) -> bytes:
        """The boundary and the part's own headers."""
        return (
            f"\r\n--{self.boundary}\r\nContent-Type: {self.part_type}\r\n"
            f"Content-Range: {span.header(self.content_file.size)}\r\n\r\n"
        ).encode("ascii")

    def after(self) -> bytes:
        """The last boundary."""
        return f"\r\n--{self.boundary}--\r\n".encode("ascii")
