"""Which changes of bindings are worth an event."""

from __future__ import annotations

import pytest

from sipcore.contract.location import Binding, BindingChanges
from sipcore.contract.records import replace
from sipcore.script.contact_events import are_mere_refreshes

OLD = Binding(
    "bob@t1",
    "m1",
    "sip:bob@192.0.2.20",
    1060.0,
    "c1",
    1,
    host="192.0.2.20",
    port=5060,
    registered_at=900.0,
    refreshed_at=1000.0,
)
NEW = replace(OLD, expires_at=1120.0, cseq=2, refreshed_at=1060.0)


@pytest.mark.parametrize(
    ("_case", "new", "expected"),
    [
        ("later, and nothing else", NEW, True),
        ("from another port", replace(NEW, port=5061), False),
        ("under another URI", replace(NEW, contact="sip:bob@192.0.2.20:5062"), False),
        ("with another preference", replace(NEW, q=0.5), False),
        ("another program", replace(NEW, user_agent="other"), False),
        ("back after it had expired", replace(NEW, registered_at=1060.0), False),
    ],
)
def test_a_refresh_leaves_everything_but_time_as_it_was(_case, new, expected):
    assert are_mere_refreshes([OLD], BindingChanges("bob@t1", (new,), updated=(new,))) is expected


def test_what_comes_goes_or_is_unknown_is_no_refresh():
    for before, changes in [
        ([], BindingChanges("bob@t1", (NEW,), inserted=(NEW,))),
        ([OLD], BindingChanges("bob@t1", (), removed=(OLD,))),
        ([], BindingChanges("bob@t1", (NEW,), updated=(NEW,))),
        ([OLD], BindingChanges("bob@t1", (OLD,))),
    ]:
        assert not are_mere_refreshes(before, changes)
