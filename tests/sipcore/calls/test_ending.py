from __future__ import annotations

import pytest

from sipcore.calls.ending import how_it_ended


@pytest.mark.parametrize(
    ("status", "origin", "rang", "word"),
    [
        (487, "cancel", True, "cancelled"),
        (486, "cancel", True, "cancelled"),
        (487, "branch", True, "cancelled"),
        (486, "branch", False, "busy"),
        (600, "branch", True, "busy"),
        (603, "branch", True, "declined"),
        (607, "branch", True, "declined"),
        (608, "branch", False, "declined"),
        (480, "timeout", True, "no-answer"),
        (480, "local", False, "unreachable"),
        (408, "timeout", True, "no-answer"),
        (408, "timeout", False, "unreachable"),
        (430, "branch", False, "unreachable"),
        (404, "local", False, "failed"),
        (302, "branch", False, "failed"),
        (500, "branch", True, "failed"),
        (503, "local", False, "failed"),
    ],
)
def test_each_final_response_has_its_word(status, origin, rang, word):
    assert how_it_ended(status, origin, rang=rang) == word
