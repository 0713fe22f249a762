from __future__ import annotations

import pytest

from sipcore.registrar.push import PushRequest, split_push


@pytest.mark.parametrize(
    ("_case", "uri", "stripped", "push"),
    [
        ("no push", "sip:bob@h;transport=tcp", "sip:bob@h;transport=tcp", None),
        ("in between", "sip:bob@h;pn-prid=T;x=1;pn-provider=apns", "sip:bob@h;x=1", PushRequest("apns", "", "T")),
        ("any case", "sip:bob@h;PN-Provider=FCM;Pn-Prid=T", "sip:bob@h", PushRequest("fcm", "", "T")),
        (
            "escapes",
            "sip:h;pn-provider=webpush;pn-prid=https%3A%2F%2Fp%2f1",
            "sip:h",
            PushRequest("webpush", "", "https://p/1"),
        ),
        ("an equals sign within", "sip:h;pn-provider=fcm;pn-prid=QQ==", "sip:h", PushRequest("fcm", "", "QQ==")),
        ("headers stay", "sip:b@h;pn-provider=fcm?x=1", "sip:b@h?x=1", PushRequest("fcm")),
        ("legacy names go too", "sip:b@h;pn-type=apple;pn-tok=T;app-id=a", "sip:b@h;app-id=a", None),
        ("part of a user", "sip:b;pn-prid=1@h", "sip:b;pn-prid=1@h", None),
        ("said twice: the first", "sip:h;pn-provider=fcm;pn-prid=A;pn-prid=B", "sip:h", PushRequest("fcm", "", "A")),
        ("other names", "sip:h;spn-prid=1", "sip:h;spn-prid=1", None),
    ],
)
def test_push_parameters_come_out_and_the_rest_stays_byte_for_byte(_case, uri, stripped, push):
    assert split_push(uri) == (stripped, push)


def test_a_token_is_not_in_the_repr():
    assert "T0KEN" not in repr(split_push("sip:h;pn-provider=fcm;pn-prid=T0KEN"))
