"""Thousands of phones come back while calls wait for them: each gets its own call, once, and nothing is left behind."""

from __future__ import annotations

import shutil

import pytest

from benchmarks import avalanche

CALLS = 5000
RATE = 500.0


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.acceptance("H104")
@pytest.mark.skipif(shutil.which("taskset") is None, reason="taskset is not installed")
def test_no_call_is_lost_or_rung_twice_and_redis_is_clean_afterwards() -> None:
    figures, left = avalanche.run(CALLS, RATE)

    counted = ("calls_waiting", "invited", "ended", "invited_twice", "registers_refused")
    assert [figures[name] for name in counted] == [CALLS, CALLS, CALLS, 0, 0]
    assert left == []
