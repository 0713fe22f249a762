"""Which phone is this: see also `test_registration.py`, where the rules are told as what phones do."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sipcore.contract.flow import Flow
from sipcore.errors import RegisterRefused

from .phones import EPOCH, INSTANCE, OTHER_INSTANCE, apply, register

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
