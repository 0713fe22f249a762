from __future__ import annotations

import pytest

from sipcore.contract.flow import Flow
from sipcore.registrar import Register, ok_headers

from .phones import EPOCH, INSTANCE, LIMITS, OTHER_INSTANCE, apply, register

TCP = Flow("tcp", "198.51.100.7", 33001, "tcp-1")
WITH_PUSH = "<sip:bob@192.168.1.5;pn-provider=fcm;pn-param=proj;pn-prid=TOKEN;ob>"
DATE = ("Date", "Fri, 15 Jan 2027 08:00:00 GMT")
SUPPORTED = ("Supported", "path, outbound")


def answer(request, bindings, *, epoch=EPOCH, push_providers=(), vapid=""):
    return ok_headers(
        Register(request), bindings, epoch=epoch, limits=LIMITS, push_providers=push_providers, vapid=vapid
    )


def promises(request, push_providers, vapid=""):
    headers = answer(
        request, apply(request, push_providers=push_providers).bindings, push_providers=push_providers, vapid=vapid
    )
    return [value for name, value in headers if name == "Feature-Caps"]


def test_all_bindings_are_listed_with_what_is_left_of_their_time():
    desk = apply(register("<sip:bob@192.168.1.5>;q=0.25;expires=600", call_id="desk")).bindings
    request = register(f'<sip:bob@192.168.1.6>;+sip.instance="<{INSTANCE}>"', call_id="soft")
    bindings = apply(request, desk, epoch=EPOCH + 0.5).bindings

    assert answer(request, bindings, epoch=EPOCH + 0.5) == [
        ("Contact", "<sip:bob@192.168.1.5>;expires=600;q=0.25"),
        ("Contact", f'<sip:bob@192.168.1.6>;expires=3600;+sip.instance="<{INSTANCE}>"'),
        ("Date", "Fri, 15 Jan 2027 08:00:00 GMT"),
        SUPPORTED,
    ]


def test_nothing_that_has_expired_is_listed():
    request = register("<sip:bob@192.168.1.5>")

    assert answer(request, apply(request).bindings, epoch=EPOCH + 3600)[0][0] == "Date"


def test_the_path_is_given_back():
    request = register("<sip:bob@192.168.1.5>", headers=("Path: <sip:e1.example;lr>,<sip:e2.example;lr>",))

    assert answer(request, ()) == [DATE, ("Path", "<sip:e1.example;lr>"), ("Path", "<sip:e2.example;lr>"), SUPPORTED]


@pytest.mark.parametrize(
    ("_case", "flow", "headers", "outbound"),
    [
        ("over a connection", TCP, ("Supported: path, Outbound",), True),
        ("over UDP nobody answers its keep-alives", TCP._replace(transport="udp"), ("Supported: outbound",), False),
        ("the phone does not know it", TCP, (), False),
        ("an edge that takes part", TCP, ("Supported: outbound", "Path: <sip:e.example;lr;ob>"), True),
        ("an edge that does not", TCP, ("Supported: outbound", "Path: <sip:e.example;lr>"), False),
    ],
)
def test_outbound_is_promised_only_where_it_is_true(_case, flow, headers, outbound):
    request = register(f'<sip:bob@h>;+sip.instance="<{INSTANCE}>";reg-id=1', headers=headers)

    given = answer(request, apply(request, flow=flow).bindings)

    assert (("Require", "outbound") in given) is outbound


def test_another_phones_flow_promises_nothing():
    other = apply(
        register(f'<sip:bob@g>;+sip.instance="<{OTHER_INSTANCE}>";reg-id=1', call_id="other"), flow=TCP
    ).bindings
    request = register("<sip:bob@h>", headers=("Supported: outbound",))

    assert ("Require", "outbound") not in answer(request, apply(request, other).bindings)


def test_a_phone_finds_its_own_contact_as_it_sent_it():
    request = register(WITH_PUSH)

    assert answer(request, apply(request).bindings)[0] == ("Contact", f"{WITH_PUSH};expires=3600")


def test_nobody_else_sees_push_parameters():
    sleeping = apply(register(WITH_PUSH, call_id="sleeping")).bindings
    request = register("<sip:bob@192.168.1.6>", call_id="desk")

    headers = answer(request, apply(request, sleeping).bindings)

    assert headers[0] == ("Contact", "<sip:bob@192.168.1.5;ob>;expires=3600")
    assert "TOKEN" not in repr(headers)


def test_a_copied_contact_does_not_bring_somebody_elses_token_to_light():
    sleeping = apply(register(WITH_PUSH, call_id="sleeping")).bindings
    request = register(
        f'<sip:bob@192.168.1.5;ob;pn-provider=fcm;pn-prid=MINE>;+sip.instance="<{INSTANCE}>"', call_id="curious"
    )

    headers = answer(request, apply(request, sleeping, flow=TCP._replace(host="203.0.113.9")).bindings)

    assert "TOKEN" not in repr(headers)


@pytest.mark.acceptance("H66")
@pytest.mark.parametrize(
    ("_case", "contact", "providers", "expected"),
    [
        ("a token", WITH_PUSH, ("apns", "fcm"), ['*;+sip.pns="fcm"']),
        ("refreshes by itself", f"{WITH_PUSH};+sip.pnsreg", ("fcm",), ['*;+sip.pns="fcm";+sip.pnsreg="130"']),
        ("asks about one", "<sip:bob@h;pn-provider=fcm>", ("apns", "fcm"), ['*;+sip.pns="fcm"']),
        ("asks about all", "<sip:bob@h;pn-provider>", ("fcm", "apns"), ['*;+sip.pns="apns"', '*;+sip.pns="fcm"']),
        ("asks about one that is not configured", "<sip:bob@h;pn-provider=apns>", ("fcm",), []),
        ("a token for one that is not configured", WITH_PUSH, ("apns",), []),
        (
            "the key beside webpush",
            "<sip:bob@h;pn-provider=webpush;pn-prid=x>",
            ("webpush",),
            ['*;+sip.pns="webpush";+sip.vapid="KEY"'],
        ),
        ("no push at all", "<sip:bob@h>", ("fcm",), []),
        ("unregisters", f"{WITH_PUSH};expires=0", ("fcm",), []),
        ("pn-* without a provider", "<sip:bob@h;pn-prid=x>", ("fcm",), []),
    ],
)
def test_push_is_promised_for_what_can_be_kept(_case, contact, providers, expected):
    assert promises(register(contact), providers, vapid="KEY") == expected


def test_nothing_is_promised_twice_on_one_path():
    request = register(WITH_PUSH, headers=('Feature-Caps: *;+sip.pns="fcm"',))

    assert promises(request, ("fcm",)) == []


def test_the_end_of_all_bindings_is_answered_without_contacts():
    request = register("*", cseq=2, headers=("Expires: 0",))

    assert answer(request, ()) == [DATE, SUPPORTED]
