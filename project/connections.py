"""uvicorn's HTTP connection, which does not wait for a request's head for ever, nor take one of any
length: the only module that bounds what comes before a request is one, and behind its body.

Whoever opens a connection has to ask for something; without these bounds anybody, signed in or not,
could hold as many as they like with a byte now and then, or fill the memory with one header.
Trailers (RFC 9110, 6.5) are no headers, and nothing here asks for them: they are thrown away.
"""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 256 * 1024  # the 1,000 addresses of a final upload's parts are the most of ours
HEAD_SECONDS = 60
TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: 33\r\nConnection: close\r\n\r\nThe request's head is too large.\n"
)


class Connections(HttpToolsProtocol):
    """See the module."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_head = False
        self._head_bytes = 0
        self._bodiless_bytes = 0  # since the last of the body: a chunk's extension, or trailers
        self._patience: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Expect a request soon."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing comes any more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Look, after they were read, whether these bytes have brought a head to its end, or
        something of a body.
        """
        self._bodiless_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._in_head:
            if self._bodiless_bytes > HEAD_BYTES:
                self.transport.close()
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(TOO_LARGE)
            self.transport.close()
        elif self._patience is None:
            self._wait()

    def on_message_begin(self) -> None:
        """The first byte of a head."""
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One of a head, or a trailer."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Some of a body."""
        self._bodiless_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The last byte of it."""
        self._in_head, self._bodiless_bytes = False, 0
        self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        """Where the request before is still being answered, this one may take as long again."""
        self._patience = None
        if not getattr(self.cycle, "response_complete", True):
            self._wait()
        else:
            self.transport.close()
