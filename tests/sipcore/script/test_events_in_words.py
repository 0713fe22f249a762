"""What is found wrong with a script by reading it, and what is left for the moment when a word is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from sipcore.errors import ScriptError
from sipcore.script.loader import load_script

SCRIPT = """
from sipcore.contract.events import E_CALL_PICKUP, E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE
from sipcore.script import any_of, event_route, glob, gt, request_route

ARRIVALS = (E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE)
PATTERN = "aor=*@example.org"

@request_route("INVITE")
async def invite(request):
    aor = request.request_aor
    %s

@event_route
async def late(event, call):
    pass
"""


def load(tmp_path: Path, line: str) -> None:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT % line)
    load_script(path)


@pytest.mark.parametrize(
    "line",
    [
        'await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 20)',
        'await request.notify_on_event(ARRIVALS, "aor=*@example.org", late, 20)',
        "await request.notify_on_event(ARRIVALS, PATTERN, late, 20)",
        'await request.notify_on_event(ARRIVALS, ["aor=*@example.org", "transport=tls"], late, 20)',
        'await request.notify_on_event(ARRIVALS, f"aor={aor}", late, 20)',
        'await request.notify_on_event(ARRIVALS, "aor=" + aor, late, 20)',
        'await request.notify_on_event(ARRIVALS, {"aor": glob("1??@example.org"), "expires_in": gt(0)}, late, 20)',
        'await request.notify_on_event(ARRIVALS, any_of({"aor": "a@b"}, "aor=*@c"), late, 20)',
        'await request.notify_on_event(ARRIVALS, {"aor": aor, "call_uid": "c1"}, late, 20, dedup="key")',
        "await request.notify_on_event(ARRIVALS, None, late, 20, match_all=True)",
        'await request.notify_on_event(events=ARRIVALS, filter={"aor": aor}, route=late, timeout=20, on_expire=late)',
        'await request.notify_on_event(ARRIVALS, made_up(), late, seconds(), bind="dialog")',
        'await request.wait_for_event(E_CALL_PICKUP, {"group": "1", **more}, 20)',
        "request.events(ARRIVALS, aor=aor, timeout=20)",
        'request.events(ARRIVALS, {"aor": aor}, timeout=20)',
        'await request.raise_event(E_CALL_PICKUP, group="1", picker=aor)',
        "await request.raise_event(name, **more)",
        "board.events(day)",
    ],
)
def test_what_is_right_or_cannot_be_known_is_let_through(tmp_path: Path, line: str) -> None:
    load(tmp_path, line)


@pytest.mark.acceptance("H12")
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('await request.notify_on_event("E_NO_SUCH", {"aor": aor}, late, 20)', "is not a declared event"),
        ('await request.notify_on_event(ARRIVALS, {"aro": aor}, late, 20)', "no attribute 'aro'; did you mean aor"),
        ('await request.notify_on_event(ARRIVALS, {"aor": ""}, late, 20)', "an empty value matches nothing"),
        ('await request.notify_on_event(ARRIVALS, {"aor": 5}, late, 20)', "aor is str, and 5 is int"),
        ('await request.notify_on_event(ARRIVALS, {"aor": gt(5)}, late, 20)', "compares numbers"),
        ("await request.notify_on_event(ARRIVALS, {}, late, 20)", "match_all=True asks for that"),
        ("await request.notify_on_event(ARRIVALS, None, late, 20)", "match_all=True asks for that"),
        ('await request.notify_on_event(ARRIVALS, "aor", late, 20)', "not of the form key=value"),
        ('await request.notify_on_event(ARRIVALS, "aro=*@b", late, 20)', "no attribute 'aro'"),
        ('await request.notify_on_event(ARRIVALS, f"aro={aor}", late, 20)', "no attribute 'aro'"),
        ('await request.notify_on_event(ARRIVALS, "aro=" + aor + "@b", late, 20)', "no attribute 'aro'"),
        ('await request.notify_on_event(ARRIVALS, ["transport=tls", f"aro={aor}"], late, 20)', "no attribute 'aro'"),
        ('await request.notify_on_event(ARRIVALS, any_of({"aor": "a@b"}, {}), late, 20)', "any_of"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, invite, 20)', "invite is not an @event_route"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, "late", 20)', "'late' is not an @event_route"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 0)', "more than 0"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 100000)', "at most 86400"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, -1)', "more than 0"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 20, dedup="kee")', "did you mean key"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 20, bind="call")', "bind='call': one of"),
        ('await request.notify_on_event(ARRIVALS, {"aor": aor}, late, 20, on_expire=invite)', "invite is not an"),
        ('await request.wait_for_event(ARRIVALS, {"aro": aor}, 20)', "no attribute 'aro'"),
        ("request.events(ARRIVALS, aro=aor, timeout=20)", "no attribute 'aro'"),
        ("request.events(ARRIVALS, timeout=20)", "match_all=True asks for that"),
        ('await request.raise_event(E_CALL_PICKUP, gruop="1")', "did you mean group"),
        ("await request.raise_event(E_CALL_PICKUP, group=1)", "group is str, and 1 is int"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(ScriptError, match=f"script.py, line 11: .*{message}") as caught:
        load(tmp_path, line)

    assert caught.value.line == 11
