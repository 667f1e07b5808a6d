"""Lines of an enemy, without the enemy."""

import pytest

from uploads.processing.sandbox import LeftOut, wire


def test_lines_come_whole_however_they_were_cut() -> None:
    text = b"one\ntwo\n\nthree\n"
    for size in range(1, len(text) + 1):
        lines = wire.Lines()
        got = [
            line for at in range(0, len(text), size) for line in lines.feed(text[at : at + size])
        ]
        assert got == [b"one", b"two", b"", b"three"]


def test_a_line_without_end_and_lines_without_end_are_a_flood() -> None:
    with pytest.raises(wire.Flooded):
        wire.Lines().feed(b"x" * (wire.LINE_BYTES + 1))
    with pytest.raises(wire.Flooded):
        wire.Lines().feed(b"x" * (wire.LINE_BYTES + 1) + b"\n")
    lines = wire.Lines()
    for _ in range(wire.TOTAL_BYTES // 1000):
        lines.feed(b"x" * 999 + b"\n")
    with pytest.raises(wire.Flooded):
        lines.feed(b"x" * 999 + b"\n")


def test_progress_may_come_in_a_burst_and_steadily_but_not_as_a_flood() -> None:
    allowance = wire.Allowance(0)
    for second in range(100):
        for _ in range(wire.PROGRESS_PER_SECOND):
            allowance.take(float(second))
    for _ in range(wire.PROGRESS_BURST):
        allowance.take(1000.0)
    with pytest.raises(wire.Flooded):
        allowance.take(1000.0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (wire.started("a", 2), wire.Started("a", 2)),
        (wire.measured(1, None, "pages"), wire.Measured(1, None, "pages")),
        (wire.measured(0.5, 2, "s"), wire.Measured(0.5, 2, "s")),
        (
            wire.done("a", {"b": [1]}, [("c", "d/e")], 3),
            wire.Done("a", {"b": [1]}, (("c", "d/e"),), 3),
        ),
        (wire.sent(".child-1", "a/b"), wire.Sent(".child-1", "a/b")),
        (
            wire.done("a", {}, [], 1, LeftOut(9, (("b", "link"),))),
            wire.Done("a", {}, (), 1, LeftOut(9, (("b", "link"),))),
        ),
        (wire.failed("a", "bad_file", "b", "c", 1), wire.Failed("a", "bad_file", "b", "c", 1)),
        (wire.answer({"a": None}), wire.Answer({"a": None})),
    ],
)
def test_what_is_written_is_read(written: bytes, read: wire.Said) -> None:
    (line,) = wire.Lines().feed(written)
    assert wire.read(line) == read


def test_a_backslash_before_u0000_is_no_nul() -> None:
    assert wire.read(wire.answer({"a": "\\u0000"})) == wire.Answer({"a": "\\u0000"})
    with pytest.raises(wire.Garbled):
        wire.read(wire.answer({"a": "\0"}))
    with pytest.raises(wire.Garbled):
        wire.read(wire.answer({"a": "\\\0"}))
