"""Which phone is this: see also `test_registration.py`, where the rules are told as what phones do."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from sipcore.contract.flow import Flow
from sipcore.contract.location import BindingChanges
from sipcore.errors import RegisterRefused
from sipcore.registrar import registration

from .phones import EPOCH, FLOW, INSTANCE, OTHER_INSTANCE, apply, register

CONTACTS = st.builds(
    lambda host, port, instance, reg_id, push, expires: (
        f"<sip:bob@{host}:{port}{push}>{instance}{reg_id if instance else ''}{expires}"
    ),
    st.sampled_from(["192.168.1.5", "10.0.0.5"]),
    st.sampled_from(["5060", "5062"]),
    st.sampled_from(["", f';+sip.instance="<{INSTANCE}>"', f';+sip.instance="<{OTHER_INSTANCE}>"']),
    st.sampled_from(["", ";reg-id=1", ";reg-id=2"]),
    st.sampled_from(["", ";pn-provider=fcm;pn-prid=A", ";pn-provider=fcm;pn-prid=B"]),
    st.sampled_from(["", ";expires=0", ";expires=60"]),
)
REGISTERS = st.tuples(
    st.lists(CONTACTS, min_size=1, max_size=3),
    st.sampled_from(["call-a", "call-b"]),
    st.sampled_from(
        [Flow("udp", "198.51.100.7", 1), Flow("tcp", "198.51.100.7", 2, "t"), Flow("udp", "203.0.113.9", 3)]
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(REGISTERS, max_size=8))
def test_whatever_phones_register_keys_stay_unique_and_changes_add_up(registers):
    current = ()
    for number, (contacts, call_id, flow) in enumerate(registers):
        try:
            changes = apply(
                register(*contacts, call_id=call_id, cseq=number + 1), current, flow=flow, epoch=EPOCH + 30 * number
            )
        except RegisterRefused:
            continue
        before, after = {b.key: b for b in current}, {b.key: b for b in changes.bindings}

        assert len(after) == len(changes.bindings) <= 10
        assert {b.key for b in changes.inserted} == after.keys() - before.keys()
        assert {b.key for b in changes.removed} == before.keys() - after.keys()
        assert {b.key for b in changes.updated} == {
            key for key in before.keys() & after.keys() if before[key] is not after[key]
        }
        assert all("pn-" not in binding.contact for binding in changes.bindings)
        current = changes.bindings


ONE_PHONE = st.tuples(
    st.sampled_from(
        [
            "<sip:bob@10.0.0.1>;expires=600",
            "<sip:bob@10.0.0.1>;expires=0",
            "<sip:bob@10.0.0.1>;expires=900;q=0.5",
            "<sip:bob@10.0.0.1:5060>",
            f'<sip:bob@10.0.0.1>;+sip.instance="<{INSTANCE}>"',
            f'<sip:bob@10.0.0.1>;+sip.instance="<{INSTANCE}>";reg-id=1',
            "<sip:bob@10.0.0.1;pn-provider=fcm;pn-param=p;pn-prid=token>",
        ]
    ),
    st.sampled_from(["call-1", "call-2"]),
    st.integers(1, 4),  # CSeq
    st.sampled_from([0, 30, 1000]),  # seconds since the one before
    st.sampled_from([FLOW, FLOW._replace(host="203.0.113.9")]),
)


def _outcome(*arguments, **options):
    try:
        return apply(*arguments, **options)
    except RegisterRefused as refused:
        return str(refused), refused.status_hint


@settings(max_examples=200, deadline=None)
@given(st.lists(ONE_PHONE, min_size=2, max_size=6))
def test_the_short_way_for_a_refresh_comes_to_the_same_as_the_general_one(registers):
    current, epoch = (), EPOCH
    for contact, call_id, cseq, passed, flow in registers:
        epoch += passed
        request = register(contact, call_id=call_id, cseq=cseq)
        short = _outcome(request, current, flow=flow, epoch=epoch)
        with patch.object(registration, "_is_plain_refresh", return_value=False):
            assert short == _outcome(request, current, flow=flow, epoch=epoch)
        if isinstance(short, BindingChanges):
            current = short.bindings
