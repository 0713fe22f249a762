"""A phone that shows up while its call is on."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sipcore.proxy.branch import Branch
from sipcore.proxy.dispatch import Verdict, dispatch

from .world import MOBILE

ELSEWHERE = replace(MOBILE, flow=MOBILE.flow._replace(port=5064))
AGAIN = replace(MOBILE, registered_at=2.0)


def branch(state: str, *, last_code: int = 0, cancel_cause: int = 0) -> Branch:
    earlier = Branch("1", replace(MOBILE, registered_at=1.0), context=None)
    earlier.state, earlier.last_code, earlier.cancel_cause = state, last_code, cancel_cause
    return earlier


@pytest.mark.parametrize(
    "_case, earlier, target, verdict",
    [
        ("a new phone", None, MOBILE, Verdict.START),
        ("silent, same flow", branch("trying"), AGAIN, Verdict.NUDGE),
        ("silent, other flow", branch("trying"), ELSEWHERE, Verdict.REPLACE),
        ("has said 100", branch("proceeding"), ELSEWHERE, Verdict.DUPLICATE),
        ("rings, same flow", branch("ringing", last_code=180), AGAIN, Verdict.DUPLICATE),
        ("rings, other flow", branch("ringing", last_code=180), ELSEWHERE, Verdict.DUPLICATE),
        ("timed out, registered anew", branch("failed", last_code=408), AGAIN, Verdict.START),
        ("timed out, the same registration", branch("failed", last_code=408), MOBILE, Verdict.DUPLICATE),
        ("flow failed, registered anew", branch("failed", last_code=430), AGAIN, Verdict.START),
        ("unsent, registered anew", branch("failed", last_code=503), AGAIN, Verdict.START),
        ("rang out by us", branch("cancelled", last_code=487, cancel_cause=480), AGAIN, Verdict.START),
        ("rang out, same registration", branch("cancelled", cancel_cause=480), MOBILE, Verdict.DUPLICATE),
        ("picked up elsewhere", branch("cancelled", cancel_cause=200), AGAIN, Verdict.DUPLICATE),
        ("busy", branch("failed", last_code=486), AGAIN, Verdict.DECLINED),
        ("unavailable by itself", branch("failed", last_code=480), AGAIN, Verdict.DECLINED),
        ("declined", branch("failed", last_code=603), ELSEWHERE, Verdict.DECLINED),
        ("busy everywhere", branch("failed", last_code=600), AGAIN, Verdict.DECLINED),
    ],
)
def test_whether_a_phone_is_called(_case: str, earlier: Branch | None, target, verdict: Verdict) -> None:
    assert dispatch(earlier, target) is verdict


@pytest.mark.parametrize(
    "_case, earlier, verdict",
    [
        ("rings already", branch("ringing", last_code=180), Verdict.DUPLICATE),
        ("declined before", branch("failed", last_code=486), Verdict.START),
        ("was cancelled", branch("cancelled", cancel_cause=200), Verdict.START),
    ],
)
def test_whether_a_pickers_phone_is_called(_case: str, earlier: Branch, verdict: Verdict) -> None:
    assert dispatch(earlier, MOBILE, is_pickup=True) is verdict


def test_phones_without_a_key_are_told_by_their_uri() -> None:
    assert replace(MOBILE, key="").device_key == MOBILE.uri
