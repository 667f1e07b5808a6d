"""The certificates step: what is in PEM and DER files, and above all whether a private key is."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from uploads.processors.bounds import clip, within
from uploads.processors.context import Context
from uploads.processors.registry import processor

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

READ = 4 * 1024 * 1024  # bytes
BLOCKS = 300
BLOCK = 256 * 1024  # bytes of one
NAMES = 50  # of one certificate
WORDS = 300  # characters
BUDGET = 128 * 1024  # bytes of JSON

_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_PUBLIC_LINE = re.compile(
    rb"^(ssh-[a-z0-9-]+|ecdsa-sha2-[a-z0-9-]+) AAAA[A-Za-z0-9+/=]+", re.MULTILINE
)
_OPENSSH = b"openssh-key-v1\0"


@processor(
    name="certificates",
    accepts=["application/x-pem-file", "application/pkix-cert"],
    version=1,
    after=["identify", "checksum"],
    light=True,
)
def certificates(ctx: Context) -> dict[str, Any]:
    """{private_keys, unlocked_keys (those without a passphrase), blocks [{kind, locked}],
    certificates [{subject, issuer, from, until, names, key, serial, sha256, self_signed,
    authority}]}
    """
    with ctx.path.open("rb") as file:
        content = file.read(READ)
    blocks: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for kind, data, locked in _blocks(content):
        described = _certificate(data) if kind.endswith("CERTIFICATE") else None
        if described:
            found.append(described)
        blocks.append({"kind": kind.lower(), "locked": locked})
    private = [one for one in blocks if "private" in one["kind"]]
    ctx.progress(ctx.size, ctx.size, "bytes")
    return {
        "private_keys": len(private),
        "unlocked_keys": sum(one["locked"] is False for one in private),
        "blocks": blocks,
        "certificates": within(found, BUDGET),
    }


def _blocks(content: bytes) -> Iterator[tuple[str, bytes, bool | None]]:
    """(what it says it is, its bytes, whether a passphrase locks it; None where it doesn't say)"""
    if content[:1] == b"\x30":
        yield "CERTIFICATE", content, None
        return
    for begin in islice(_BEGIN.finditer(content), BLOCKS):
        end = content.find(b"-----END " + begin[1], begin.end(), begin.end() + BLOCK)
        if end < 0:
            continue
        kind, text = begin[1].decode(), content[begin.end() : end].lstrip(b"\r\n")
        # what stands before the empty line are headers
        packed = b"".join(re.split(rb"\r?\n\r?\n", text, maxsplit=1)[-1].split())
        try:
            data = base64.b64decode(packed)
        except (binascii.Error, ValueError):
            data = b""
        yield kind, data, _is_locked(kind, text, data) if "PRIVATE" in kind else None
    for line in islice(_PUBLIC_LINE.finditer(content), BLOCKS):
        yield f"{line[1].decode()} PUBLIC KEY", b"", None


def _is_locked(kind: str, text: bytes, data: bytes) -> bool | None:
    if "ENCRYPTED" in kind or b",ENCRYPTED" in text[:200]:
        return True
    if data.startswith(_OPENSSH):  # the name of the cipher comes first
        return data[len(_OPENSSH) + 4 :][:4] != b"none"
    return None if "PGP" in kind else False


def _certificate(data: bytes) -> dict[str, Any] | None:
    from cryptography import x509

    try:
        return _described(x509.load_der_x509_certificate(data))
    except Exception:  # noqa: BLE001 - the reader raises whatever broken structures lead to
        return None


def _described(certificate: Certificate) -> dict[str, Any]:
    from cryptography.hazmat.primitives import hashes

    return {
        "subject": _said(certificate.subject),
        "issuer": _said(certificate.issuer),
        "from": certificate.not_valid_before_utc.isoformat(),
        "until": certificate.not_valid_after_utc.isoformat(),
        "names": _names(certificate),
        "key": _key(certificate),
        "serial": f"{certificate.serial_number:x}",
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
        "self_signed": certificate.subject == certificate.issuer,
        "authority": _is_authority(certificate),
    }


def _said(name: Name) -> str:
    from cryptography.x509.oid import NameOID

    return clip(name.rfc4514_string({NameOID.EMAIL_ADDRESS: "E"}), WORDS)


def _names(certificate: Certificate) -> list[str]:
    from cryptography.x509 import ExtensionNotFound, SubjectAlternativeName

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return []
    values = [str(getattr(name, "value", "")) for name in names]
    return [clip(value, WORDS) for value in values[:NAMES]]


def _is_authority(certificate: Certificate) -> bool:
    from cryptography.x509 import BasicConstraints, ExtensionNotFound

    try:
        return certificate.extensions.get_extension_for_class(BasicConstraints).value.ca
    except (ExtensionNotFound, ValueError):
        return False


def _key(certificate: Certificate) -> str:
    """RSA 2048, or the curve's name."""
    try:
        key: Any = certificate.public_key()
    except Exception:  # noqa: BLE001 - as above
        return "unknown"
    curve = getattr(getattr(key, "curve", None), "name", "")
    kind = type(key).__name__.removesuffix("PublicKey").lstrip("_").upper()
    return curve or f"{kind} {getattr(key, 'key_size', '')}".strip()
