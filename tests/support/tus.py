"""A few lines of tus, spoken by hand, so that tests decide what is on the wire."""

from __future__ import annotations

import base64
import uuid
from urllib.parse import urljoin

import httpx

OFFSET = "application/offset+octet-stream"


def metadata(**pairs: str) -> str:
    """Upload-Metadata of these keys and values."""
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


def create(client: httpx.Client, size: int, name: str, **pairs: str) -> str:
    """The address of a new upload."""
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(size),
        "Upload-Metadata": metadata(filename=name, **pairs),
    }
    answer = client.post("/uploads/", headers=headers)
    assert answer.status_code == 201, answer.text
    return urljoin(str(answer.request.url), answer.headers["Location"])


def file_id(location: str) -> str:
    """The id of a whole upload is its file's."""
    return str(uuid.UUID(location.rstrip("/").rpartition("/")[2]))


def offset(client: httpx.Client, location: str) -> int:
    """Where the server says that the upload stands."""
    answer = client.head(location, headers={"Tus-Resumable": "1.0.0"})
    assert answer.status_code in {200, 204}, answer.text
    return int(answer.headers["Upload-Offset"])


def patch(client: httpx.Client, location: str, at: int, body: bytes) -> httpx.Response:
    """Send bytes from an offset on."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(at), "Content-Type": OFFSET}
    return client.patch(location, headers=headers, content=body)


def upload(client: httpx.Client, name: str, content: bytes, **pairs: str) -> str:
    """The id of a file sent with its creation."""
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(len(content)),
        "Upload-Metadata": metadata(filename=name, **pairs),
        "Content-Type": OFFSET,
    }
    answer = client.post("/uploads/", headers=headers, content=content)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Offset"] == str(len(content))
    return file_id(answer.headers["Location"])
