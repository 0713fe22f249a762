from __future__ import annotations

import pytest

from sipcore.errors import MalformedMessage
from sipcore.syntax.header_names import COMPACT, HEADER_KEYS, MAX_LEARNT


@pytest.mark.parametrize("spelled", ["Via", "VIA", "via", "v", "V", "Via ", "v \t"])
def test_every_spelling_has_one_key(spelled):
    assert HEADER_KEYS[spelled] == "via"


def test_compact_forms_are_those_of_the_registry():
    assert {HEADER_KEYS[letter] for letter in COMPACT} == set(COMPACT.values())


@pytest.mark.parametrize("spelled", ["", " ", " Via", "Via Via", "Vía", "Via@", '"Via"'])
def test_what_is_no_token_is_no_name(spelled):
    with pytest.raises(MalformedMessage):
        HEADER_KEYS[spelled]


def test_invented_names_do_not_fill_the_memory():
    for number in range(MAX_LEARNT + 10):
        assert HEADER_KEYS[f"X-Invented-{number}"] == f"x-invented-{number}"

    assert len(HEADER_KEYS) <= MAX_LEARNT
