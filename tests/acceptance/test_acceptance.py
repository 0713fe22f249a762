"""The statements, the markers and the page that is made of both."""

from __future__ import annotations

import textwrap

from .markers import markers_in, proofs
from .statements import GROUPS, MUST, NOT_APPLICABLE, SHOULD, STATEMENTS, STILL_MISSING
from .table import page, unproved


def test_markers_name_statements_that_there_are() -> None:
    assert set(proofs()) - set(STATEMENTS) == set()


def test_every_statement_is_said_and_stands_in_one_group() -> None:
    assert list(STATEMENTS) == [f"H{number:02}" for number in range(1, 109)]
    assert sorted(number for group in GROUPS.values() for number in group) == sorted(STATEMENTS)
    assert set(STATEMENTS) >= (MUST | SHOULD)


def test_what_does_not_apply_is_not_proved_and_what_is_missing_is_missing_of_something() -> None:
    assert set(NOT_APPLICABLE) & set(proofs()) == set()
    assert set(STILL_MISSING) - set(proofs()) == set()


def test_a_marker_is_found_wherever_pytest_lets_it_stand() -> None:
    source = textwrap.dedent(
        """
        pytestmark = pytest.mark.acceptance("H01")

        @pytest.mark.acceptance("H02")
        class TestThis:
            @pytest.mark.acceptance("H03", "H04")
            @pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.acceptance("H05"))])
            def test_that(self, a): ...
        """
    )

    assert sorted(markers_in(source)) == ["H01", "H02", "H03", "H04", "H05"]


def test_a_row_says_what_shows_it_what_is_missing_and_what_is_not_there() -> None:
    rows = {line.split(" | ")[0].strip("| "): line for line in page({"H01": ["a/test_b.py"]}).splitlines()}

    assert rows["H01"].endswith("| [a/test_b](../tests/a/test_b.py) |")
    assert rows["H02"].endswith("| **not yet** |")
    assert "not applicable: " in rows["H61"]
    assert unproved({"H01": ["a/test_b.py"]}, frozenset({"H01", "H02", "H61"})) == ["H02"]
