"""What is heard becomes an order without holes."""

import pytest

from consumers import ring as rings
from consumers.frames import Entry, entry
from consumers.ring import Ring


def event(seq: int) -> Entry:
    return entry(seq, f'{{"seq":{seq}}}', "file", None)


def hear(ring: Ring, *seqs: int) -> None:
    for seq in seqs:
        ring.hear(event(seq), f'"{seq}"')


def seqs(entries: list[Entry] | None) -> list[int] | None:
    return None if entries is None else [one.seq for one in entries]


def has_hole(ring: Ring) -> bool:
    return ring.hole


@pytest.fixture
def ring() -> Ring:
    return Ring("e", 10, '"10"')


def test_events_in_order_are_held(ring: Ring) -> None:
    hear(ring, 11, 12, 13)
    assert seqs(ring.since(10, 13)) == [11, 12, 13]
    assert seqs(ring.since(12, 13)) == [13]
    assert seqs(ring.since(13, 13)) == []
    assert ring.counts == '"13"'
    assert not has_hole(ring)


def test_what_comes_twice_is_held_once(ring: Ring) -> None:
    hear(ring, 11, 11, 12, 11)
    assert seqs(ring.fresh) == [11, 12]


def test_what_comes_too_early_waits_for_what_is_before_it(ring: Ring) -> None:
    hear(ring, 13, 12)
    assert has_hole(ring)
    assert ring.fresh == []
    hear(ring, 11)
    assert not has_hole(ring)
    assert seqs(ring.fresh) == [11, 12, 13]
    assert ring.counts == '"13"'


def test_a_hole_is_filled_from_the_log(ring: Ring) -> None:
    hear(ring, 14)
    ring.fill([event(11), event(12), event(13)], 13, '"13"')
    assert seqs(ring.fresh) == [11, 12, 13, 14]
    assert ring.counts == '"14"'
    assert not has_hole(ring)


def test_a_page_that_is_not_the_last_leaves_the_hole_open(ring: Ring) -> None:
    ring.told(15)
    ring.fill([event(11), event(12)], 12, None)
    assert has_hole(ring)
    assert ring.counts == '"10"'  # those of the end are not yet true
    ring.fill([event(13), event(14), event(15)], 15, '"15"')
    assert not has_hole(ring)
    assert ring.counts == '"15"'


def test_what_was_told_of_but_never_committed_is_forgotten(ring: Ring) -> None:
    ring.told(12)
    ring.fill([event(11)], 11, '"11"')
    assert not has_hole(ring)


def test_only_the_newest_are_held(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rings, "MOST_EVENTS", 3)
    hear(ring, *range(11, 20))
    assert seqs(ring.since(16, 19)) == [17, 18, 19]
    assert ring.since(15, 19) is None
    monkeypatch.setattr(rings, "MOST_BYTES", 20)
    hear(ring, 20)
    assert seqs(ring.since(18, 20)) == [19, 20]
    assert ring.since(17, 20) is None


def test_what_waits_is_bounded_and_found_in_the_log(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "MOST_EARLY", 2)
    hear(ring, 12, 13, 14, 15)
    ring.fill([event(11)], 11, None)
    hear(ring, 11)
    assert seqs(ring.fresh) == [11]
    ring.fill([event(12)], 15, None)
    assert has_hole(ring)
