"""What a sender says of a file: checked and made harmless here, before anything else sees it.

Names and paths are `uploads.names`' business. The header as it was sent is kept beside them.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from uploads.errors import BadMetadata, BadName
from uploads.names import UNNAMED, clean_name, clean_path

HEADER_CHARACTERS = 16 * 1024
FILES = 10**9  # more than any batch_total means

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


@dataclass(frozen=True)
class Metadata:
    """What is kept of it. `raw` is Upload-Metadata as it was sent, to be sent back."""

    name: str = UNNAMED  # tus needs no file name
    path: str = ""
    batch: str | None = None
    batch_total: int | None = None
    sha256: str | None = None
    raw: str = ""


NOTHING = Metadata()


def parse(header: str) -> Metadata:
    """Read an Upload-Metadata header (tus 1.0.0, creation).

    Known keys: `filename` (or `name`), `path` (or Uppy's `relativePath`), `batch`, `batch_total`,
    `sha256`. Others are kept in `raw` alone. Raises BadMetadata, BadName.
    """
    if not header:
        return NOTHING
    pairs = _pairs(header)
    name = pairs.get("filename") or pairs.get("name")
    return Metadata(
        name=UNNAMED if name is None else clean_name(name),
        path=clean_path(pairs.get("path") or _unless_null(pairs.get("relativePath", ""))),
        batch=clean_batch(pairs.get("batch", "")),
        batch_total=clean_total(pairs.get("batch_total", "")),
        sha256=clean_sha256(pairs.get("sha256", "")),
        raw=header,
    )


def _pairs(header: str) -> Mapping[str, str]:
    if len(header) > HEADER_CHARACTERS:
        raise BadMetadata(f"Upload-Metadata is longer than {HEADER_CHARACTERS} characters.")
    pairs: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not _KEY.fullmatch(key):
            raise BadMetadata
        if key in pairs:
            raise BadMetadata(f"Upload-Metadata has the key «{key}» more than once.")
        pairs[key] = _decoded(key, value.strip())
    return pairs


def _decoded(key: str, value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except binascii.Error:
        raise BadMetadata(f"The value of «{key}» in Upload-Metadata is not base64.") from None
    except UnicodeDecodeError:
        if key in {"filename", "name"}:
            raise BadName from None
        return ""  # a key of the sender's own, which may be anything; it is sent back as it was


def _unless_null(path: str) -> str:
    return "" if path == "null" else path  # how Uppy writes that there is none


def clean_batch(text: str) -> str | None:
    """A batch's id; "" is none. Raises BadMetadata."""
    if not text:
        return None
    if not _BATCH.fullmatch(text):
        raise BadMetadata("A batch is named by 1 to 100 letters, digits and any of . _ ~ -")
    return text


def clean_total(text: str) -> int | None:
    """The number of files in a batch; "" is unknown. Raises BadMetadata."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12 and 0 < int(text) <= FILES):
        raise BadMetadata("batch_total must be a number of files, at least 1.")
    return int(text)


def clean_sha256(text: str) -> str | None:
    """The digest that a sender expects, in hexadecimal; "" is none. Raises BadMetadata."""
    if not text:
        return None
    if not _SHA256.fullmatch(text.lower()):
        raise BadMetadata("sha256 must be 64 hexadecimal digits.")
    return text.lower()
