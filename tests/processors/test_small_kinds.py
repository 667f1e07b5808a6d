"""Calendars, contacts, subtitles, notebooks, certificates and keys; headers of measurements, models
and maps.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

from tests.processors.certificates import LAST, certificate, key

CALENDAR = """BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
SUMMARY:Wheel\\, turned\r
  by hand\r
DTSTART;TZID=Europe/Berlin:20260501T100000\r
DTEND:20260501T110000Z\r
BEGIN:VALARM\r
SUMMARY:not this\r
END:VALARM\r
LOCATION:Mill\r
END:VEVENT\r
BEGIN:VTODO\r
SUMMARY:Grease\r
DUE;VALUE=DATE:20260503\r
END:VTODO\r
END:VCALENDAR\r
"""
CONTACTS = """BEGIN:VCARD
VERSION:3.0
FN:Ada Müller
item1.EMAIL;TYPE=work:ada@example.org
EMAIL:ada@example.com
TEL;TYPE=cell:+49 30 1
ADR:;;Mill Lane 1;Town;;12345;
END:VCARD
BEGIN:VCARD
VERSION:2.1
FN;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:J=C3=BCrgen
END:VCARD
"""
SUBTITLES = """1
00:00:01,000 --> 00:00:04,500
The <i>wheel</i>
turns.

2
00:01:05,000 --> 00:01:07,000
Again.
"""


def rows(taken) -> list[list]:
    (table,) = taken["entries"]["tables"]
    return [[column["name"] for column in table["columns"]], *table["head"]]


def test_a_calendar_is_a_table_of_what_is_in_it(take):
    taken = take(CALENDAR, "mill.ics")
    assert taken["entries"]["entries"] == 2
    assert rows(taken) == [
        ["kind", "summary", "start", "end", "place"],
        ["event", "Wheel, turned by hand", "2026-05-01T10:00:00", "2026-05-01T11:00:00Z", "Mill"],
        ["task", "Grease", None, "2026-05-03", None],
    ]


def test_contacts_are_a_table_of_people(take):
    assert rows(take(CONTACTS, "people.vcf")) == [
        ["name", "mail", "phone", "address"],
        ["Ada Müller", "ada@example.org, ada@example.com", "+49 30 1", "Mill Lane 1, Town, 12345"],
        ["Jürgen", None, None, None],
    ]


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_subtitles_are_a_table_of_times_and_words(take, form):
    text = SUBTITLES
    if form == "vtt":
        text = "WEBVTT\n\n" + text.replace(",", ".").replace("00:00:01", "00:01", 1)
    found = take(text, f"film.{form}")
    assert rows(found) == [
        ["from", "to", "text"],
        ["00:00:01.000", "00:00:04.500", "The wheel\nturns."],
        ["00:01:05.000", "00:01:07.000", "Again."],
    ]
    assert found["entries"]["tables"][0]["columns"][1]["type"] == "time"


def test_more_entries_than_are_shown_are_counted(take):
    one = "BEGIN:VCARD\nFN:A\nEND:VCARD\n"
    found = take(one * 10_500, "many.vcf")["entries"]
    assert (found["entries"], found["tables"][0]["rows"]) == (10_500, 10_500)


def notebook(**more) -> str:
    outputs = [
        {"output_type": "stream", "text": ["3\n"]},
        {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<plot>"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no oak"},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Oak\n", "Text <script>x()</script>"]},
        {"cell_type": "code", "source": "1 + 2\n# ```", "outputs": outputs},
    ]
    return json.dumps({"cells": cells, "nbformat": 4, **more})


def test_a_notebook_is_shown_as_its_page(take):
    taken = take(notebook(), "oak.ipynb")
    found = taken["notebook"]
    assert taken.media_type == "application/x-ipynb+json"
    assert (found["title"], found["cells"]) == ("Oak", {"markdown": 1, "code": 1})
    assert found["errors"] == [{"cell": 2, "message": "ValueError: no oak"}]
    assert found["pictures"] == 1
    page = taken.artifact("notebook", "page.html").decode()
    assert "script" not in page
    assert "1 + 2\n# ```" in page


@pytest.mark.parametrize("cells", [None, 3, [None, {"cell_type": "code", "outputs": {"a": 1}}]])
def test_a_notebook_of_another_shape_harms_nobody(take, cells):
    taken = take(json.dumps({"cells": cells, "x": {"cell_type": 1}}), "odd.ipynb")
    assert taken["notebook"]["errors"] == []


def test_a_notebook_that_is_cut_is_a_bad_file(take):
    assert "can't be read" in take(notebook()[:-5], "cut.ipynb").broken["notebook"]


def test_a_certificate_says_for_whom_and_until_when(take):
    for coding, name in ((Encoding.PEM, "a.pem"), (Encoding.DER, "a.der")):
        taken = take(certificate().public_bytes(coding), name)
        (found,) = taken["certificates"]["certificates"]
        assert (found["subject"], found["issuer"]) == ("CN=Ada Lovelace", "O=The Mill")
        assert found["until"] == LAST.isoformat()
        assert found["names"] == ["ada@example.org", "mill.example.org"]
        assert (found["key"], found["serial"], found["authority"]) == ("RSA 2048", "7", False)
        assert taken["certificates"]["private_keys"] == 0


LOCK = BestAvailableEncryption(b"word")
KEYS = {
    "open": (PrivateFormat.PKCS8, NoEncryption(), 1),
    "locked": (PrivateFormat.PKCS8, LOCK, 0),
    "locked as OpenSSL did": (PrivateFormat.TraditionalOpenSSL, LOCK, 0),
    "open as OpenSSH has them": (PrivateFormat.OpenSSH, NoEncryption(), 1),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_private_key_is_named_and_whether_it_lies_open(take, name):
    form, lock, unlocked = KEYS[name]
    found = take(key().private_bytes(Encoding.PEM, form, lock), "id_rsa")["certificates"]
    assert (found["private_keys"], found["unlocked_keys"]) == (1, unlocked)


def test_keys_with_a_password_are_known(take):
    packed = pkcs12.serialize_key_and_certificates(b"ada", key(), certificate(), None, LOCK)
    assert take(packed, "ada.p12").media_type == "application/x-pkcs12"


def test_broken_certificates_and_endless_beginnings_end(take):
    assert take("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a.pem")[
        "certificates"
    ] == {
        "private_keys": 0,
        "unlocked_keys": 0,
        "blocks": [{"kind": "certificate", "locked": None}],
        "certificates": [],
    }
    assert take("-----BEGIN PRIVATE KEY-----\n" * 50_000, "a.pem")["certificates"]["blocks"] == []


TORRENT = (
    b"d8:announce15:http://tracker/4:infod5:filesl"
    b"d6:lengthi1000e4:pathl1:a5:b.txteed6:lengthi5000e4:pathl5:c.isoeee"
    b"4:name6:distro12:piece lengthi262144e6:pieces20:" + bytes(20) + b"ee"
)
NUMPY = b"\x93NUMPY\x01\0\x76\0" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"
STL = b"cube".ljust(80, b"\0") + struct.pack("<I", 2) + bytes(100)
SHAPES = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, 50) + struct.pack(
    "<2i8d", 1000, 3, 11, 48, 12, 49, 0, 0, 0, 0
)
DBASE = (
    struct.pack("<4BIHH20x", 3, 126, 5, 1, 2, 65, 11)
    + b"NAME".ljust(11, b"\0")
    + b"C"
    + bytes(4)
    + b"\x0a"
    + bytes(15)
    + b"\r"
    + b" Ada       " * 2
)
SCAN = (
    bytes(128) + b"DICM\x08\0\x60\0CS\x02\0MR\x10\0\x10\0PN\x08\0Doe^John\x28\0\x10\0US\x02\0\0\x01"
)
HEADERS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "application/x-bittorrent": (
        TORRENT,
        {"name": "distro", "files": 2, "bytes": 6000, "first_file": "a/b.txt"},
    ),
    "application/x-numpy-data": (NUMPY.ljust(224), {"shape": "3 × 4", "type": "<f8"}),
    "model/stl": (STL, {"triangles": 2, "title": "cube"}),
    "application/x-shapefile": (SHAPES, {"shapes": "lines", "from": "11, 48", "to": "12, 49"}),
    "application/x-dbf": (DBASE, {"rows": 2, "columns": "NAME", "changed": "2026-05-01"}),
    "application/dicom": (
        SCAN,
        {"patient": "Doe John", "modality": "MR", "rows": 256, "tells_who": True},
    ),
}


@pytest.mark.parametrize("media_type", HEADERS)
def test_headers_say_what_lies_behind_them(take, media_type):
    content, expected = HEADERS[media_type]
    taken = take(content, "x")
    assert taken.media_type == media_type
    assert taken["binary"]["header"].items() >= expected.items()


@pytest.mark.parametrize("media_type", HEADERS)
def test_headers_that_are_cut_or_nested_without_end_say_nothing(take, media_type):
    content, _ = HEADERS[media_type]
    for cut in range(4, len(content), 7):
        taken = take(content[:cut], "x")
        assert taken.broken == {}
    odd = b"d8:announce1:x4:infod5:filesli1eeee"
    assert take(odd.ljust(300), "x.torrent")["binary"]["header"] is None
    deep = b"d8:announce" + b"l" * 100_000
    assert take(deep, "x.torrent")["binary"]["header"] is None
