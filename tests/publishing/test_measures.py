"""Progress never goes back within an attempt, and none outlives it."""

import json
from typing import Any

import pytest

from consumers.frames import Audience
from uploads.publishing import measures as module
from uploads.publishing.measures import Measures

SPACE = 1


def body(done: float, *, file: str = "f", attempt: int = 1, step: str = "text") -> dict[str, Any]:
    return {
        "id": file,
        "attempt": attempt,
        "step": step,
        "done": done,
        "total": 100,
        "unit": "bytes",
        "eta_s": None,
    }


def event(status: str, *, attempt: int = 1, kind: str = "file.updated") -> dict[str, Any]:
    return {"type": kind, "file": {"id": "f", "status": status, "attempt": attempt}}


@pytest.fixture
def measures() -> Measures:
    return Measures()


def done(measures: Measures) -> float | None:
    measure = measures.get(SPACE, "f")
    return None if measure is None else measure.done


def test_the_newest_is_kept(measures: Measures) -> None:
    assert measures.take(SPACE, None, body(10))
    assert measures.take(SPACE, None, body(20))
    assert done(measures) == 20
    assert json.loads(measures.texts(SPACE, ["f"])[0]) == body(20)


def test_it_never_goes_back_within_an_attempt(measures: Measures) -> None:
    measures.take(SPACE, None, body(20))
    assert not measures.take(SPACE, None, body(10))
    assert done(measures) == 20


def test_a_new_step_and_a_new_attempt_begin_anew(measures: Measures) -> None:
    measures.take(SPACE, None, body(20))
    assert measures.take(SPACE, None, body(1, step="pdf"))
    assert measures.take(SPACE, None, body(0, attempt=2))
    assert done(measures) == 0


def test_an_earlier_attempt_says_no_more(measures: Measures) -> None:
    measures.take(SPACE, None, body(20, attempt=2))
    assert not measures.take(SPACE, None, body(30, attempt=1))


@pytest.mark.parametrize("status", ["processed", "failed", "cancelled", "queued"])
def test_when_an_attempt_is_over_its_measure_goes_and_late_ones_are_not_heard(
    measures: Measures, status: str
) -> None:
    measures.take(SPACE, None, body(20))
    measures.heard(SPACE, event(status))
    assert done(measures) is None
    assert not measures.take(SPACE, None, body(30))
    assert measures.take(SPACE, None, body(1, attempt=2))


def test_nobody_speaks_of_a_deleted_file(measures: Measures) -> None:
    measures.take(SPACE, None, body(20))
    measures.heard(SPACE, event("processing", kind="file.deleted"))
    assert not measures.take(SPACE, None, body(30, attempt=9))
    assert len(measures) == 0


def test_an_event_of_the_running_attempt_leaves_its_measure(measures: Measures) -> None:
    measures.take(SPACE, None, body(20))
    measures.heard(SPACE, event("processing"))
    measures.heard(SPACE, {"type": "batch.ended", "batch": {"id": "b"}})
    assert done(measures) == 20


def test_a_snapshot_shows_how_far_a_file_has_come(measures: Measures) -> None:
    row = {"id": "f", "status": "processing", "attempt": 1, "step": None, "received": 100}
    measures.take(SPACE, None, body(20))
    step = {"name": "text", "done": 20, "total": 100, "unit": "bytes", "eta_s": None}
    assert measures.show(SPACE, row) == row | {"step": step | {"stalled_since": None}}
    stalled = {**step, "done": 5, "stalled_since": "2026-01-01T00:00:00.000Z"}
    shown = measures.show(SPACE, row | {"step": stalled})["step"]
    assert shown == stalled | {"done": 20}  # the newest measure, and that nothing came since
    assert measures.show(SPACE, row | {"attempt": 2})["step"] is None
    assert measures.show(SPACE, row | {"status": "processed"})["step"] is None


def test_a_snapshot_shows_how_much_was_received(measures: Measures) -> None:
    row = {"id": "f", "status": "receiving", "attempt": 0, "step": None, "received": 0}
    measures.take(SPACE, None, body(20, attempt=0, step="receive"))
    shown = measures.show(SPACE, row)
    assert shown["received"] == 20
    assert shown["step"]["name"] == "receive"


def test_measures_are_found_by_audience(measures: Measures) -> None:
    measures.take(SPACE, "b", body(1, file="one"))
    measures.take(SPACE, None, body(1, file="two"))
    assert measures.files(SPACE, Audience().takes) == ["one", "two"]
    assert measures.files(SPACE, Audience(batch="b").takes) == ["one"]
    assert measures.files(SPACE, Audience(file="two").takes) == ["two"]
    assert measures.files(2, Audience().takes) == []


def test_what_is_kept_is_bounded(measures: Measures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 3)
    for number in range(9):
        measures.take(SPACE, None, body(1, file=f"{number}"))
    assert len(measures) == 3
    assert measures.files(SPACE, Audience().takes) == ["6", "7", "8"]
    monkeypatch.setattr(module, "MOST_FLOORS", 3)
    for number in range(9):
        ended = event("processed")
        measures.heard(SPACE, ended | {"file": ended["file"] | {"id": f"{number}"}})
    assert len(measures._floors) == 3
    assert len(measures) == 0
