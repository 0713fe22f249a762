"""What is written is what is read, on both sides of Redis."""

import json

import pytest

from sipcore.contract.calls import BranchState, CallState
from sipcore.contract.directory import SubscriberRecord
from sipcore.contract.events import Event
from sipcore.contract.location import Binding, PushParameters
from sipcore.contract.records import from_dict, from_json, replace, to_dict, to_json
from sipcore.contract.subscriptions import ConditionRecord, SubscriptionRecord

ODD = b"\xff".decode("utf-8", "surrogateescape")

RINGING = BranchState("b1", "b@t1", "sip:b", "phone", "lookup", "ringing", 180, 1.0)
BOB = Binding("bob@t1", "m1", "sip:bob@192.0.2.1", 1.5, "c", 1)

RECORDS = [
    BOB,
    Binding("bob@t1", "m1", "sip:b", 1.5, "c", 0, 0.0, "<urn:x>", 1, ("<sip:e;lr>",), "tcp", "h", 5060, "7"),
    Binding("밥@t1", "m1", "sip:b", 1.5, "c", 1, push=PushParameters("fcm", prid_hash="00"), methods=("INVITE",)),
    Binding(f"b{ODD}@t1", "m1", "sip:b", 1.5, "c", 1, user_agent='"\\\n\x00'),
    CallState("c1", "id", "a@t1", "", "bob", "bob@t1", "setup"),
    CallState("c1", "id", "a@t1", "앨", "bob", "bob@t1", "ringing", ("1", "2"), 1.0, 2.0, code=180, waking=2),
    CallState("c1", "id", "a", "", "b", "b@t1", "setup", branches=(RINGING, replace(RINGING, id="b2", ended_at=1.0))),
    Event("e1", "E_WAIT_CLOSED", 1.0, "w1"),
    Event("e1", "E_X", 1.0, "w1", {"aor": f"{ODD}밥", "groups": ["1"], "binding": {"q": 1.0}}, "c1", "e0"),
    SubscriptionRecord(
        "s1",
        ("E_A", "E_B"),
        (ConditionRecord("aor", "eq", "bob"), ConditionRecord("n", "in", ("5", "6"))),
        "w1",
        2.0,
        1.0,
    ),
    SubscriptionRecord("s1", ("E_A",), (), "w1", 2.0, 1.0, "c1", "fork_call", "wait"),
    SubscriberRecord("a@t1", "a", "t1", {"MD5": "00"}, pickup_groups=("1",), push_devices=1),
]


@pytest.mark.parametrize("record", RECORDS)
def test_it_reads_back_the_same(record):
    assert from_json(type(record), to_json(record)) == record
    assert from_dict(type(record), to_dict(record)) == record


@pytest.mark.parametrize("record", RECORDS)
def test_it_is_json_that_others_read(record):
    """The dashboard and the browser read it with what they have."""
    assert from_dict(type(record), json.loads(to_json(record))) == record


def test_what_is_at_its_default_takes_no_room():
    assert to_dict(Binding("bob@t1", "m1", "sip:b", 0.0, "", 0)).keys() == {
        "aor",
        "key",
        "contact",
        "expires_at",
        "call_id",
        "cseq",
    }


def test_a_call_says_its_state_always():
    """The board is searched for it as bytes."""
    assert b'"state":"setup"' in to_json(CallState("c1", "id", "a@t1", "", "bob", "bob@t1", "setup"))


def test_what_a_newer_writer_adds_is_ignored():
    text = json.dumps({**to_dict(BOB), "colour": "green"})

    assert from_json(Binding, text) == BOB


@pytest.mark.parametrize("text", [b"", b"[]", b"nonsense", b'{"aor":"bob@t1"}', b'{"aor":"\xff"}'])
def test_what_is_no_record_is_a_value_error(text):
    with pytest.raises(ValueError):
        from_json(Binding, text)


def test_a_field_of_another_type_is_a_value_error():
    with pytest.raises(ValueError, match="cseq"):
        from_json(Binding, json.dumps({**to_dict(BOB), "cseq": "one"}))


def test_a_subscriber_shows_no_ha1():
    assert "00c0ffee" not in repr(SubscriberRecord("a@t1", "a", "t1", {"MD5": "00c0ffee"}))
