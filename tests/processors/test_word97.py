"""The text of documents and presentations of 1997 to 2003, out of files that are written here."""

from __future__ import annotations

import random
import struct

import pytest

from tests.processors.compounds import compound

TABLE_1, ENCRYPTED = 0x0200, 0x0100
NARROW = 0x40000000


def document(*pieces: str | bytes, flags: int = TABLE_1, kind: int = 0xA5EC) -> bytes:
    """A .doc whose text lies in pieces: text as UTF-16, bytes as one byte for a character."""
    header = bytearray(0x400)
    struct.pack_into("<H", header, 0, kind)
    struct.pack_into("<H", header, 0x0A, flags)
    stream, ends, places = bytes(header), [0], []
    for piece in pieces:
        narrow = isinstance(piece, bytes)
        place = len(stream) * 2 | NARROW if narrow else len(stream)
        places.append(struct.pack("<HIH", 0, place, 0))
        ends.append(ends[-1] + len(piece))
        stream += piece if isinstance(piece, bytes) else piece.encode("utf-16-le")
    listed = struct.pack(f"<{len(ends)}I", *ends) + b"".join(places)
    table = b"\x01\x03\x00abc" + b"\x02" + struct.pack("<I", len(listed)) + listed
    start = bytearray(stream)
    struct.pack_into("<I", start, 0x4C, ends[-1])
    struct.pack_into("<II", start, 0x1A2, 16, len(table))
    name = "1Table" if flags & TABLE_1 else "0Table"
    return compound({"WordDocument": bytes(start), name: bytes(16) + table})


def record(kind: int, body: bytes, *, instance: int = 0, container: bool = False) -> bytes:
    first = instance << 4 | (0xF if container else 0)
    return struct.pack("<HHI", first, kind, len(body)) + body


def box(kind: int, *inside: bytes, instance: int = 0) -> bytes:
    return record(kind, b"".join(inside), instance=instance, container=True)


def wide(text: str) -> bytes:
    return record(0x0FA0, text.encode("utf-16-le"))


def title(kind: int = 0) -> bytes:
    return record(0x0F9F, struct.pack("<I", kind))


PERSIST = record(0x03F3, bytes(20))
PRESENTATION = b"".join(
    (
        box(
            0x03E8,
            box(0x0FF0, PERSIST, title(), wide("Click to edit"), instance=1),
            box(
                0x0FF0,
                *(
                    PERSIST,
                    title(6),
                    wide("The mill — 1997"),
                    title(1),
                    wide("oak\rwater\x0bwheel"),
                ),
                *(PERSIST, title(), record(0x0FA8, b"Caf\xe9"), title(1), wide("end")),
            ),
        ),
        box(0x03F8, box(0xF00D, wide("of the master"))),
        box(0x03EE, box(0xF002, box(0xF00D, wide("in a box")))),
        box(0x03F0, box(0xF00D, wide("of the notes"))),
    )
)


def test_a_documents_pieces_are_put_together(take):
    taken = take(document("Ein Müh", b"lrad\rdreht ", "sich – 水\r"), "old.doc")
    assert taken.media_type == "application/msword"
    found = taken["office"]
    assert (found["format"], found["text_read"]) == ("doc", True)
    assert found["head"] == "Ein Mühlrad\n\ndreht sich – 水"
    assert found["words"] == 6
    assert "Mühlrad" in taken.artifact("office", "text.md").decode()


def test_fields_show_their_results_and_marks_are_left_out(take):
    inner = "\x13 PAGE \x147\x15"
    text = (
        f"See \x13 HYPERLINK {inner} \x14the page {inner}\x15.\r"
        "\x13 TOC \x15plain\x01\x08\x02\r"
        "a\x07b\x07\x07c\x0bd\x1ee\r"
    )
    found = take(document(text, flags=0), "old.doc")["office"]
    assert found["head"] == "See the page 7.\n\nplain\n\na\tb\n\nc\nd-e"


def test_what_is_on_slides_is_read_and_not_what_is_on_masters_and_in_notes(take):
    taken = take(compound({"PowerPoint Document": PRESENTATION}), "old.ppt")
    assert taken.media_type == "application/vnd.ms-powerpoint"
    found = taken["office"]
    assert (found["format"], found["slides"], found["text_read"]) == ("ppt", 2, True)
    assert found["outline"] == [
        {"level": 2, "text": "The mill — 1997"},
        {"level": 2, "text": "Café"},
    ]
    for words in ("oak", "water\nwheel", "end", "in a box"):
        assert words in found["head"]
    for words in ("Click", "master", "notes"):
        assert words not in found["head"]


@pytest.mark.parametrize(
    "content",
    [
        document("secret", flags=TABLE_1 | ENCRYPTED),
        document("older", kind=0xA5DC),
        compound({"WordDocument": b"short"}),
        compound({"WordDocument": bytes(0x400)}),
    ],
    ids=["locked", "older", "short", "empty"],
)
def test_what_can_not_be_read_still_tells_the_rest(take, content):
    found = take(content, "old.doc")["office"]
    assert (found["text_read"], found["head"]) == (False, "")
    assert found["streams"]


def test_damaged_ones_end_in_a_result_or_a_sentence(take):
    dice = random.Random(97)
    whole = [document("some words " * 40, b"and more " * 40)]
    whole.append(compound({"PowerPoint Document": PRESENTATION}))
    for _ in range(150):
        content = bytearray(dice.choice(whole))
        for _ in range(dice.randrange(1, 30)):
            content[dice.randrange(512, len(content))] = dice.randrange(256)
        taken = take(bytes(content), "old.doc")
        assert "office" in taken.results or taken.broken or taken.media_type != "application/msword"


def test_containers_inside_themselves_without_end_are_left(take):
    deep = wide("deep")
    for _ in range(200):
        deep = box(0x03EE, deep)
    found = take(compound({"PowerPoint Document": deep + PRESENTATION}), "old.ppt")["office"]
    assert "deep" not in found["head"]
    assert "in a box" in found["head"]
