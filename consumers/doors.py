"""What both doors read from an ASGI scope."""

from typing import Any


def headers_of(scope: Any) -> dict[str, str]:
    """The request's headers by their names in lower case; several cookies are joined (RFC 6265,
    section 5.4).
    """
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = (
            f"{headers[name]}; {value}" if name == "cookie" and name in headers else value
        )
    return headers
