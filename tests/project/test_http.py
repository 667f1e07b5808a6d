"""What a view of the fast doors finds in its request."""

import io

from project.http import LeanRequest


def asked(*headers: tuple[bytes, bytes]) -> LeanRequest:
    scope = {"type": "http", "method": "POST", "path": "/uploads/", "headers": list(headers)}
    return LeanRequest(scope, io.BytesIO())


def test_headers_are_found_whatever_their_case() -> None:
    headers = asked((b"upload-length", b"5"), (b"content-type", b"text/plain")).headers
    assert headers["Upload-Length"] == headers["UPLOAD-LENGTH"] == "5"
    assert headers.get("Content-Type") == "text/plain"
    assert "uPLOAD-lENGTH" in headers
    assert "Upload-Offset" not in headers
    assert headers.get("Upload-Offset", "none") == "none"


def test_several_headers_of_one_name_are_one() -> None:
    headers = asked((b"accept", b"text/html"), (b"accept", b"text/plain")).headers
    assert headers["Accept"] == "text/html,text/plain"


def test_a_name_that_a_proxy_may_read_as_another_is_left_out() -> None:
    headers = asked((b"upload_length", b"5"), (b"authorization", b"Bearer a")).headers
    assert dict(headers) == {"authorization": "Bearer a"}
