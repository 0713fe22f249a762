from __future__ import annotations

import pytest

from sipcore.errors import ConfigurationError
from sipcore.registrar import Limits


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_expires": 0},
        {"min_expires": 4000},
        {"max_expires": 3599},
        {"pnsreg": 120},
        {"push_min_expires": 130},
        {"push_max_expires": 149},
        {"max_bindings": 0},
    ],
)
def test_limits_that_contradict_each_other_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        Limits(**wrong)
