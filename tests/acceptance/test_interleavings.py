"""As many random interleavings as the specification asks for: too many to run after every change."""

from __future__ import annotations

import pytest

from tests.sipcore.proxy.test_interleavings import interleave

RUNS = 10_000
BLOCK = 2_500  # of them in one test, so that they can run side by side
FIRST = 1_000  # those before are run with the core


@pytest.mark.acceptance("H107")
@pytest.mark.slow
@pytest.mark.parametrize("block", range(RUNS // BLOCK))
def test_ten_thousand_random_interleavings_end_well(block: int) -> None:
    for seed in range(FIRST + block * BLOCK, FIRST + (block + 1) * BLOCK):
        interleave(seed)
