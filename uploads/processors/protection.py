"""Whether a mail says that it is signed or encrypted, by S/MIME (RFC 8551) or OpenPGP (RFC 3156).

Nothing is verified here: that would need to know whom to trust.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from typing import TYPE_CHECKING, Any

from uploads.processors.bounds import clip

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

SIGNATURE = 1024 * 1024  # bytes that are read of one
SIGNERS = 10
WORDS = 200  # characters
SMIME, PGP = "S/MIME", "OpenPGP"

_SIGNATURES = {
    "application/pkcs7-signature": SMIME,
    "application/x-pkcs7-signature": SMIME,
    "application/pgp-signature": PGP,
}
_SMIME_PARTS = ("application/pkcs7-mime", "application/x-pkcs7-mime")
# What begins a structure of that kind: its identifier (RFC 5652 §§4-6, RFC 5083).
_SIGNED = bytes.fromhex("06092a864886f70d010702")
_ENVELOPED = (
    bytes.fromhex("06092a864886f70d010703"),
    bytes.fromhex("060b2a864886f70d0109100117"),
)


def found(parts: list[Message], text: str, content: Callable[[Message], bytes]) -> dict[str, Any]:
    """{signed, encrypted: "S/MIME"|"OpenPGP"|null, signers [{name, address, issuer, until}]}, all
    as the mail claims.
    """
    said: dict[str, Any] = {"signed": None, "encrypted": None, "signers": []}
    for part in parts:
        kind = part.get_content_type()
        if kind in _SIGNATURES:
            said["signed"] = _SIGNATURES[kind]
            if said["signed"] == SMIME:
                said["signers"] += signers(content(part))
        elif kind == "application/pgp-encrypted":
            said["encrypted"] = PGP
        elif kind in _SMIME_PARTS:
            said |= _packed(content(part))
    if "-----BEGIN PGP SIGNED MESSAGE-----" in text:
        said["signed"] = said["signed"] or PGP
    if "-----BEGIN PGP MESSAGE-----" in text:
        said["encrypted"] = said["encrypted"] or PGP
    return said | {"signers": said["signers"][:SIGNERS]}


def _packed(content: bytes) -> dict[str, Any]:
    """Of a part that holds the whole message."""
    start = content[:64]
    if _SIGNED in start:
        return {"signed": SMIME, "signers": signers(content)}
    return {"encrypted": SMIME} if any(mark in start for mark in _ENVELOPED) else {}


def signers(signature: bytes) -> list[dict[str, Any]]:
    """Whom the certificates in a signature name, without those that only vouch for others."""
    from cryptography.hazmat.primitives.serialization import pkcs7

    if len(signature) > SIGNATURE:
        return []
    try:
        certificates = pkcs7.load_der_pkcs7_certificates(signature)
        vouching = {one.issuer for one in certificates if one.issuer != one.subject}
        return [_described(one) for one in certificates if one.subject not in vouching]
    except Exception:  # noqa: BLE001 - the reader raises whatever broken structures lead to
        return []


def _described(certificate: Certificate) -> dict[str, Any]:
    from cryptography.x509.oid import NameOID

    return {
        "name": _word(certificate.subject, NameOID.COMMON_NAME),
        "address": _address(certificate) or _word(certificate.subject, NameOID.EMAIL_ADDRESS),
        "issuer": _word(certificate.issuer, NameOID.COMMON_NAME)
        or _word(certificate.issuer, NameOID.ORGANIZATION_NAME),
        "until": certificate.not_valid_after_utc.isoformat(),
    }


def _word(name: Name, which: Any) -> str | None:
    words = name.get_attributes_for_oid(which)
    return clip(str(words[0].value), WORDS) if words else None


def _address(certificate: Certificate) -> str | None:
    from cryptography.x509 import ExtensionNotFound, RFC822Name, SubjectAlternativeName

    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return None
    addresses = names.get_values_for_type(RFC822Name)
    return clip(addresses[0], WORDS) if addresses else None
