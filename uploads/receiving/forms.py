"""The only module that reads multipart/form-data (RFC 7578): part after part, as the bytes come.

python-multipart's push parser finds the parts; nothing is kept but the chunk at hand, so a form of
any size takes no memory and no temporary file.
"""

import asyncio
import re
from collections import deque
from urllib.parse import unquote

from django.conf import settings
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from uploads.errors import BadRequest, BodyTimeout, BodyTooLarge, WrongMediaType
from uploads.receiving.intake import Source
from uploads.receiving.plain import SILENT

FIELD_BYTES = 64 * 1024  # of a field that is no file


class Part:
    """One field of a form; `filename` is None for those that are no file.

    A source of bytes like a request's body: `ended` says that the last one was handed out.
    """

    tail = b""

    def __init__(self, form: "Form", name: str, filename: str | None) -> None:
        self.name = name
        self.filename = filename
        self.ended = False
        self._form = form

    async def next_chunk(self) -> bytes:
        """The next bytes; may be empty. Raises BadRequest when the form breaks off."""
        if self.ended:
            return b""
        event = await self._form.next_event()
        if isinstance(event, bytes):
            return event
        self.ended = True
        return b""

    async def text(self) -> str:
        """The whole field. Raises BodyTooLarge, BadRequest."""
        value = bytearray()
        while not self.ended:
            value += await self.next_chunk()
            if len(value) > FIELD_BYTES:
                raise BodyTooLarge(f"The form's field «{self.name}» is too long.")
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"The form's field «{self.name}» is not UTF-8.") from None

    async def skip(self, most: int) -> None:
        """Throw the rest away, so that the next part can be read. Raises BodyTooLarge."""
        thrown = 0
        while not self.ended:
            thrown += len(await self.next_chunk())
            if thrown > most:
                raise BodyTooLarge


class _End:
    """A part's end."""


class Form:
    """The parts of a body, to be read in order; each is read or skipped before the next is had."""

    def __init__(self, body: Source, content_type: str) -> None:
        """Raises WrongMediaType when the body is no form."""
        media_type, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if media_type != b"multipart/form-data" or not boundary:
            raise WrongMediaType("A form must be multipart/form-data.")
        self._body = body
        self._events: deque[Part | bytes | _End] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                callbacks={
                    "on_part_begin": self._headers.clear,
                    "on_header_field": self._on_name,
                    "on_header_value": self._on_value,
                    "on_header_end": self._on_header,
                    "on_headers_finished": self._on_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": lambda: self._events.append(_End()),
                    "on_end": self._on_end,
                },
            )
        except FormParserError:
            raise WrongMediaType("The form's boundary can't be used.") from None

    async def next_part(self) -> Part | None:
        """The next field, None after the last. Raises BadRequest when the form breaks off."""
        while not self._events and not self._complete:
            await self._feed()
        if not self._events:
            return None
        event = self._events.popleft()
        if not isinstance(event, Part):
            raise RuntimeError("the part before was not read to its end")
        return event

    async def next_event(self) -> Part | bytes | _End:
        """What comes next in the part that is being read."""
        while not self._events:
            await self._feed()
        return self._events.popleft()

    async def _feed(self) -> None:
        if self._body.ended or self._complete:
            raise BadRequest("The form breaks off.")
        try:
            async with asyncio.timeout(settings.UPLOAD_IDLE_SECONDS):
                chunk = await self._body.next_chunk()
        except TimeoutError:
            raise BodyTimeout(SILENT, headers={"Connection": "close"}) from None
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest(f"The form can't be read: {error}") from None

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _on_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = parse_options_header(disposition)
        name = options.get(b"name")
        if name is None:
            raise FormParserError("a part has no name")
        filename = _filename(disposition, options.get(b"filename"))
        self._events.append(Part(self, name.decode("utf-8", "replace"), filename))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _on_end(self) -> None:
        self._complete = True


_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*utf-8'[^']*'([^\s;\"]+)", re.IGNORECASE)


def _filename(disposition: bytes, raw: bytes | None) -> str | None:
    """A file's name as browsers write it (HTML, 4.10.21.8: UTF-8, with three escapes), or as .NET
    and old libraries do (RFC 8187), which comes beside one in encoded words, or alone.
    """
    if (extended := _EXTENDED.search(disposition)) is not None:
        return unquote(extended[1].decode("latin-1"), errors="surrogateescape")
    if raw is None:
        return None
    name = raw.decode("utf-8", "surrogateescape")
    for escape, character in _ESCAPES.items():
        name = name.replace(escape, character)
    return name
