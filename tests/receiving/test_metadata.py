"""What a sender says of a file: what is taken, what is made harmless, what is refused."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uploads import names
from uploads.errors import BadMetadata, BadName
from uploads.receiving import metadata


def header(**values: str | bytes) -> str:
    return ",".join(
        f"{key} {base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode()}"
        for key, v in values.items()
    )


def test_it_reads_every_key_that_it_knows() -> None:
    digest = "AB" * 32
    raw = header(filename="a.txt", path="x/a.txt", batch="b-1", batch_total="3", sha256=digest)
    assert metadata.parse(raw) == metadata.Metadata(
        name="a.txt", path="x/a.txt", batch="b-1", batch_total=3, sha256=digest.lower(), raw=raw
    )


def test_a_missing_name_is_no_error_since_tus_needs_none() -> None:
    assert metadata.parse("").name == "unnamed"
    assert metadata.parse("filename").name == "unnamed"


def test_it_takes_a_value_that_is_missing_as_empty() -> None:
    assert metadata.parse("is_confidential,filename YQ==").name == "a"


def test_it_understands_what_uppy_sends() -> None:
    raw = header(name="a.txt", relativePath="null", type="text/plain", filetype="text/plain")
    read = metadata.parse(raw)
    assert (read.name, read.path) == ("a.txt", "")


@pytest.mark.parametrize(
    "raw",
    [
        "filename YQ==,filename YQ==",
        "filename !!!",
        "filename YQ",
        ",",
        " ,a YQ==",
        "fílename YQ==",
        "x" * 20_000,
        header(batch="../x"),
        header(batch="a" * 101),
        header(batch_total="0"),
        header(batch_total="-1"),
        header(batch_total="²"),
        header(sha256="abc"),
    ],
)
def test_it_refuses_what_it_cannot_read(raw: str) -> None:
    with pytest.raises(BadMetadata):
        metadata.parse(raw)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plain.txt", "plain.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\photo.jpg", "photo.jpg"),
        ("/absolute", "absolute"),
        ('say "hi".txt', 'say "hi".txt'),
        ("e\u0301.txt", "é.txt"),
        ("a\x00b\n.txt", "a␀b␊.txt"),
        ("\x7f.txt", "␡.txt"),
        ("cv\u202efdp.exe", "cv\ufffdfdp.exe"),
        ("\u200f日本.txt", "\u200f日本.txt"),
        ("x" * 255, "x" * 255),
        ("日" * 85, "日" * 85),
        (" .txt", " .txt"),
    ],
)
def test_a_name_is_kept_as_harmless_as_it_must_be(sent: str, kept: str) -> None:
    assert names.clean_name(sent) == kept


@pytest.mark.parametrize(
    "sent", ["", " ", ".", "..", "a/", "../..", "x" * 256, "日" * 86, "\udc80"]
)
def test_it_refuses_a_name_that_is_none(sent: str) -> None:
    with pytest.raises(BadName):
        names.clean_name(sent)


def test_a_name_that_is_not_utf8_is_refused_as_a_name() -> None:
    with pytest.raises(BadName):
        metadata.parse(header(filename=b"\xff\xfe"))


@given(st.text(max_size=300))
def test_whatever_is_sent_a_kept_name_is_short_visible_and_in_no_folder(sent: str) -> None:
    try:
        kept = names.clean_name(sent)
    except BadName:
        return
    assert 1 <= len(kept) <= 255
    assert not set(kept) & set("/\\\x00\n\r\x1b\u202e\u2066")
    assert kept not in {".", ".."}


@given(st.text(max_size=300))
def test_whatever_is_sent_a_kept_path_never_leads_upwards(sent: str) -> None:
    try:
        kept = names.clean_path(sent)
    except BadName:
        return
    assert not kept.startswith("/")
    assert not {"..", ".", ""} & set(kept.split("/")) or kept == ""


@given(st.text(max_size=300))
def test_whatever_a_container_calls_a_member_a_name_is_made_of_it(called: str) -> None:
    name, path = names.fitted(called)
    assert names.clean_name(name) == name
    assert path.split("/")[-1] == name
    assert names.clean_path(path) == path


@pytest.mark.parametrize(
    ("called", "name", "path"),
    [
        ("../../etc/passwd", "passwd", "etc/passwd"),
        ("/absolute\\and\\windows.txt", "windows.txt", "absolute/and/windows.txt"),
        ("..", "unnamed", "unnamed"),
        ("\udc80.txt", "?.txt", "?.txt"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf", "x" * 251 + ".pdf"),
    ],
)
def test_a_members_hostile_name_leads_nowhere(called: str, name: str, path: str) -> None:
    assert names.fitted(called) == (name, path)
