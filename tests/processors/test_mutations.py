"""Damaged files of every kind end in a result or in a sentence, in every step, in this very
process.

In the server a crash is the sandbox's affair; here it would end the test, so there is none.
"""

from __future__ import annotations

import random

import pytest

from tests.processors.kinds import every_kind
from tests.processors.mutations import mutated

KINDS = every_kind()
EACH = 8
SEED = 20240501


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_of_every_kind_have_a_result_in_every_step(take, name):
    taken = take(KINDS[name], name)
    assert taken.broken == {}
    assert taken["identify"]["extension_matches"] is True
    assert len(taken.results) >= 3


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_end_in_a_result_or_a_sentence(take, name):
    dice = random.Random(f"{SEED} {name}")
    for _ in range(EACH):
        taken = take(mutated(KINDS[name], dice), name)
        assert taken["checksum"]["sha256"]
        assert all(message.endswith(".") for message in taken.broken.values())
