"""The tus 1.0.0 protocol without any I/O: headers in, plain values out, headers for the answers.

Extensions: creation, creation-with-upload, creation-defer-length, expiration, checksum,
termination, concatenation, concatenation-unfinished.
Source: tus-resumable-upload-protocol/protocol.md.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.http import http_date

from uploads.errors import BadChecksum, BadRequest, TooLarge, WrongMediaType, WrongVersion
from uploads.receiving import metadata
from uploads.receiving.metadata import Metadata

Headers = Mapping[str, str]

VERSION = "1.0.0"
EXTENSIONS = (
    "creation,creation-with-upload,creation-defer-length,expiration,checksum,termination,"
    "concatenation,concatenation-unfinished"
)
ALGORITHMS = {"sha256": 32, "sha1": 20, "md5": 16, "sha512": 64}  # digest sizes in bytes
MEDIA_TYPE = "application/offset+octet-stream"
PARTS = 1000  # partials in one final upload
DIGITS = 18  # of a number of bytes: below 2^63


@dataclass(frozen=True)
class Checksum:
    """What the bytes of one request must hash to."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True)
class Creation:
    """A POST that creates an upload. `length` None: it comes later."""

    length: int | None
    metadata: Metadata = field(default_factory=Metadata)
    concat: Literal["", "partial", "final"] = ""
    parts: tuple[UUID, ...] = ()
    has_body: bool = False
    checksum: Checksum | None = None


@dataclass(frozen=True)
class Append:
    """A PATCH: bytes from `offset` on; `length` is there when it was deferred and is told now."""

    offset: int
    length: int | None = None
    checksum: Checksum | None = None


# -- requests --------------------------------------------------------------------------------------


def method(real: str, headers: Headers) -> str:
    """The request's method, which X-HTTP-Method-Override replaces."""
    return (headers.get("X-HTTP-Method-Override") or real).strip().upper()


def check_version(headers: Headers) -> None:
    """Raises WrongVersion (412, with Tus-Version) unless the client speaks 1.0.0."""
    if headers.get("Tus-Resumable") != VERSION:
        raise WrongVersion(headers={"Tus-Version": VERSION})


def parse_creation(headers: Headers, *, most: int) -> Creation:
    """Read a POST; `most` is the largest file that is taken, in bytes.

    Raises BadRequest, BadMetadata, BadName, BadChecksum, TooLarge, WrongMediaType.
    """
    concat, parts = _concat(headers.get("Upload-Concat", ""))
    length = _length_of_creation(headers, final=concat == "final")
    if length is not None and length > most:
        raise TooLarge(f"At most {most} bytes are taken; this upload has {length}.")
    typed = is_offset_type(headers)
    if not typed and headers.get("Content-Length", "0") not in {"", "0"}:
        raise WrongMediaType(f"Content-Type must be {MEDIA_TYPE}.")
    return Creation(
        length=length,
        metadata=metadata.parse(headers.get("Upload-Metadata", "")),
        concat=concat,
        parts=parts,
        has_body=typed and concat != "final",
        checksum=parse_checksum(headers),
    )


def _length_of_creation(headers: Headers, *, final: bool) -> int | None:
    length, deferred = headers.get("Upload-Length"), headers.get("Upload-Defer-Length")
    if deferred not in {None, "1"}:
        raise BadRequest("Upload-Defer-Length can only be 1.")
    if final:
        if length is not None or deferred is not None:
            raise BadRequest("A final upload's length is the sum of its parts; it can't be given.")
        return None
    if (length is None) == (deferred is None):
        raise BadRequest("Either Upload-Length or Upload-Defer-Length: 1 is needed, and not both.")
    return None if length is None else number("Upload-Length", length)


def _concat(value: str) -> tuple[Literal["", "partial", "final"], tuple[UUID, ...]]:
    if not value:
        return "", ()
    if value == "partial":
        return "partial", ()
    word, _, urls = value.partition(";")
    parts = tuple(upload_id(url) for url in urls.split())
    if word != "final" or not parts:
        raise BadRequest("Upload-Concat must be «partial» or «final;URL URL …».")
    if len(parts) > PARTS:
        raise BadRequest(f"A final upload joins at most {PARTS} parts.")
    return "final", parts


def upload_id(url: str) -> UUID:
    """The id at the end of an upload's address, absolute or relative. Raises BadRequest."""
    try:
        return UUID(urlsplit(url).path.rstrip("/").rpartition("/")[2])
    except ValueError:
        raise BadRequest(f"«{url[:200]}» is not the address of an upload.") from None


def parse_append(headers: Headers) -> Append:
    """Read a PATCH. Raises BadRequest, BadChecksum, WrongMediaType."""
    if not is_offset_type(headers):
        raise WrongMediaType(f"Content-Type must be {MEDIA_TYPE}.")
    if (offset := headers.get("Upload-Offset")) is None:
        raise BadRequest("Upload-Offset is needed.")
    length = headers.get("Upload-Length")
    return Append(
        offset=number("Upload-Offset", offset),
        length=None if length is None else number("Upload-Length", length),
        checksum=parse_checksum(headers),
    )


def is_offset_type(headers: Headers) -> bool:
    """Whether the body is bytes of an upload."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


def parse_checksum(headers: Headers) -> Checksum | None:
    """Read Upload-Checksum, None where there is none. Raises BadChecksum."""
    if (value := headers.get("Upload-Checksum")) is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    try:
        digest = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise BadChecksum from None
    if ALGORITHMS.get(algorithm) != len(digest):
        raise BadChecksum(
            f"Upload-Checksum needs one of {', '.join(ALGORITHMS)} and a digest of its size."
        )
    return Checksum(algorithm, digest)


def hasher(checksum: Checksum) -> "hashlib._Hash":
    """What computes the digest of a checksum's bytes."""
    return hashlib.new(checksum.algorithm, usedforsecurity=False)


def number(name: str, text: str) -> int:
    """A non-negative whole number from the header `name`. Raises BadRequest."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS):
        raise BadRequest(f"{name} must be a non-negative whole number.")
    return int(text)


# -- answers ---------------------------------------------------------------------------------------


def options(most: int) -> dict[str, str]:
    """What the server can do; `most` is the largest file that is taken."""
    return {
        "Tus-Resumable": VERSION,
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(most),
        "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
    }


def expires(at: datetime | None) -> dict[str, str]:
    """Upload-Expires as an IMF-fixdate (RFC 9110 5.6.7), nothing for what does not expire."""
    return {} if at is None else {"Upload-Expires": http_date(at.timestamp())}


def concat_header(concat: str, parts: tuple[UUID, ...]) -> dict[str, str]:
    """Upload-Concat as a HEAD sends it back."""
    if concat == "partial":
        return {"Upload-Concat": "partial"}
    if concat == "final":
        return {"Upload-Concat": "final;" + " ".join(f"/uploads/{part}" for part in parts)}
    return {}
