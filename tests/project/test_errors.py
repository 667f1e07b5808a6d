"""Every code that a step or a file can fail with is in the one table."""

from uploads.errors import FAILURES
from uploads.processing.sandbox import contract, wire
from uploads.reading import rows


def test_the_sandbox_gives_no_code_that_the_table_lacks() -> None:
    assert {*contract.CODES.values(), *wire._CODES} <= {*FAILURES}


def test_the_page_has_a_word_of_advice_for_every_failure() -> None:
    assert {*FAILURES} - {"internal"} <= {*rows.ADVICE}
