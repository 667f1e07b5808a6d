"""A mail that is signed or encrypted says so, and by whom it claims to be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.processors.certificates import LAST, encrypted_mail, signed_mail

WRITTEN = "From: a@example.org\nTo: b@example.org\nSubject: s\n"
NOTHING: dict[str, Any] = {"signed": None, "encrypted": None, "signers": []}
ADA = {
    "name": "Ada Lovelace",
    "address": "ada@example.org",
    "issuer": "The Mill",
    "until": LAST.isoformat(),
}


@pytest.mark.parametrize("whole", [False, True])
def test_a_signed_mail_names_the_signer_whom_its_certificate_claims(take, whole):
    found = take(signed_mail(whole=whole), "a.eml")["mail"]
    assert found["protection"] == {"signed": "S/MIME", "encrypted": None, "signers": [ADA]}
    assert ("turns" in found["head"]) is not whole


def test_an_encrypted_mail_is_called_so(take):
    found = take(encrypted_mail(), "a.eml")["mail"]
    assert found["protection"] == NOTHING | {"encrypted": "S/MIME"}


def pgp(kind: str, *parts: str) -> str:
    inner = "".join(f"--x\n{part}\n" for part in parts)
    return f'{WRITTEN}Content-Type: {kind}; boundary="x"\n\n{inner}--x--\n'


def test_mails_of_openpgp_are_called_signed_or_encrypted(take):
    sealed = pgp(
        'multipart/encrypted; protocol="application/pgp-encrypted"',
        "Content-Type: application/pgp-encrypted\n\nVersion: 1",
        "Content-Type: application/octet-stream\n\n-----BEGIN PGP MESSAGE-----",
    )
    assert take(sealed, "a.eml")["mail"]["protection"] == NOTHING | {"encrypted": "OpenPGP"}
    signed = pgp(
        'multipart/signed; protocol="application/pgp-signature"',
        "Content-Type: text/plain\n\nHello",
        "Content-Type: application/pgp-signature\n\n-----BEGIN PGP SIGNATURE-----",
    )
    assert take(signed, "a.eml")["mail"]["protection"] == NOTHING | {"signed": "OpenPGP"}
    inline = f"{WRITTEN}\n-----BEGIN PGP SIGNED MESSAGE-----\nHi\n"
    assert take(inline, "a.eml")["mail"]["protection"] == NOTHING | {"signed": "OpenPGP"}


def test_a_signature_that_is_broken_is_a_signature_of_nobody(take):
    whole = signed_mail()
    place = whole.index(b"base64")
    found = take(whole[: place + 300] + whole[place + 500 :], "a.eml")["mail"]
    assert found["protection"] == NOTHING | {"signed": "S/MIME"}


def test_an_ordinary_mail_claims_nothing(take):
    found = take(f"{WRITTEN}\nHi\n", "a.eml")["mail"]
    assert found["protection"] == NOTHING
