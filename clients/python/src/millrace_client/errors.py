"""What can go wrong, as exceptions."""

import httpx


class MillraceError(Exception):
    """Something went wrong between here and a Millrace server."""


class Unreachable(MillraceError):
    """The server could not be reached for as long as we were told to be patient."""


class StreamGap(MillraceError):
    """The stream could not be resumed: events between two cursors are not kept any more.

    `reason` is the server's word for it; going on from `cursor` is possible.
    """

    def __init__(self, reason: str, cursor: str) -> None:
        super().__init__(f"the stream has a gap before {cursor}: {reason}")
        self.reason = reason
        self.cursor = cursor


class Refused(MillraceError):
    """The server said no: `code` is its word for it, `status` HTTP's."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.status = status


class NotSignedIn(Refused):
    """There is no token, or it is not valid, or not any more."""


class NotFound(Refused):
    """There is nothing there, or it is not yours."""


def refusal(response: httpx.Response) -> Refused:
    """An answer of 400 or above as an exception; its body must have been read."""
    try:
        error = response.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "http", f"HTTP {response.status_code} {response.reason_phrase}"
    kinds = {401: NotSignedIn, 404: NotFound}
    return kinds.get(response.status_code, Refused)(code, message, response.status_code)
