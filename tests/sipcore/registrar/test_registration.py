from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.contract.location import Binding, BindingChanges, PushParameters
from sipcore.errors import MalformedMessage, RegisterRefused
from sipcore.registrar import Limits, PushReport, Register, push_keys_dropped, push_report

from .phones import AOR, EPOCH, FLOW, INSTANCE, OTHER_INSTANCE, apply, bindings, register

BOB = "<sip:bob@192.168.1.5:5060>"
PHONE = f'{BOB};+sip.instance="<{INSTANCE}>"'


def test_a_first_registration_is_kept_with_all_that_is_needed_to_reach_the_phone():
    request = register(
        f'"Bob" <sip:bob@192.168.1.5:5060;ob>;q=0.7;expires=600;+sip.instance="<{INSTANCE}>";methods="INVITE, ACK"',
        headers=("Path: <sip:edge1.example;lr>, <sip:edge2.example;lr>", "User-Agent: Deskphone 1.0"),
    )

    changes = apply(request)

    binding = Binding(
        AOR,
        key=INSTANCE,
        contact="sip:bob@192.168.1.5:5060;ob",
        expires_at=EPOCH + 600,
        call_id="call-1",
        cseq=1,
        q=0.7,
        instance_id=INSTANCE,
        path=("<sip:edge1.example;lr>", "<sip:edge2.example;lr>"),
        transport="udp",
        host="198.51.100.7",
        port=40001,
        worker="worker-a",
        socket="udp:203.0.113.1:5060",
        user_agent="Deskphone 1.0",
        methods=("INVITE", "ACK"),
        registered_at=EPOCH,
        refreshed_at=EPOCH,
    )
    assert changes == BindingChanges(AOR, (binding,), inserted=(binding,))


@pytest.mark.parametrize(
    ("_case", "contact", "header", "granted"),
    [
        ("nothing said", BOB, None, 3600),
        ("header", BOB, 1800, 1800),
        ("parameter before header", f"{BOB};expires=900", 1800, 900),
        ("malformed parameter counts as an hour, RFC 3261 §20.10", f"{BOB};expires=soon", 60, 3600),
        ("empty parameter", f"{BOB};expires", 60, 3600),
        ("malformed header", BOB, "soon", 3600),
        ("too long", BOB, 99999, 7200),
        ("absurdly long", f"{BOB};expires=99999999999999999999999", None, 7200),
        ("the least", BOB, 60, 60),
    ],
)
def test_expiry_is_parameter_over_header_over_default_within_limits(_case, contact, header, granted):
    headers = () if header is None else (f"Expires: {header}",)

    (binding,) = apply(register(contact, headers=headers)).bindings

    assert binding.expires_at == EPOCH + granted


def test_a_brief_interval_is_refused_with_the_least_that_is_granted():
    with pytest.raises(RegisterRefused) as refused:
        apply(register(BOB, headers=("Expires: 59",)))

    assert (refused.value.status_hint, refused.value.headers) == (423, (("Min-Expires", "60"),))


def test_an_hour_is_never_too_brief():
    limits = Limits(min_expires=4000, default_expires=4000)

    (binding,) = apply(register(f"{BOB};expires=3600"), limits=limits).bindings

    assert binding.expires_at == EPOCH + 3600


@pytest.mark.parametrize(
    ("_case", "contacts", "headers", "status"),
    [
        ("star without Expires", ("*",), (), 400),
        ("star with another expiry", ("*",), ("Expires: 60",), 400),
        ("star beside a contact", ("*", BOB), ("Expires: 0",), 400),
        ("star in a list", (f"{BOB}, *",), ("Expires: 0",), 400),
        ("no SIP URI", ("<mailto:bob@pbx.example>",), (), 400),
        ("too brief beside one that is fine", (f"{BOB};expires=600", "<sip:b@h>;expires=5"), (), 423),
        ("an endless instance id", (f'{BOB};+sip.instance="<{"x" * 300}>"',), (), 400),
        ("reg-id with two contacts", (f"{PHONE};reg-id=1", "<sip:bob@192.168.1.6>"), (), 400),
        ("more contacts than fit", tuple(f"<sip:bob@192.168.1.{n}>" for n in range(11)), (), 503),
        ("an extension nobody has", (BOB,), ("Require: path, teleport",), 420),
        ("a path without end", (BOB,), tuple(f"Path: <sip:e{n}.example;lr>" for n in range(11)), 400),
    ],
)
def test_a_refused_register_changes_nothing(_case, contacts, headers, status):
    with pytest.raises(RegisterRefused) as refused:
        apply(register(*contacts, headers=headers), bindings(BOB))

    assert refused.value.status_hint == status


def test_the_extensions_that_are_missing_are_named():
    with pytest.raises(RegisterRefused) as refused:
        apply(register(BOB, headers=("Require: path, teleport",)))

    assert refused.value.headers == (("Unsupported", "teleport"),)


def test_a_contact_that_is_no_address_is_malformed():
    with pytest.raises(MalformedMessage):
        apply(register("<sip:bob@192.168.1.5"))


def test_a_register_without_contact_only_asks():
    current = bindings(BOB)

    changes = apply(register(cseq=2), current)

    assert changes.is_empty
    assert changes.bindings == current


def test_a_refresh_keeps_what_the_binding_is_and_renews_the_rest():
    (old,) = bindings(PHONE)

    changes = apply(register(PHONE, cseq=2), (old,), epoch=EPOCH + 1000)

    (new,) = changes.bindings
    assert changes == BindingChanges(AOR, (new,), updated=(new,))
    assert (new.key, new.registered_at, new.refreshed_at) == (old.key, EPOCH, EPOCH + 1000)
    assert (new.cseq, new.expires_at) == (2, EPOCH + 4600)


def test_a_contact_with_expires_0_is_removed():
    current = bindings(BOB, "<sip:bob@192.168.1.6>")

    changes = apply(register(f"{BOB};expires=0", cseq=2), current)

    assert changes.removed == current[:1]
    assert changes.bindings == current[1:]
    assert changes.removed_reason == "unregister"


def test_removing_what_is_not_there_is_no_error():
    changes = apply(register("<sip:gone@192.168.1.9>;expires=0", cseq=2), bindings(BOB))

    assert changes.is_empty


@pytest.mark.parametrize("contact", [f"{PHONE};expires=0", f"{BOB};expires=0"])
def test_a_phone_may_unregister_by_instance_or_by_address(contact):
    changes = apply(register(contact, cseq=2), bindings(PHONE))

    assert changes.bindings == ()


def test_star_removes_everything():
    current = bindings(BOB, "<sip:bob@192.168.1.6>") + apply(register(PHONE, call_id="other", cseq=99)).bindings

    changes = apply(register("*", cseq=2, headers=("Expires: 0",)), current)

    assert changes == BindingChanges(AOR, (), removed=current)


# CSeq (§10.3 steps 6 and 7)


@pytest.mark.parametrize(
    ("_case", "contacts", "headers"),
    [
        ("refresh", (BOB,), ()),
        ("unregister", (f"{BOB};expires=0",), ()),
        ("everything", ("*",), ("Expires: 0",)),
        ("beside a new one", ("<sip:bob@192.168.1.6>", BOB), ()),
    ],
)
def test_a_register_that_was_overtaken_fails_as_a_whole(_case, contacts, headers):
    current = apply(register(BOB, cseq=5)).bindings

    with pytest.raises(RegisterRefused) as refused:
        apply(register(*contacts, cseq=4, headers=headers), current)

    assert refused.value.status_hint == 500


def test_the_same_register_twice_changes_nothing_and_is_no_error():
    request = register(BOB, "<sip:bob@192.168.1.6>", cseq=5)
    current = apply(request).bindings

    changes = apply(request, current, epoch=EPOCH + 40)

    assert changes.is_empty
    assert changes.bindings == current


@pytest.mark.parametrize("contact", [f"{BOB};expires=0", f'<sip:bob@192.168.1.77>;+sip.instance="<{INSTANCE}>"'])
def test_the_same_cseq_with_other_content_is_no_repetition(contact):
    current = apply(register(PHONE, cseq=5)).bindings

    with pytest.raises(RegisterRefused) as refused:
        apply(register(contact, cseq=5), current)

    assert refused.value.status_hint == 500


def test_a_restarted_phone_with_another_call_id_may_count_from_one():
    current = apply(register(BOB, call_id="before", cseq=70)).bindings

    changes = apply(register(BOB, call_id="after", cseq=1), current)

    assert [(b.call_id, b.cseq) for b in changes.updated] == [("after", 1)]


def test_an_expired_binding_does_not_hold_its_phone_to_its_cseq():
    current = apply(register(BOB, cseq=70)).bindings

    changes = apply(register(BOB, cseq=1), current, epoch=EPOCH + 3600)

    assert [(b.cseq, b.registered_at) for b in changes.updated] == [(1, EPOCH + 3600)]


def test_an_expired_binding_is_left_to_the_sweeper():
    current = apply(register(BOB)).bindings

    changes = apply(register("<sip:bob@192.168.1.6>", call_id="new"), current, epoch=EPOCH + 3601)

    assert changes.removed == ()
    assert [b.contact for b in changes.bindings] == ["sip:bob@192.168.1.5:5060", "sip:bob@192.168.1.6"]


# Which phone it is


def test_a_phone_that_comes_from_a_new_port_is_the_same_phone():
    current = bindings(PHONE)
    moved = f'<sip:bob@192.168.1.5:5064>;+sip.instance="<{INSTANCE.upper().replace("URN:UUID", "urn:uuid")}>"'

    changes = apply(register(moved, call_id="after-restart"), current, flow=FLOW._replace(port=40009))

    (binding,) = changes.bindings
    assert changes.updated == (binding,)
    assert (binding.contact, binding.port, binding.registered_at) == ("sip:bob@192.168.1.5:5064", 40009, EPOCH)


def test_the_same_address_with_another_instance_is_a_phone_in_place_of_the_old_one():
    old = bindings(PHONE)

    changes = apply(register(f'{BOB};+sip.instance="<{OTHER_INSTANCE}>"', call_id="new-app"), old)

    assert (changes.removed, changes.removed_reason) == (old, "replaced")
    assert [b.key for b in changes.inserted] == [OTHER_INSTANCE]


def test_two_phones_with_the_same_private_address_behind_two_nats_are_two():
    first = bindings(PHONE)

    changes = apply(
        register(f'{BOB};+sip.instance="<{OTHER_INSTANCE}>"', call_id="elsewhere"),
        first,
        flow=Flow("udp", "203.0.113.99", 5060),
    )

    assert [b.key for b in changes.bindings] == [INSTANCE, OTHER_INSTANCE]


def test_two_flows_of_one_phone_are_two_bindings():
    first = apply(register(f"{PHONE};reg-id=1")).bindings

    changes = apply(register(f"{PHONE};reg-id=2", call_id="second-flow"), first)

    assert [b.key for b in changes.bindings] == [f"{INSTANCE};reg-id=1", f"{INSTANCE};reg-id=2"]


def test_a_phone_that_learns_about_flows_leaves_no_old_binding_behind():
    old = bindings(PHONE)

    changes = apply(register(f"{PHONE};reg-id=1", call_id="updated-firmware"), old)

    assert (changes.removed, changes.removed_reason) == (old, "replaced")
    assert [b.key for b in changes.bindings] == [f"{INSTANCE};reg-id=1"]


def test_reg_id_means_nothing_without_an_instance():
    (binding,) = bindings(f"{BOB};reg-id=1")

    assert (binding.key, binding.reg_id) == ("sip:bob@192.168.1.5:5060", 0)


@pytest.mark.parametrize(
    "again",
    [
        "<sip:bob@192.168.1.5:5060;lr>",
        "<sip:%62ob@192.168.1.5:5060>",
        "<SIP:bob@192.168.1.5:5060>",
        "sip:bob@192.168.1.5:5060",
    ],
)
def test_addresses_are_compared_as_uris_and_the_key_stays(again):
    current = bindings(BOB)

    changes = apply(register(again, cseq=2), current)

    assert [b.key for b in changes.updated] == ["sip:bob@192.168.1.5:5060"]
    assert changes.updated == changes.bindings


@pytest.mark.parametrize("other", ["<sip:Bob@192.168.1.5:5060>", "<sip:bob@192.168.1.5>", f"{BOB[:-1]};transport=tcp>"])
def test_addresses_that_differ_are_two_phones(other):
    changes = apply(register(other, call_id="other-phone"), bindings(BOB))

    assert len(changes.bindings) == 2
    assert len(changes.inserted) == 1


def test_a_key_stays_unique_though_equality_of_addresses_is_not_transitive():
    first = bindings("<sip:bob@h;x=1>")
    widened = apply(register("<sip:bob@h>", cseq=2), first).bindings
    narrowed = apply(register("<sip:bob@h;x=2>", cseq=3), widened).bindings

    changes = apply(register("<sip:bob@h;x=1>", cseq=4), narrowed)

    assert [(b.key, b.contact) for b in changes.bindings] == [
        ("sip:bob@h;x=1", "sip:bob@h;x=2"),
        ("sip:bob@h;x=1#2", "sip:bob@h;x=1"),
    ]


def test_a_phone_that_reconnects_leaves_no_binding_to_its_dead_connection():
    before = Flow("tcp", "198.51.100.7", 33001, "tcp-1")
    after = Flow("tcp", "198.51.100.7", 33002, "tcp-2")
    old = apply(register("<sip:bob@192.168.1.5:33001;transport=tcp>"), flow=before).bindings

    changes = apply(register("<sip:bob@192.168.1.5:33002;transport=tcp>", cseq=2), old, flow=after)

    assert (changes.removed, changes.removed_reason) == (old, "replaced")
    assert [b.connection for b in changes.bindings] == ["tcp-2"]


def test_a_second_contact_over_the_same_flow_is_no_reconnection():
    current = bindings("<sip:bob@192.168.1.5:5060>")

    changes = apply(register("<sip:bob@192.168.1.5:5070>", cseq=2), current)

    assert changes.removed == ()
    assert len(changes.bindings) == 2


def test_two_contacts_of_one_phone_in_one_register_are_both_honoured_and_stay_apart():
    wifi = f'<sip:bob@192.168.1.5>;+sip.instance="<{INSTANCE}>"'
    wire = f'<sip:bob@10.0.0.5>;+sip.instance="<{INSTANCE}>"'
    current = bindings(wifi, wire)

    changes = apply(register(wire, wifi, cseq=2), current)

    keys = {b.contact: b.key for b in current}
    assert keys == {"sip:bob@192.168.1.5": INSTANCE, "sip:bob@10.0.0.5": f"{INSTANCE}#2"}
    assert {b.contact: b.key for b in changes.bindings} == keys
    assert len(changes.updated) == 2
    assert changes.removed == ()


def test_a_new_address_given_with_the_end_of_the_old_one_is_an_update():
    """As phones do that notice a new IP address."""
    current = bindings(PHONE)
    new = f'<sip:bob@10.9.9.9>;+sip.instance="<{INSTANCE}>"'

    for contacts in ((f"{PHONE};expires=0", new), (new, f"{PHONE};expires=0")):
        changes = apply(register(*contacts, cseq=2), current)

        assert [(b.key, b.contact) for b in changes.updated] == [(INSTANCE, "sip:bob@10.9.9.9")]
        assert changes.removed == ()


# How many


def test_the_binding_that_was_silent_longest_makes_room():
    limits = Limits(max_bindings=2)
    current: tuple[Binding, ...] = ()
    for minute, name in enumerate(["a", "b", "a"]):
        request = register(f"<sip:{name}@192.168.1.5>", call_id=name, cseq=minute + 1)
        current = apply(request, current, limits=limits, epoch=EPOCH + 60 * minute).bindings

    changes = apply(register("<sip:c@192.168.1.5>", call_id="c"), current, limits=limits, epoch=EPOCH + 240)

    assert [b.contact for b in changes.removed] == ["sip:b@192.168.1.5"]
    assert changes.removed_reason == "evicted"
    assert [b.contact for b in changes.bindings] == ["sip:a@192.168.1.5", "sip:c@192.168.1.5"]


def test_expired_bindings_take_no_room():
    limits = Limits(max_bindings=1)
    current = bindings(BOB)

    changes = apply(register("<sip:c@192.168.1.5>", call_id="c"), current, limits=limits, epoch=EPOCH + 3601)

    assert changes.removed == ()


# Push (RFC 8599)

TOKEN = "c0ffee:APA91bF-x%2F%3d"
WITH_PUSH = f"<sip:bob@192.168.1.5:5060;pn-provider=FCM;transport=tcp;pn-param=proj;pn-prid={TOKEN}>"


def test_the_token_is_kept_as_a_hash_and_leaves_the_contact():
    changes = apply(register(WITH_PUSH), push_providers=("fcm",))

    (binding,) = changes.bindings
    assert binding.contact == "sip:bob@192.168.1.5:5060;transport=tcp"
    assert binding.push == PushParameters("fcm", "proj", "1766f8db8cb046f9")
    assert binding.key == "push:fcm:proj:1766f8db8cb046f9"
    assert "APA91" not in repr(changes)


def test_the_token_is_reported_once_and_never_printed():
    request = register(WITH_PUSH)

    (report,) = push_report(Register(request), apply(request).bindings)

    until = apply(request).bindings[0].expires_at
    token = "c0ffee:APA91bF-x/="
    assert report == PushReport("push:fcm:proj:1766f8db8cb046f9", "fcm", "proj", token, "", until, False)
    assert "APA91" not in repr(report)


@pytest.mark.acceptance("H74")
def test_two_contacts_with_push_are_both_honoured():
    request = register(
        f'<sip:bob@192.168.1.5;pn-provider=fcm;pn-prid=A>;+sip.instance="<{INSTANCE}>"',
        f'<sip:bob@192.168.1.5:9;pn-provider=apns;pn-param=T.b.voip;pn-prid=B>;+sip.instance="<{INSTANCE}>"',
    )

    changes = apply(request)

    assert [b.push.provider for b in changes.bindings] == ["fcm", "apns"]
    until = changes.bindings[0].expires_at
    assert push_report(Register(request), changes.bindings) == [
        PushReport(INSTANCE, "fcm", "", "A", INSTANCE, until, False),
        PushReport(f"{INSTANCE}#2", "apns", "T.b.voip", "B", INSTANCE, until, False),
    ]


def test_a_woken_app_with_a_new_port_is_known_by_its_token():
    current = bindings(WITH_PUSH)
    woken = WITH_PUSH.replace("5060", "5066")

    changes = apply(register(woken, call_id="new-process"), current, flow=Flow("tcp", "198.51.100.7", 9, "tcp-9"))

    assert [b.contact for b in changes.updated] == ["sip:bob@192.168.1.5:5066;transport=tcp"]
    assert changes.bindings == changes.updated


@pytest.mark.parametrize(
    "contact", ["<sip:bob@h;pn-provider=fcm>", "<sip:bob@h;pn-provider>", "<sip:bob@h;pn-provider=fcm;pn-prid=>"]
)
def test_a_query_makes_no_push_binding(contact):
    request = register(contact)

    (binding,) = apply(request, push_providers=("fcm",)).bindings

    assert (binding.push, binding.contact) == (None, "sip:bob@h")
    assert push_report(Register(request)) == []


def test_an_unknown_provider_is_refused():
    with pytest.raises(RegisterRefused) as refused:
        apply(register("<sip:bob@h;pn-provider=foo;pn-prid=x>"), push_providers=("fcm",))

    assert refused.value.status_hint == 555


def test_a_provider_that_is_known_but_not_configured_registers_like_any_phone():
    (binding,) = apply(register("<sip:bob@h;pn-provider=apns;pn-prid=x>;expires=60"), push_providers=("fcm",)).bindings

    assert binding.expires_at == EPOCH + 60


@pytest.mark.acceptance("H68")
@pytest.mark.parametrize(
    ("_case", "contact", "seconds", "granted"),
    [
        ("may sleep for a day", WITH_PUSH, 90000, 86400),
        ("less than a wake-up takes", WITH_PUSH, 149, None),
        ("refreshes by itself", f"{WITH_PUSH};+sip.pnsreg", 149, 149),
        ("asks only", "<sip:bob@h;pn-provider=fcm>", 90000, 7200),
    ],
)
def test_a_phone_that_is_woken_has_limits_of_its_own(_case, contact, seconds, granted):
    request = register(contact, headers=(f"Expires: {seconds}",))

    if granted is None:
        with pytest.raises(RegisterRefused) as refused:
            apply(request, push_providers=("fcm",))
        assert (refused.value.status_hint, refused.value.headers) == (423, (("Min-Expires", "150"),))
    else:
        assert apply(request, push_providers=("fcm",)).bindings[0].expires_at == EPOCH + granted


def test_nobody_pushes_when_a_proxy_on_the_way_has_promised_to():
    request = register(WITH_PUSH, headers=('Feature-Caps: *;+sip.pns="fcm"',))

    (binding,) = apply(request, push_providers=("fcm",)).bindings

    assert (binding.push, binding.contact) == (None, "sip:bob@192.168.1.5:5060;transport=tcp")
    assert push_report(Register(request)) == []


INSTANCE_PUSH = f'<sip:bob@h;pn-provider=fcm;pn-prid=A>;+sip.instance="<{INSTANCE}>"'
INSTANCE_ROTATED = f'<sip:bob@h;pn-provider=fcm;pn-prid=B>;+sip.instance="<{INSTANCE}>"'
INSTANCE_PLAIN = f'<sip:bob@h>;+sip.instance="<{INSTANCE}>"'


@pytest.mark.parametrize(
    ("_case", "before", "now", "dropped"),
    [
        ("refresh", INSTANCE_PUSH, INSTANCE_PUSH, ()),
        ("rotation", INSTANCE_PUSH, INSTANCE_ROTATED, ()),
        ("unregister", INSTANCE_PUSH, f"{INSTANCE_PUSH};expires=0", (INSTANCE,)),
        ("unregister without pn-*", INSTANCE_PUSH, f"{INSTANCE_PLAIN};expires=0", (INSTANCE,)),
        ("unregister after expiry", None, f"{INSTANCE_PUSH};expires=0", (INSTANCE,)),
        ("push switched off", INSTANCE_PUSH, INSTANCE_PLAIN, (INSTANCE,)),
        ("never had any", INSTANCE_PLAIN, INSTANCE_PLAIN, ()),
        ("desk phone leaves", BOB, f"{BOB};expires=0", ()),
        ("another phone", INSTANCE_PUSH, BOB, ()),
    ],
)
def test_phones_that_no_longer_want_to_be_woken_are_named(_case, before, now, dropped):
    current = () if before is None else bindings(before)
    request = register(now, cseq=2)

    assert push_keys_dropped(Register(request), current, apply(request, current)) == dropped


def test_whoever_removes_everything_wants_no_wake_ups():
    current = bindings(INSTANCE_PUSH)
    request = register("*", cseq=2, headers=("Expires: 0",))

    assert push_keys_dropped(Register(request), current, apply(request, current)) == (INSTANCE,)


def test_whoever_was_evicted_may_still_be_woken():
    limits = Limits(max_bindings=1)
    current = bindings(INSTANCE_PUSH)
    request = register(BOB, call_id="another")

    changes = apply(request, current, limits=limits)

    assert changes.removed == current
    assert push_keys_dropped(Register(request), current, changes) == ()
