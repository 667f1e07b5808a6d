"""What is listed of an archive, what is dangerous in it, and bombs of every make."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from tests.processors.rars import rar4, rar5
from uploads.processors import listing

SAMPLES = Path(__file__).parent / "samples"


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


def tarred(*members: tarfile.TarInfo, content: bytes = b"hello") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            if member.isreg():
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.mtime = 1_700_000_000
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def kinds(found) -> set[tuple[str, str]]:
    return {(warning["kind"], warning["entry"]) for warning in found["warnings"]}


def test_a_zip_is_listed_weighed_and_checked(take):
    data = zipped(("a/", b""), ("a/one.txt", b"x" * 1000), ("two.jpg", b"y" * 50), comment=b"mine")
    taken = take(data, "x.zip")
    found = taken["archive"]
    assert (found["format"], found["compression"], found["comment"]) == (
        "zip",
        "deflate",
        "mine",
    )
    assert (found["entries"], found["files"], found["directories"]) == (3, 2, 1)
    assert (found["total_size"], found["verified"], found["encrypted"]) == (1050, True, 0)
    assert (found["packed_size"], found["ratio"]) == (len(data), round(1050 / len(data), 1))
    assert found["tree"][1]["path"] == "a/one.txt"
    assert found["tree"][1]["size"] == 1000
    assert {"extension": "jpg", "count": 1, "size": 50} in found["types"]
    assert found["largest"][0] == {"path": "a/one.txt", "size": 1000}
    assert found["warnings"] == []
    assert taken.reports["archive"][-1][0] == taken.reports["archive"][-1][1]


def test_dangerous_members_are_named(take):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    data = zipped(
        ("../evil.sh", b"x"),
        ("/etc/passwd", b"x"),
        ("C:\\x.exe", b"x"),
        (link, b"../../etc/shadow"),
        ("safe/../fine.txt", b"x"),
        ("name\u202egnp.exe", b"x"),
        ("inner.zip", b"x"),
    )
    found = take(data)["archive"]
    named = kinds(found)
    assert {("path", "../evil.sh"), ("path", "/etc/passwd"), ("link", "link")} <= named
    assert ("name", "name\u202egnp.exe") in named
    assert not any(entry == "safe/../fine.txt" for _, entry in named)
    assert any(kind == "path" and entry.startswith("C:") for kind, entry in named)
    assert found["nested"] == ["inner.zip"]
    assert found["links"] == 1


def test_a_member_with_a_wrong_checksum_is_named(take):
    data = bytearray(zipped(("a.txt", b"hello"), ("b.txt", b"good")))
    place = data.find(b"PK\x03\x04") + 14
    data[place : place + 4] = b"\0\0\0\0"
    directory = data.find(b"PK\x01\x02") + 16
    data[directory : directory + 4] = b"\0\0\0\0"
    found = take(bytes(data))["archive"]
    assert found["broken"] == ["a.txt"]
    assert ("broken", "a.txt") in kinds(found)


def test_locked_members_are_counted_not_opened(take):
    data = bytearray(zipped(("a.txt", b"hello")))
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    found = take(bytes(data))["archive"]
    assert (found["encrypted"], found["verified"]) == (1, False)
    assert found["tree"][0]["encrypted"] is True


@pytest.mark.parametrize(
    ("compress", "name"),
    [
        (lambda data: data, None),
        (gzip.compress, "gzip"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (zstandard.compress, "zstd"),
    ],
    ids=["plain", "gzip", "bzip2", "xz", "zstd"],
)
def test_a_tar_is_listed_through_its_compression(take, compress, name):
    data = compress(
        tarred(
            member("dir", tarfile.DIRTYPE),
            member("dir/a.txt"),
            member("up", tarfile.SYMTYPE, linkname="../../x"),
            member("null", tarfile.CHRTYPE),
            member("su", mode=0o4755),
        )
    )
    found = take(data, "x.tar.gz")["archive"]
    assert (found["format"], found["compression"], found["entries"]) == ("tar", name, 5)
    assert found["tree"][1] == {
        "path": "dir/a.txt",
        "type": "file",
        "size": 5,
        "modified": "2023-11-14T22:13:20+00:00",
    }
    assert kinds(found) == {("link", "up"), ("device", "null"), ("mode", "su")}


@pytest.mark.parametrize("module", [gzip, bz2, lzma, zstandard])
def test_a_single_compressed_file_has_one_entry(take, module):
    found = take(module.compress(b"hello " * 1000), "notes.txt.gz")["archive"]
    assert found["entries"] == 1
    assert found["tree"][0]["path"] == "notes.txt"
    assert found["total_size"] == 6000


@pytest.mark.parametrize("make", [rar4, rar5])
def test_a_rar_is_listed(take, make):
    found = take(make({"a.txt": b"hello", "b/c.txt": b"x" * 300}), "two.rar")
    assert found.media_type == "application/vnd.rar"
    listed = found["archive"]
    assert (listed["listed"], listed["entries"], listed["total_size"]) == (True, 2, 305)
    assert {row["path"]: row["size"] for row in listed["tree"]} == {"a.txt": 5, "b/c.txt": 300}
    assert listed["format"].startswith("RAR")
    if make is rar5:
        assert listed["tree"][0]["modified"] == "2023-11-14T22:13:20+00:00"


@pytest.mark.parametrize("make", [rar4, rar5])
def test_a_rar_that_was_cut_is_a_bad_file(take, make):
    whole = make({"a.txt": b"hello", "b/c.txt": b"x" * 300})
    assert take(whole[:-250], "cut.rar").broken["archive"].endswith(".")


@pytest.mark.parametrize(
    ("name", "coding"),
    [("Grüße/Übung.txt", "utf-8"), ("Größe.txt", "cp850"), ("Größe.txt", "cp1252")],
)
def test_names_in_a_zip_are_read_though_it_does_not_say_their_encoding(take, name, coding):
    raw = name.encode(coding)
    whole = zipped(("x" * len(raw), b"content")).replace(b"x" * len(raw), raw)
    found = take(whole, "a.zip")["archive"]
    assert [row["path"] for row in found["tree"]] == [name]
    assert (found["verified"], found["broken"]) == (True, [])
    assert take(zipped((name, b"content")), "a.zip")["archive"]["tree"][0]["path"] == name


def test_a_7z_is_listed(take):
    found = take(SAMPLES / "two.7z", "two.7z")["archive"]
    assert (found["listed"], found["entries"], found["verified"]) == (True, 2, False)
    assert {row["path"]: row["size"] for row in found["tree"]} == {"a.txt": 5, "b/c.txt": 6}


def test_a_7z_that_is_locked_is_listed_as_far_as_that_is_possible(take):
    found = take(SAMPLES / "locked.7z", "locked.7z")["archive"]
    assert (found["encrypted"], found["tree"][0]["encrypted"]) == (1, True)
    found = take(SAMPLES / "locked-names.7z", "locked.7z")["archive"]
    assert (found["listed"], found["entries"]) == (False, 0)
    assert "password" in found["comment"]


def test_what_is_compressed_with_lz4_is_one_file(take):
    content = b"Package: millrace\n" * 3
    header = b"\x04\x22\x4d\x18\x60\x40\x82"  # version 1, blocks of 64 KiB
    block = (len(content) | 1 << 31).to_bytes(4, "little") + content  # stored
    found = take(header + block + bytes(4), "Packages.lz4")["archive"]
    assert (found["format"], found["verified"], found["total_size"]) == ("lz4", True, len(content))
    assert found["tree"][0]["path"] == "Packages"
    assert take(header + block[:20], "Packages.lz4").broken["archive"]


def test_the_tables_of_an_ar_archive_are_no_members_of_it(take):
    def part(name: bytes, content: bytes) -> bytes:
        return (
            name.ljust(16)
            + b"0".ljust(12)
            + b"0".ljust(6) * 2
            + b"644".ljust(8)
            + (str(len(content)).encode().ljust(10) + b"`\n" + content + b"\n" * (len(content) % 2))
        )

    library = b"!<arch>\n" + part(b"/", bytes(4)) + part(b"//", b"a-name-of-some-length.o/\n")
    found = take(library + part(b"/0", b"object"), "libx.a")["archive"]
    assert [row["path"] for row in found["tree"]] == ["a-name-of-some-length.o"]
    assert found["warnings"] == []


def test_a_debian_package_is_listed(take):
    header = b"debian-binary   1700000000  0     0     100644  4         `\n"
    found = take(b"!<arch>\n" + header + b"2.0\n", "x.deb")
    assert found.media_type == "application/vnd.debian.binary-package"
    assert found["archive"]["tree"][0]["path"] == "debian-binary"


@pytest.mark.parametrize(
    "content",
    [
        zipped(("a.txt", b"x" * 500))[:-30],
        gzip.compress(b"x" * 50_000)[:40],
        tarred(member("a.txt"))[:800],
        bz2.compress(b"x" * 5000)[:30],
        lzma.compress(b"x" * 5000)[:40],
        zstandard.compress(b"x" * 5000)[:-4] + b"\xff" * 9,
        b"7z\xbc\xaf\x27\x1c\0\x04" + b"\xee" * 100,
        b"Rar!\x1a\x07\x01\0" + b"\xee" * 100,
    ],
    ids=["zip", "gzip", "tar", "bzip2", "xz", "zstd", "7z", "rar"],
)
def test_broken_archives_are_bad_files(take, content):
    assert take(content).broken["archive"].endswith(".")


def test_a_bomb_is_stopped_while_it_unpacks(take, monkeypatch):
    monkeypatch.setattr(listing, "UNPACKED", 20 << 20)
    zeros = bytes(30 << 20)
    for data in (
        gzip.compress(zeros),
        zipped(("zeros", zeros)),
        lzma.compress(zeros),
        bz2.compress(zeros),
    ):
        assert "looks like a bomb" in take(data).broken["archive"]


def test_much_honest_content_is_listed_without_being_unpacked(take, monkeypatch):
    monkeypatch.setattr(listing, "UNPACKED", 1000)
    found = take(zipped(("a", b"0123456789" * 90), ("b", b"x" * 400)))["archive"]
    assert (found["verified"], found["total_size"], found["entries"]) == (False, 1300, 2)


def test_a_header_that_lies_about_its_size_is_found_out(take):
    data = bytearray(zipped(("zeros", bytes(1 << 20))))
    data[22:26] = struct.pack("<I", 1)
    directory = data.find(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = struct.pack("<I", 1)
    found = take(bytes(data))["archive"]
    assert found["broken"] == ["zeros"]
    assert found["total_size"] <= 1 << 20


def test_a_directory_of_absurd_length_is_refused_unread(take):
    data = zipped(("a", b"x"))
    end = data.rfind(b"PK\x05\x06")
    data = data[: end + 12] + struct.pack("<I", 0xFFFFFFF0) + data[end + 16 :]
    assert "bytes" in take(data).broken["archive"]


def test_a_tar_header_that_claims_gigabytes_is_refused(take):
    info = member("x", tarfile.GNUTYPE_LONGNAME, size=3 << 30)
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    assert "claims" in take(data, "x.tar").broken["archive"]


def test_thousands_of_entries_stay_bounded(take):
    data = zipped(*((f"folder/{number:05}.txt", b"") for number in range(5000)))
    found = take(data)["archive"]
    assert found["entries"] == 5000
    assert found["truncated"] is True
    assert len(found["tree"]) <= listing.TREE


def test_a_member_without_a_name_is_listed(take):
    data = bytearray(zipped(("a", b"x")))
    for mark, place in ((b"PK\x03\x04", 26), (b"PK\x01\x02", 28)):
        start = data.find(mark)
        data[start + place : start + place + 4] = (
            b"\0\0\1\0"  # its one letter is an extra field now
        )
    found = take(bytes(data))["archive"]
    assert (found["entries"], found["tree"][0]["path"]) == (1, "")


def test_a_zip_may_stand_behind_a_program(take):
    taken = take(b"#!/usr/bin/env python3\n" + zipped(("__main__.py", b"print(1)")), "tool.pyz")
    assert taken.media_type == "application/zip"
    assert taken["archive"]["largest"] == [{"path": "__main__.py", "size": 8}]


def test_the_first_part_of_several_is_told_from_a_broken_archive(take):
    whole = (SAMPLES / "two.7z").read_bytes()
    assert "one part of several" in take(whole[:100], "a.7z.001").broken["archive"]
