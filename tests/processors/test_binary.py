"""What is said of a file that nothing opens."""

from __future__ import annotations

import struct

from uploads.processors import binary


def test_hex_strings_and_entropy(take):
    found = take(
        b"\x01\x02\x03\xff" * 8 + b"hello world!\0\0" + "wide text".encode("utf-16-le") + bytes(99)
    )
    shown = found["binary"]
    assert found["identify"]["media_type"] == "application/octet-stream"
    assert shown["hex"][0] == {
        "offset": 0,
        "hex": "01 02 03 ff " * 3 + "01 02 03 ff",
        "text": "." * 16,
    }
    assert {"offset": 32, "text": "hello world!"} in shown["strings"]
    assert {"offset": 46, "text": "wide text"} in shown["strings"]
    assert 0 < shown["entropy"] < 5
    assert shown["header"] is None
    assert "no step opens application/octet-stream" in shown["tried"]


def test_one_repeated_byte_has_no_entropy_and_all_bytes_have_eight(take):
    assert take(b"\0" * 5000)["binary"]["entropy"] == 0
    even = take(b"\xff\xfd\0\0" + bytes(range(256)) * 64)["binary"]
    assert even["entropy"] > 7.99
    assert even["reading"] == "compressed, encrypted or random"


def test_the_map_shows_where_it_is_dense(take):
    found = take(b"\0" * 8192 + bytes(range(256)) * 32)["binary"]
    assert found["entropy_part"] == 4096
    assert found["entropy_map"] == [0.0, 0.0, 8.0, 8.0]
    assert found["zeros"] > 0.5


def test_a_large_file_is_sampled_all_over(take, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(b"\1\xfe\xff" * 2048)
        file.truncate(96 << 20)
        file.seek(170 * (96 << 20) // binary.MAP_CELLS)
        file.write(bytes(range(256)) * 512)
    taken = take(path)
    found = taken["binary"]
    assert (found["sampled"], found["bytes"]) == (True, 96 << 20)
    assert len(found["entropy_map"]) == binary.MAP_CELLS
    assert found["entropy_map"][0] > 0
    assert max(found["entropy_map"]) == found["entropy_map"][170] > 7
    assert taken.reports["binary"][-1] == (binary.READ, binary.READ, "bytes")


def test_strings_are_bounded(take):
    found = take(b"\xff\0" + b"abcdefgh\0" * 5000)["binary"]
    assert len(found["strings"]) == binary.STRINGS
    assert found["strings_truncated"] is True


def test_headers_of_programs_are_read(take):
    elf = (
        b"\x7fELF\x02\x01\x01"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x1000, 64, 0, 0, 64, 56, 9, 64, 31, 30)
    )
    assert take(elf + bytes(64))["binary"]["header"] == {
        "format": "ELF",
        "bits": 64,
        "order": "little-endian",
        "system": "System V",
        "machine": "x86-64",
        "type": "shared library or program",
        "entry": "0x1000",
        "sections": 31,
    }
    program = bytearray(512)
    program[:2] = b"MZ"
    struct.pack_into("<I", program, 60, 64)
    struct.pack_into("<4sHHIIIHH", program, 64, b"PE\0\0", 0x8664, 1, 0, 0, 0, 240, 0x22)
    struct.pack_into("<H", program, 88, 0x20B)
    struct.pack_into("<H", program, 88 + 68, 3)
    program[88 + 240 : 88 + 248] = b".text\0\0\0"
    shown = take(bytes(program))["binary"]["header"]
    assert (shown["machine"], shown["subsystem"], shown["sections"]) == (
        "x86-64",
        "console",
        [".text"],
    )
    wasm = take(b"\0asm\x01\0\0\0\x01\x02\0\0\x0a\x01\0")["binary"]["header"]
    assert wasm["sections"] == [{"name": "type", "bytes": 2}, {"name": "code", "bytes": 1}]


def test_a_broken_header_is_no_header(take):
    assert take(b"\x7fELF\x02\x01")["binary"]["header"] is None
    assert take(b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\xff\xff")["binary"]["header"] is None
