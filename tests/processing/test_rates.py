"""How long a step will still take is told from measured rates: this run's, and earlier runs' of the
same step and kind.
"""

import pytest

from uploads.processing.rates import REMEMBER, Rates

PAGES = ("text", "pdf", "pages")


def test_at_first_nothing_is_known_but_the_run_itself():
    rates = Rates()
    assert rates.eta(PAGES, 0, 100, 0.5) is None
    assert rates.eta(PAGES, 20, 100, 1.0) == pytest.approx(4.0)


def test_before_a_run_has_measured_anything_earlier_runs_speak():
    rates = Rates()
    rates.learn(*PAGES, 50, 2.0)
    assert rates.eta(PAGES, 0, 100, 0.0) == pytest.approx(4.0)


def test_a_run_comes_to_trust_itself_more_than_those_before():
    rates = Rates()
    rates.learn(*PAGES, 100, 1.0)
    early = rates.eta(PAGES, 1, 101, 0.1)  # 10 pages a second itself, 100 before
    late = rates.eta(PAGES, 30, 130, 3.0)
    assert early == pytest.approx(1.0, abs=0.1)
    assert late == pytest.approx(10.0)


def test_other_kinds_steps_and_units_have_rates_of_their_own():
    rates = Rates()
    rates.learn(*PAGES, 50, 1.0)
    for other in [("text", "office", "pages"), ("ocr", "pdf", "pages"), ("text", "pdf", "bytes")]:
        assert rates.eta(other, 0, 100, 0.0) is None


@pytest.mark.parametrize(("done", "total"), [(100, 100), (3, None)])
def test_without_a_rest_to_do_there_is_no_time_left(done: int, total: int | None):
    rates = Rates()
    rates.learn(*PAGES, 50, 1.0)
    assert rates.eta(PAGES, done, total, 1.0) is None


def test_runs_move_the_rate_by_a_part_and_only_so_many_rates_are_kept():
    rates = Rates()
    rates.learn(*PAGES, 10, 1.0)
    rates.learn(*PAGES, 20, 1.0)
    assert rates.eta(PAGES, 0, 130, 0.0) == pytest.approx(10.0)
    for number in range(REMEMBER):
        rates.learn(f"step {number}", "text", "rows", 1, 1.0)
    assert rates.eta(PAGES, 0, 130, 0.0) is None


def test_what_did_nothing_or_took_no_time_teaches_nothing():
    rates = Rates()
    rates.learn(*PAGES, 0, 1.0)
    rates.learn(*PAGES, 5, 0.0)
    assert rates.eta(PAGES, 0, 10, 0.0) is None
