"""What each part of the product is told, and what it is not."""

from __future__ import annotations

import pytest

from pbx.supervisor.product import _without_secrets

VAPID_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
VAPID_PUBLIC = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"PBX_PUSH_HTTP_URL": "https://x", "PBX_PUSH_HTTP_SECRET": "s"}, {"PBX_PUSH_HTTP_URL": "https://x"}),
        ({"PBX_FCM_CREDENTIALS": '{"private_key": "-----BEGIN"}'}, {"PBX_FCM_CREDENTIALS": "set"}),
        ({"PBX_APNS_KEY_FILE": "/run/secrets/key"}, {"PBX_APNS_KEY": "set"}),
        ({"PBX_APNS_KEY": ""}, {}),
        ({"PBX_VAPID_KEY": VAPID_PRIVATE}, {"PBX_VAPID_KEY": VAPID_PUBLIC}),
        ({"PBX_VAPID_KEY": "nonsense"}, {"PBX_VAPID_KEY": "nonsense"}),
        ({"SECRET_KEY_FILE": "/run/secrets/s", "DATABASE_URL": "postgresql://x:y@z", "PBX_SIP": "0.0.0.0:5060"}, {"PBX_SIP": "0.0.0.0:5060"}),
    ],
)  # fmt: skip
def test_a_sip_worker_is_told_no_secret(given, told):
    assert _without_secrets(given) == told
