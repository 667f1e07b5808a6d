"""Certificates and what is made with them, for tests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs7,
)
from cryptography.x509.oid import NameOID

FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def open_key() -> bytes:
    return key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def certificate() -> x509.Certificate:
    """Ada's, by the Mill."""
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ada Lovelace")]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "The Mill")]))
        .public_key(key().public_key())
        .serial_number(7)
        .not_valid_before(FIRST)
        .not_valid_after(LAST)
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.RFC822Name("ada@example.org"), x509.DNSName("mill.example.org")]
            ),
            critical=False,
        )
        .sign(key(), hashes.SHA256())
    )


WRITTEN = b"From: ada@example.org\r\nSubject: Wheel\r\n"


def signed_mail(*, whole: bool = False) -> bytes:
    """A mail by Ada, its signature beside the text or, as a whole, around it."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"The wheel turns.\r\n")
    builder = builder.add_signer(certificate(), key(), hashes.SHA256())
    if not whole:
        return WRITTEN + builder.sign(Encoding.SMIME, [pkcs7.PKCS7Options.DetachedSignature])
    packed = base64.encodebytes(builder.sign(Encoding.DER, []))
    kind = b"Content-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return WRITTEN + kind + packed


def encrypted_mail() -> bytes:
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(b"The wheel turns.\r\n")
    sealed = builder.add_recipient(certificate()).encrypt(Encoding.SMIME, [])
    return WRITTEN + sealed
