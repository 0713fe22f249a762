"""Which response the caller gets (RFC 3261 §16.7 step 6)."""

from __future__ import annotations

import pytest

from sipcore.proxy.best_response import choose, unavailable
from sipcore.proxy.branch import Branch
from sipcore.syntax import Response, parse_message
from tests.support import sip

from .world import DESK


def response(status: int, *headers: tuple[str, str]) -> Response:
    parsed = parse_message(sip.response(sip.invite(), status, headers=headers))
    assert isinstance(parsed, Response)
    return parsed


def failed(status: int, *, ours: bool = False, excluded: bool = False, state: str = "failed") -> Branch:
    """A branch that ended with this status; `ours` when no phone ever said it."""
    branch = Branch("1", DESK, context=None)
    branch.state, branch.last_code, branch.excluded = state, status, excluded
    branch.response = None if ours else response(status)
    return branch


TIMEOUT, UNSENT = -408, -503  # our own words


def branch_of(status: int) -> Branch:
    return failed(abs(status), ours=status < 0)


@pytest.mark.parametrize(
    "_case, finals, rang, status, cause",
    [
        ("nobody at all", [], False, 480, 20),
        ("nobody answered", [], True, 480, 19),
        ("one is busy", [486], True, 486, 0),
        ("one is busy, one did not answer", [TIMEOUT, 486], True, 486, 0),
        ("a phone gave up by itself", [408], True, 480, 19),
        ("only unreachable", [TIMEOUT, 430], False, 480, 20),
        ("a dead flow alone", [UNSENT], False, 480, 20),
        ("a remote 503 alone", [503], False, 500, 0),
        ("503 loses against all", [503, TIMEOUT], False, 480, 20),
        ("other 5xx pass", [503, 502], False, 502, 0),
        ("4xx before 5xx", [500, 404], False, 404, 0),
        ("the lowest 4xx", [486, 404, 480], True, 404, 0),
        ("what can be repaired comes first", [404, 484, 420, 415, 407, 401], False, 401, 0),
        ("415 before 404", [404, 415], False, 415, 0),
        ("3xx before 4xx", [486, 302], False, 302, 0),
        ("487 never", [487], True, 480, 19),
        ("487 loses against 486", [487, 486], True, 486, 0),
        ("555 never", [555], False, 480, 20),
        ("a decline among others", [603, 486], True, 486, 0),
        ("a decline before server errors", [500, 603], True, 603, 0),
        ("a decline alone", [603], True, 603, 0),
    ],
)
def test_the_best_response(_case: str, finals: list[int], rang: bool, status: int, cause: int) -> None:
    choice = choose(map(branch_of, finals), global_decline=False, rang=rang, absent_cause=20)

    assert choice.status == status
    assert choice.headers == ((("Reason", f"Q.850;cause={cause}"),) if cause else ())


def test_a_decline_that_is_meant_for_all_wins() -> None:
    choice = choose(map(branch_of, [302, 401, 603]), global_decline=True, rang=True, absent_cause=20)

    assert choice.status == 603


@pytest.mark.parametrize(
    "_case, branch",
    [
        ("a picker's", failed(603, excluded=True)),
        ("cancelled by us", failed(487, state="cancelled")),
        ("still ringing", failed(180, state="ringing")),
    ],
)
def test_some_branches_are_no_candidates(_case: str, branch: Branch) -> None:
    assert choose([branch], global_decline=False, rang=False, absent_cause=20) == unavailable(rang=False)


def test_challenges_of_all_branches_are_gathered() -> None:
    """§16.7 step 7."""
    first, second, busy = failed(401), failed(407), failed(486)
    first.response = response(401, ("WWW-Authenticate", 'Digest realm="a"'))
    second.response = response(
        407, ("Proxy-Authenticate", 'Digest realm="b"'), ("Proxy-Authenticate", 'Digest realm="c"')
    )

    choice = choose([busy, second, first], global_decline=False, rang=False, absent_cause=20)

    assert choice.response is first.response
    assert choice.headers == (("Proxy-Authenticate", 'Digest realm="b"'), ("Proxy-Authenticate", 'Digest realm="c"'))
