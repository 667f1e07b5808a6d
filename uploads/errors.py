"""The one table of errors: class = code and HTTP status, docstring = message for people.

The same code reaches the API, the page and the log. `refusals` turns an `ApiError` into its answer;
whatever is not one is logged once with its traceback and becomes `internal`.
"""

from collections.abc import Mapping
from typing import ClassVar


class ApiError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str = "", *, headers: dict[str, str] | None = None) -> None:
        self.message = message or " ".join((self.__doc__ or "").split())
        self.headers = headers or {}
        super().__init__(self.message)

    def as_json(self) -> dict[str, dict[str, str]]:
        """`{"error": {"code", "message"}}`, the body of every refusal."""
        return {"error": {"code": self.code, "message": self.message}}


class NotSignedIn(ApiError):
    """Sign in, or send an API token in the Authorization header as «Bearer TOKEN»."""

    code, status = "not_signed_in", 401


class Forbidden(ApiError):
    """Your role in this space, or your token's scope, does not allow that."""

    code, status = "forbidden", 403


class BadOrigin(ApiError):
    """The request comes from another site; open Millrace's own page, or use an API token."""

    code, status = "bad_origin", 403


class BadCsrf(ApiError):
    """The form's security token is missing or old; reload the page and try again."""

    code, status = "bad_csrf", 403


class NotFound(ApiError):
    """There is nothing here, or it is not yours."""

    code, status = "not_found", 404


class Gone(ApiError):
    """This upload was removed or has expired; start a new one."""

    code, status = "gone", 410


class CursorGone(ApiError):
    """The stream no longer holds what came after this cursor; take a new snapshot."""

    code, status = "cursor_gone", 410


class MethodNotAllowed(ApiError):
    """This address does not take that method."""

    code, status = "method_not_allowed", 405


class BadRequest(ApiError):
    """The request can't be understood."""

    code, status = "bad_request", 400


class InconsistentLength(ApiError):
    """The request contradicts what is known of the upload's length."""

    code, status = "inconsistent_length", 400


class BadName(ApiError):
    """The file's name can't be used: 1 to 255 bytes of UTF-8 are needed."""

    code, status = "bad_name", 400


class BadMetadata(ApiError):
    """Upload-Metadata can't be read: pairs of a key and a base64 value, split by commas."""

    code, status = "bad_metadata", 400


class BadChecksum(ApiError):
    """Upload-Checksum names an unknown algorithm or is not base64."""

    code, status = "bad_checksum", 400


class ChecksumMismatch(ApiError):
    """The bytes do not match the checksum that was sent with them; send the chunk again."""

    code, status = "checksum_mismatch", 460


class DigestMismatch(ApiError):
    """The file that arrived does not have the sha-256 that the sender announced; send it again."""

    code, status = "digest_mismatch", 422


class WrongOffset(ApiError):
    """Upload-Offset is not where this upload stands; ask with HEAD and go on from there."""

    code, status = "wrong_offset", 409


class WrongState(ApiError):
    """The file's status does not allow that now."""

    code, status = "wrong_state", 409


class WrongVersion(ApiError):
    """Only tus 1.0.0 is spoken here; send «Tus-Resumable: 1.0.0»."""

    code, status = "wrong_version", 412


class TooLarge(ApiError):
    """The file is larger than this server takes."""

    code, status = "too_large", 413


class QuotaReached(ApiError):
    """The space's quota is used up; delete files or ask for more."""

    code, status = "quota_reached", 413


class BodyTooLarge(ApiError):
    """The request's body is larger than this address takes."""

    code, status = "body_too_large", 413


class TooManyFiles(ApiError):
    """The batch holds more files than this server takes."""

    code, status = "too_many_files", 413


class WrongMediaType(ApiError):
    """This address takes another Content-Type."""

    code, status = "wrong_content_type", 415


class RangeNotSatisfiable(ApiError):
    """The range lies outside the content."""

    code, status = "bad_range", 416


class Locked(ApiError):
    """Another request holds this upload; try again in a moment."""

    code, status = "locked", 423


class TooManyUploads(ApiError):
    """Too many uploads are open in this space; finish or cancel some first."""

    code, status = "too_many_uploads", 429


class TooManyRequests(ApiError):
    """Too many tries; wait a little."""

    code, status = "too_many_requests", 429


class BodyTimeout(ApiError):
    """The body fell silent; what arrived is kept, go on from the offset that HEAD tells."""

    code, status = "body_timeout", 408


class Interrupted(ApiError):
    """A newer request took this upload over; what arrived is kept."""

    code, status = "interrupted", 409


class ShuttingDown(ApiError):
    """The server is stopping; what arrived is kept, go on in a moment."""

    code, status = "shutting_down", 503


class Unavailable(ApiError):
    """The database can't be reached right now; try again in a moment."""

    code, status = "unavailable", 503


class DiskFull(ApiError):
    """The server's disk is full; nothing was lost, try again later."""

    code, status = "disk_full", 507


def table() -> dict[str, type[ApiError]]:
    """Every error by its code."""
    every: list[type[ApiError]] = [ApiError, *ApiError.__subclasses__()]
    return {error.code: error for error in every}


# What a step, or with it a file, may fail with; the message says more.
FAILURES: Mapping[str, str] = {
    "bad_file": "The file itself is broken or incomplete; it is not tried again by itself.",
    "crashed": "The step's process died; it is tried again, up to JOB_ATTEMPTS.",
    "disk_cap": "The step wrote more than it may.",
    "internal": "Something of ours went wrong; the log says what.",
    "invalid_result": "What the step returned can't be used: no JSON, or too much of it.",
    "memory_cap": "The step needed more memory than it may have.",
    "output_cap": "The step printed or reported more than is taken from one.",
    "processor_error": "The processor raised an error, which the message names.",
    "thread_cap": "The step started more threads than it may.",
    "time_cap": "The step took longer than it may.",
    "worker_lost": "The worker or its sandbox broke down, as often as JOB_ATTEMPTS allows.",
}
