"""The IETF's «Resumable Uploads for HTTP» without any I/O: headers in, values and headers out.

Source: draft-ietf-httpbis-resumable-upload, interop version 8; 4 to 7 differ in nothing that we do,
and 3 (of draft 01, which iOS 17 speaks) says Upload-Incomplete, the opposite, for Upload-Complete.
What it leaves open: an upload is complete as soon as its length is reached. No 104 is sent, since
ASGI has no interim responses of that kind.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from email.message import Message
from typing import Any

from django.utils import timezone

from uploads import names
from uploads.errors import (
    ApiError,
    BadRequest,
    InconsistentLength,
    TooLarge,
    WrongMediaType,
    WrongOffset,
)
from uploads.receiving import metadata
from uploads.receiving.metadata import Metadata
from uploads.receiving.tus import DIGITS, Append, Creation, Headers

MEDIA_TYPE = "application/partial-upload"
OPPOSITE = 3  # interop version that says what is missing
TYPED_SINCE = 6  # interop version from which PATCH must have the media type
PROBLEMS = "https://iana.org/assignments/http-problem-types#"


# -- requests --------------------------------------------------------------------------------------


def spoken(method: str, headers: Headers) -> bool:
    """Whether a request speaks the draft: it says nothing of tus, and what the draft needs."""
    if "Tus-Resumable" in headers:
        return False
    return method in {"HEAD", "DELETE"} or complete(headers) is not None


def complete(headers: Headers) -> bool | None:
    """Upload-Complete; None where it is missing or no Boolean (RFC 9651), which is the same."""
    opposite = is_opposite(headers)
    name = "Upload-Incomplete" if opposite else "Upload-Complete"
    value = headers.get(name, "").partition(";")[0].strip()
    return {"?1": not opposite, "?0": opposite}.get(value)


def is_opposite(headers: Headers) -> bool:
    """Whether a request speaks the version that says Upload-Incomplete."""
    return integer(headers, "Upload-Draft-Interop-Version") == OPPOSITE


def integer(headers: Headers, name: str) -> int | None:
    """A non-negative Integer; None where it is missing or none."""
    value = headers.get(name, "").partition(";")[0].strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) <= DIGITS else None


def parse_creation(headers: Headers, body_length: int | None, *, most: int) -> Creation:
    """Read a request that creates an upload; `body_length` None for a body of unknown length.

    Raises InconsistentLength, BadMetadata, BadName, TooLarge.
    """
    length = _length(headers, 0, body_length)
    if length is not None and length > most:
        raise TooLarge(f"At most {most} bytes are taken; this upload has {length}.")
    return Creation(length=length, metadata=_metadata(headers), has_body=True)


def parse_append(headers: Headers, body_length: int | None) -> Append:
    """Read a PATCH. Raises BadRequest, InconsistentLength, WrongMediaType."""
    version = integer(headers, "Upload-Draft-Interop-Version") or TYPED_SINCE
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if version >= TYPED_SINCE and kind != MEDIA_TYPE:
        raise WrongMediaType(f"Content-Type must be {MEDIA_TYPE}.")
    offset = integer(headers, "Upload-Offset")
    if offset is None:
        raise BadRequest("Upload-Offset is needed.")
    return Append(offset=offset, length=_length(headers, offset, body_length))


def _length(headers: Headers, offset: int, body_length: int | None) -> int | None:
    """The upload's length as far as one request tells it. Raises InconsistentLength."""
    told = integer(headers, "Upload-Length")
    if not complete(headers) or body_length is None:
        return told
    ends = offset + body_length
    if told not in {None, ends}:
        raise InconsistentLength
    return ends


def _metadata(headers: Headers) -> Metadata:
    """The name in Content-Disposition (RFC 6266), or what tus clients send in either protocol."""
    about = metadata.parse(headers.get("Upload-Metadata", ""))
    message = Message()
    message["Content-Disposition"] = headers.get("Content-Disposition", "")
    name = message.get_filename()
    return about if name is None else replace(about, name=names.clean_name(name))


# -- answers ---------------------------------------------------------------------------------------


def limit(most: int, expires_at: datetime | None = None) -> str:
    """Upload-Limit; `most` is the largest file that is taken."""
    limits = f"max-size={most}"
    if expires_at is not None:
        limits += f", max-age={max(0, int((expires_at - timezone.now()).total_seconds()))}"
    return limits


def state(headers: Headers, offset: int, *, done: bool) -> dict[str, str]:
    """Where an upload stands, in the words of the request that asks."""
    return {"Upload-Offset": str(offset), **completeness(headers, done=done)}


def completeness(headers: Headers, *, done: bool) -> dict[str, str]:
    """Whether an upload is complete, in the words of the request that asks."""
    if is_opposite(headers):
        return {"Upload-Incomplete": "?0" if done else "?1"}
    return {"Upload-Complete": "?1" if done else "?0"}


def problem(error: ApiError, provided: int | None) -> Mapping[str, Any] | None:
    """The problem details (RFC 9457) that the draft gives an error, None where it has none."""
    if isinstance(error, WrongOffset):
        return {
            "type": f"{PROBLEMS}mismatching-upload-offset",
            "title": error.message,
            "status": error.status,
            "expected-offset": int(error.headers["Upload-Offset"]),
            "provided-offset": provided,
        }
    if isinstance(error, InconsistentLength):
        return {
            "type": f"{PROBLEMS}inconsistent-upload-length",
            "title": error.message,
            "status": error.status,
        }
    return None
