"""What is inside of archives and mails is sent on where that is wanted: counted as it comes, named
where it is left out, and harmless whatever it is called.
"""

import gzip
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import libarchive
import pytest

from uploads.processors import REGISTRY, BadFile, Context, ProcessorError, load_builtin
from uploads.processors.children import SHOWN, Children

load_builtin()
ALL = Children(asked=True)


def run(
    folder: Path, content: bytes, media_type: str, children: Children, name: str = "a"
) -> Context:
    original = folder / "original"
    original.write_bytes(content)
    ctx = Context(
        path=original,
        name=name,
        media_type=media_type,
        kind="archive",
        size=len(content),
        folder=folder,
        children=replace(children, sent=[], left_out=[]),
    )
    step = "mail" if media_type in REGISTRY["mail"].accepts else "archive"
    REGISTRY[step].run(ctx)
    return ctx


def sent(ctx: Context) -> dict[str, bytes]:
    return {path: (ctx.folder / name).read_bytes() for name, path in ctx.children.sent}


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes], mode: Any = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_members_of_a_zip_are_sent_on_only_when_that_is_wanted(tmp_path: Path) -> None:
    packed = zipped(**{"a.txt": b"a", "b/c.txt": b"cc"})
    assert sent(run(tmp_path, packed, "application/zip", Children())) == {}
    for wanted in (ALL, Children(wanted=("archive",))):
        found = sent(run(tmp_path, packed, "application/zip", wanted))
        assert found == {"a.txt": b"a", "b/c.txt": b"cc"}
    assert sent(run(tmp_path, packed, "application/zip", Children(wanted=("mail",)))) == {}


@pytest.mark.parametrize(
    ("mode", "media_type"), [("w", "x-tar"), ("w:gz", "gzip"), ("w:xz", "x-xz")]
)
def test_of_a_tar_only_regular_files_go_on(tmp_path: Path, mode: str, media_type: str) -> None:
    packed = tarred(
        (member("../../etc/passwd"), b"root"),
        (member("/absolute"), b"x" * 300_000),
        (member("folder", tarfile.DIRTYPE), b""),
        (member("soft", tarfile.SYMTYPE, "/etc/shadow"), b""),
        (member("hard", tarfile.LNKTYPE, "absolute"), b""),
        (member("null", tarfile.CHRTYPE), b""),
        (member("pipe", tarfile.FIFOTYPE), b""),
        mode=mode,
    )
    ctx = run(tmp_path, packed, f"application/{media_type}", ALL)
    assert sent(ctx) == {"../../etc/passwd": b"root", "/absolute": b"x" * 300_000}
    assert dict(ctx.children.left_out) == dict.fromkeys(("soft", "hard", "null", "pipe"), "link")
    assert all(name.startswith(".child-") for name, _ in ctx.children.sent)
    assert not (tmp_path.parent / "etc").exists()


def test_one_file_that_is_compressed_goes_on_under_its_name(tmp_path: Path) -> None:
    content = gzip.compress(b"words\n" * 1000)
    ctx = run(tmp_path, content, "application/gzip", ALL, name="log.txt.gz")
    assert sent(ctx) == {"log.txt": b"words\n" * 1000}


def test_what_only_libarchive_opens_goes_on_too(tmp_path: Path) -> None:
    with libarchive.file_writer(str(tmp_path / "a.7z"), "7zip") as archive:
        archive.add_file_from_memory("in.txt", 6, b"inside")
        archive.add_file_from_memory("b/out.txt", 3, b"out")
    packed = (tmp_path / "a.7z").read_bytes()
    ctx = run(tmp_path, packed, "application/x-7z-compressed", ALL)
    assert sent(ctx) == {"in.txt": b"inside", "b/out.txt": b"out"}


def test_number_size_and_depth_are_bounded_and_the_rest_is_named(tmp_path: Path) -> None:
    packed = zipped(**{f"{number}.txt": b"x" * number * 100 for number in range(1, 40)})
    few = run(tmp_path, packed, "application/zip", Children(asked=True, most=3))
    assert list(sent(few)) == ["1.txt", "2.txt", "3.txt"]
    assert (few.children.left_out_total, len(few.children.left_out)) == (36, SHOWN)
    assert set(few.children.left_out) <= {(f"{number}.txt", "number") for number in range(4, 40)}
    small = run(tmp_path, packed, "application/zip", Children(asked=True, room=1000))
    assert sum(map(len, sent(small).values())) <= 1000
    assert small.children.left_out[0][1] == "bytes"
    deep = run(tmp_path, packed, "application/zip", Children(asked=True, deep=True))
    assert sent(deep) == {}
    assert deep.children.left_out[0] == ("1.txt", "depth")


def test_a_member_that_claims_to_be_small_is_counted_as_it_comes(tmp_path: Path) -> None:
    packed = zipped(bomb=bytes(50_000_000))
    ctx = run(tmp_path, packed, "application/zip", Children(asked=True, room=1_000_000))
    assert sent(ctx) == {}
    assert ctx.children.left_out == [("bomb", "bytes")]
    assert not list(tmp_path.glob(".child-*"))


def test_a_broken_member_is_left_out_and_the_others_go_on(tmp_path: Path) -> None:
    packed = bytearray(zipped(good=b"g" * 1000, bad=bytes(range(256)) * 40, last=b"l"))
    place = packed.index(b"bad") + 20
    packed[place : place + 8] = b"\xff" * 8
    ctx = run(tmp_path, bytes(packed), "application/zip", ALL)
    assert list(sent(ctx)) == ["good", "last"]
    assert ctx.children.left_out == [("bad", "broken")]


MAIL = b"""From: a@example.org
Subject: two files and a logo
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<img src="cid:logo">
--b
Content-Type: image/png
Content-ID: <logo>
Content-Disposition: inline; filename=logo.png

PNG
--b
Content-Type: text/csv
Content-Disposition: attachment; filename="../rivers.csv"

river,km
--b
Content-Type: application/pgp-signature; name=signature.asc

-----
--b--
"""


def test_attachments_go_on_but_not_the_pictures_of_the_text_nor_signatures(tmp_path: Path) -> None:
    ctx = run(tmp_path, MAIL, "message/rfc822", Children(wanted=("mail",)))
    assert sent(ctx) == {"../rivers.csv": b"river,km"}
    assert len([name for name, _ in ctx.artifacts if name.startswith("attachment-")]) == 3
    assert sent(run(tmp_path, MAIL, "message/rfc822", Children())) == {}


FORWARDED = b"""From: a@example.org
Subject: as an attachment
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b

see below
--b
Content-Type: message/rfc822

From: c@example.org
Subject: inner

words
--b--
"""


def test_an_attached_mail_goes_on_as_a_mail_and_not_where_that_would_be_too_deep(
    tmp_path: Path,
) -> None:
    ctx = run(tmp_path, FORWARDED, "message/rfc822", Children(wanted=("mail",)))
    assert sent(ctx) == {"inner.eml": b"From: c@example.org\nSubject: inner\n\nwords"}
    deep = run(tmp_path, FORWARDED, "message/rfc822", Children(wanted=("mail",), deep=True))
    assert (sent(deep), deep.children.left_out) == ({}, [("inner.eml", "depth")])


def test_attachments_that_are_too_many_are_named_as_left_out(tmp_path: Path) -> None:
    head = b"From: a@example.org\nSubject: x\nContent-Type: multipart/mixed; boundary=b\n\n"
    part = b"--b\nContent-Type: text/csv; name=a.csv\n\n1,2\n"
    children = Children(wanted=("mail",), most=1000)
    ctx = run(tmp_path, head + part * 300 + b"--b--\n", "message/rfc822", children)
    assert len(sent(ctx)) == 1  # one name
    assert len(ctx.children.sent) == 100
    assert (ctx.children.left_out_total, ctx.children.left_out[0]) == (200, ("a.csv", "number"))


def test_a_mailboxs_messages_go_on_when_somebody_asks(tmp_path: Path) -> None:
    box = b"From a@b Mon\nSubject: one\n\n>From the start\n\nFrom c@d Tue\nSubject: two\n\nbody\n"
    assert sent(run(tmp_path, box, "application/mbox", Children(wanted=("mail",)))) == {}
    assert sent(run(tmp_path, box, "application/mbox", ALL)) == {
        "message-00001.eml": b"Subject: one\n\nFrom the start\n\n",
        "message-00002.eml": b"Subject: two\n\nbody\n",
    }


def test_what_reading_a_member_raises_goes_on_and_leaves_nothing(tmp_path: Path) -> None:
    ctx = Context(tmp_path, "a", "a/b", "other", 0, tmp_path)

    def broken():
        yield b"half"
        raise BadFile("Half of it is missing.")

    with pytest.raises(BadFile):
        ctx.child("half", broken())
    with pytest.raises(ProcessorError):
        ctx.child("nothing", artifact="nothing")
    assert ctx.children.sent == []
    assert not list(tmp_path.iterdir())
