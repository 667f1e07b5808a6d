"""The protocol without I/O: what headers mean."""

import pytest

from tests.receiving.client import checksum
from uploads.errors import BadChecksum, BadRequest, TooLarge, WrongMediaType, WrongVersion
from uploads.receiving import tus

ID = "6f1c7a0e-30a8-4b8c-8f2a-0d2f8d3c1b5a"
BODY = {"Content-Type": tus.MEDIA_TYPE}


@pytest.mark.parametrize("sent", [{}, {"Tus-Resumable": "0.2.2"}, {"Tus-Resumable": "1.0.1"}])
def test_another_version_is_refused_with_the_versions_that_are_spoken(sent: dict) -> None:
    with pytest.raises(WrongVersion) as refusal:
        tus.check_version(sent)
    assert refusal.value.headers == {"Tus-Version": "1.0.0"}


def test_the_override_replaces_the_method() -> None:
    assert tus.method("POST", {"X-HTTP-Method-Override": "patch"}) == "PATCH"
    assert tus.method("POST", {}) == "POST"


@pytest.mark.parametrize("bad", ["-1", "1.0", "", "abc", "४", "1" * 19, "0x10"])
def test_lengths_and_offsets_are_non_negative_whole_numbers(bad: str) -> None:
    with pytest.raises(BadRequest):
        tus.parse_creation({"Upload-Length": bad}, most=100)
    with pytest.raises(BadRequest):
        tus.parse_append(BODY | {"Upload-Offset": bad})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Upload-Defer-Length": "0"},
        {"Upload-Defer-Length": "2"},
        {"Upload-Length": "1", "Upload-Defer-Length": "1"},
        {"Upload-Concat": "final;", "Upload-Length": "1"},
        {"Upload-Concat": f"final;/uploads/{ID}", "Upload-Length": "1"},
        {"Upload-Concat": "final;/uploads/elsewhere"},
        {"Upload-Concat": "whatever", "Upload-Length": "1"},
        {"Upload-Concat": "final;" + f" /uploads/{ID}" * 1001},
    ],
)
def test_a_creation_that_contradicts_itself_is_refused(headers: dict) -> None:
    with pytest.raises(BadRequest):
        tus.parse_creation(headers, most=100)


def test_who_joins_too_many_parts_hears_how_many_can_be_joined() -> None:
    asked = {"Upload-Concat": "final;" + f" /uploads/{ID}" * 1001}
    with pytest.raises(BadRequest, match="at most 1000 parts"):
        tus.parse_creation(asked, most=100)


def test_a_final_upload_names_its_parts_by_absolute_or_relative_addresses() -> None:
    value = f"final;/uploads/{ID} https://host:1/uploads/{ID}/?x=1"
    creation = tus.parse_creation({"Upload-Concat": value}, most=100)
    assert [str(part) for part in creation.parts] == [ID, ID]


def test_the_largest_file_is_taken_and_one_byte_more_is_not() -> None:
    assert tus.parse_creation({"Upload-Length": "100"}, most=100).length == 100
    with pytest.raises(TooLarge):
        tus.parse_creation({"Upload-Length": "101"}, most=100)


def test_a_body_counts_only_when_its_type_says_so() -> None:
    assert tus.parse_creation(BODY | {"Upload-Length": "1"}, most=9).has_body
    assert not tus.parse_creation({"Upload-Length": "1"}, most=9).has_body
    with pytest.raises(WrongMediaType):
        tus.parse_creation(
            {"Upload-Length": "1", "Content-Length": "1", "Content-Type": "text/plain"}, most=9
        )


def test_a_patch_needs_type_and_offset() -> None:
    with pytest.raises(WrongMediaType):
        tus.parse_append({"Upload-Offset": "0", "Content-Type": "application/octet-stream"})
    with pytest.raises(BadRequest):
        tus.parse_append(BODY)
    typed = {"Content-Type": "Application/Offset+Octet-Stream; charset=x", "Upload-Offset": "7"}
    assert tus.parse_append(typed).offset == 7


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5", "sha512"])
def test_it_reads_checksums(algorithm: str) -> None:
    read = tus.parse_checksum(checksum(algorithm, b"abc"))
    assert read is not None
    hashing = tus.hasher(read)
    hashing.update(b"abc")
    assert hashing.digest() == read.digest


@pytest.mark.parametrize("bad", ["", "sha1", "sha1 !!", "sha1 YQ==", "crc9 YQ==", "YQ=="])
def test_it_refuses_checksums_that_it_cannot_check(bad: str) -> None:
    with pytest.raises(BadChecksum):
        tus.parse_checksum({"Upload-Checksum": bad})
