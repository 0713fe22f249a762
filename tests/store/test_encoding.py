"""What is written is what the contract reads."""

import json
from dataclasses import fields, replace

import pytest

from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.events import Event
from sipcore.contract.location import Binding, PushParameters
from sipcore.contract.records import from_json, to_json
from sipcore.contract.subscriptions import ConditionRecord, SubscriptionRecord
from sipcore.store.encoding import encode_binding, encode_call, encode_event, encode_subscription

ODD = b"\xff".decode("utf-8", "surrogateescape")

RINGING = BranchState("b1", "b@t1", "sip:b", "phone", "lookup", "ringing", 180, 1.0)

RECORDS = [
    (encode_binding, Binding("bob@t1", "m1", "sip:bob@192.0.2.1", 1.5, "c", 1)),
    (
        encode_binding,
        Binding("bob@t1", "m1", "sip:b", 1.5, "c", 0, 0.0, "<urn:x>", 1, ("<sip:e;lr>",), "tcp", "h", 5060, "7"),
    ),
    (
        encode_binding,
        Binding("밥@t1", "m1", "sip:b", 1.5, "c", 1, push=PushParameters("fcm", prid_hash="00"), methods=("INVITE",)),
    ),
    (encode_binding, Binding(f"b{ODD}@t1", "m1", "sip:b", 1.5, "c", 1, user_agent='"\\\n\x00')),
    (encode_call, CallState("c1", "id", "a@t1", "", "bob", "bob@t1")),
    (
        encode_call,
        CallState("c1", "id", "a@t1", "앨", "bob", "bob@t1", "ringing", ("1", "2"), 1.0, 2.0, code=180, waking=2),
    ),
    (
        encode_call,
        CallState("c1", "id", "a", "", "b", "b@t1", branches=(RINGING, replace(RINGING, id="b2", ended_at=1.0))),
    ),
    (encode_event, Event("e1", "E_WAIT_CLOSED", 1.0, "w1")),
    (
        encode_event,
        Event("e1", "E_X", 1.0, "w1", {"aor": f"{ODD}밥", "groups": ["1"], "binding": {"q": 1.0}}, "c1", "e0"),
    ),
    (
        encode_subscription,
        SubscriptionRecord(
            "s1", ("E_A", "E_B"), (ConditionRecord("aor", "eq", "bob"), ConditionRecord("n", "lt", 5)), "w1", 2.0, 1.0
        ),
    ),
    (encode_subscription, SubscriptionRecord("s1", ("E_A",), (), "w1", 2.0, 1.0, "c1", "fork_call", "wait")),
]


@pytest.mark.parametrize(("encode", "record"), RECORDS)
def test_it_reads_back_the_same(encode, record):
    encoded = encode(record)

    assert from_json(type(record), encoded) == record
    assert len(encoded) <= len(to_json(record).encode("utf-8", "surrogatepass")) + 20


def test_a_binding_takes_no_room_for_what_it_has_not():
    written = json.loads(encode_binding(Binding("bob@t1", "m1", "sip:b", 0.0, "", 0)))

    assert not written.keys() & {"q", "instance_id", "reg_id", "path", "connection", "methods", "push"}


def test_every_field_of_a_binding_is_written():
    """Also one that is added to the contract and forgotten here."""
    plain = Binding("bob@t1", "m1", "sip:b", 1.5, "c", 1)
    others = {"path": ("<sip:e>",), "methods": ("INVITE",), "push": PushParameters("fcm", "p", "00")}
    for field in fields(Binding):
        value = others.get(field.name, "other" if isinstance(getattr(plain, field.name), str) else 7)
        changed = replace(plain, **{field.name: value})

        assert from_json(Binding, encode_binding(changed)) == changed


def test_records_are_left_out_of_an_event_where_nobody_reads_them():
    event = Event("e1", "E_X", 1.0, "w1", {"aor": "bob@t1", "groups": ["1"], "binding": {"q": 1.0}})

    assert json.loads(encode_event(event, structured=False))["attributes"] == {"aor": "bob@t1", "groups": ["1"]}
